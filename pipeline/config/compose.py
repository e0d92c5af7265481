"""Compose `conf/` or read `params.yaml`, and report all errors in the overrides at once."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.config.config import Config, check, with_values
from pipeline.config.errors import ConfigError, did_you_mean
from pipeline.config.registry import family_names, family_of
from pipeline.config.sections import Section
from pipeline.storage import CONF

PARAMS = Path("params.yaml")
"""The composed configuration in the current folder, which DVC's stages read."""
ALIAS = re.compile(r"&\w[\s\S]*\*\w")
"""A YAML anchor, and an alias of it."""
MOST_VALUES = 100_000
"""Largest number of values that the aliases of a file may stand for."""
ENVIRONMENT = "${oc.env:"
"""Beginning of a reference to an environment variable."""
ROOT_CONFIG = "config"
"""Name of the primary config in conf/; `params.yaml` is already composed and has no groups."""


def load(overrides: list[str], folder: Path = CONF, name: str = ROOT_CONFIG, added: Path | None = None) -> Config:
    """Compose a configuration and validate it.

    Args:
        overrides: Overrides in Hydra's grammar, such as `data=flights` and `train.epochs=3`.
        folder: Folder of the primary config.
        name: File name of the primary config, without `.yaml`.
        added: Folder with more files of the groups.

    Raises:
        ConfigError: Lists as many errors as can be found at once.
    """
    parsed, faults = _parse(overrides)
    if not (folder / f"{name}.yaml").is_file():
        raise ConfigError([f"{folder / name}.yaml: no such file; `python -m pipeline.compose` writes params.yaml"])
    folders = [folder, *([added] if added else [])]
    groups = (
        {path.name for each in folders for path in each.iterdir() if path.is_dir()} if name == ROOT_CONFIG else set()
    )
    chosen = [o for o in parsed if o.key_or_group in groups]
    faults += [fault for o in chosen if (fault := unknown_choice(o, *folders))]
    if faults:
        raise ConfigError(faults)
    for each in folders:
        _refuse_expansion(each)
    searched = [f"hydra.searchpath=['file://{added}']"] if added else []
    base, _ = _compose([*searched, *(o.input_line for o in chosen)], folder, name)
    values = [o for o in parsed if o.key_or_group not in groups]
    unknown = [(o, _unknown_key(o, base, groups, folder)) for o in values]
    faults = [fault for _, fault in unknown if fault]
    good = [o for o, fault in unknown if not fault]
    try:
        tree, references = _compose([*searched, *(o.input_line for o in [*chosen, *good])], folder, name)
        config = replace(check(tree), references=references)
    except ConfigError as error:
        raise ConfigError([*faults, *error.faults]) from None
    faults += [fault for o in chosen if (fault := _another_name(o, parsed, config))]
    if faults:
        raise ConfigError(faults)
    return config


def recorded_tree(overrides: list[str]) -> dict[str, Any]:
    """Compose `conf/` without validation, with references to the environment instead of values; see `Config`."""
    tree, references = _compose(overrides, CONF, ROOT_CONFIG)
    return with_values(tree, references)


def section_of(path: Path) -> dict[str, Any] | None:
    """Return the section in a file of a group, merged with its defaults; None if the file holds no section."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    if not isinstance(content, dict):
        return None
    section: dict[str, Any] = {}
    for name in content.pop("defaults", []):
        if isinstance(name, str) and name != "_self_":
            section |= section_of(path.parent / f"{name.partition('@')[0]}.yaml") or {}
    return {**section, **content}


def tracking_uri() -> str | None:
    """Return the tracking URI in params.yaml; None for the default store at the root."""
    try:
        written = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))["tracking"]["uri"]
        uri = OmegaConf.create({"uri": written}).uri  # resolves a reference to the environment
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        return None
    except OmegaConfBaseException as error:
        raise ConfigError([f"tracking.uri: {error}"]) from error
    return None if uri is None else str(uri)


def out_of_sync(overrides: list[str]) -> tuple[list[str], str]:
    """Compare params.yaml with the composition of its own experiment.

    Returns:
        A line for each key that differs, and the command that writes params.yaml again.

    Raises:
        ConfigError: There is no params.yaml, or conf/ does not compose.
    """
    if not PARAMS.is_file():
        raise ConfigError([f"{PARAMS}: no such file; `python -m pipeline.compose` writes it"])
    try:
        current = dict(flatten(yaml.safe_load(PARAMS.read_text(encoding="utf-8")) or {}))
    except (OSError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise ConfigError([f"{PARAMS}: cannot be read ({error}); `python -m pipeline.compose` writes it"]) from error
    has_experiment = any(text.startswith("experiment=") for text in overrides)
    experiment = [] if has_experiment or "name" not in current else [f"experiment={current['name']}"]
    expected = dict(flatten(load([*experiment, *overrides]).recorded))
    missing = object()
    faults = [
        f"{key}: {PARAMS} has {_shown(current, key)}, conf/ gives {_shown(expected, key)}"
        for key in sorted({*current, *expected})
        if current.get(key, missing) != expected.get(key, missing)
    ]
    return faults, " ".join(["python -m pipeline.compose", *experiment, *overrides])


def _shown(tree: dict[str, Any], key: str) -> str:
    return repr(tree[key]) if key in tree else "nothing"


def dump(config: Config) -> str:
    """Return a configuration as YAML, in the format of DVC's own compositions."""
    return OmegaConf.to_yaml(OmegaConf.create(config.recorded))


def flatten(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield `(dotted path, value)` for each leaf; lists are leaves."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _parse(overrides: list[str]) -> tuple[list[Override], list[str]]:
    parsed, faults = [], []
    for text in overrides:
        try:
            override = OverridesParser.create().parse_override(text)
        except HydraException:
            faults.append(f"{text}: not an override; expected key=value, for example train.epochs=3")
            continue
        if override.is_sweep_override():
            faults.append(
                f"{text}: expected one value; `dvc exp run --queue -S experiment=NAME -S '{text}'` queues one run "
                "per value"
            )
        else:
            parsed.append(override)
    return parsed, faults


def unknown_choice(override: Override, *folders: Path) -> str | None:
    """Return an error if a group choice such as `experiment=NAME` has no file in any of the folders; else None."""
    known = [path.stem for folder in folders for path in (folder / override.key_or_group).glob("*.yaml")]
    if override.is_delete():
        return (
            f"{override.input_line}: this section is required; {override.key_or_group}=NAME chooses another file of it"
        )
    choice = str(override.value())
    if choice in known:
        return None
    return f"{override.input_line}: no file conf/{override.key_or_group}/{choice}.yaml{did_you_mean(choice, known)}"


def _another_name(override: Override, parsed: list[Override], config: Config) -> str | None:
    # The opening line, `--check` and MLflow look up an experiment by its name.
    choice = str(override.value())
    if override.key_or_group != "experiment" or config.name == choice or any(o.key_or_group == "name" for o in parsed):
        return None
    return f"name: conf/experiment/{choice}.yaml sets {config.name!r}; set name: {choice}, like the file"


def _unknown_key(override: Override, base: dict[str, Any], groups: set[str], folder: Path) -> str | None:
    key = override.key_or_group
    if key == "hydra" or key.startswith(("hydra.", "hydra/")):
        return None
    if key in groups or not folder.is_dir() or OmegaConf.select(OmegaConf.create(base), key, default=base) is not base:
        return None
    if override.is_add() and "." in key and OmegaConf.select(OmegaConf.create(base), key.rsplit(".", 1)[0]) is not None:
        return None  # validation of the section decides whether it has this key
    if name := _new_name(key, base):
        return f"{override.input_line}: this key was renamed to {name}"
    leaves = [path for path, _ in flatten(base)]
    return f"{override.input_line}: unknown key{did_you_mean(key, [*leaves, *groups])}"


def _new_name(key: str, base: dict[str, Any]) -> str | None:
    """Return the current name of a key from an earlier version; None if there is none."""
    section, _, name = key.partition(".")
    task = str(base.get("task"))
    if task not in family_names():
        return None
    family = family_of(task)
    types: dict[str, list[type[Section]]] = {
        "data": [family.data],
        "train": [family.train],
        "model": [*family.models.values()],
    }
    new = next((kind.renamed[name] for kind in types.get(section, []) if name in kind.renamed), None)
    return f"{section}.{new}" if new else None


def _refuse_expansion(folder: Path) -> None:
    """Reject a file whose aliases repeat themselves into more values than memory holds.

    Raises:
        ConfigError: Names the file.
    """
    for path in folder.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8", errors="replace")
        if not ALIAS.search(text):
            continue
        try:
            size = _expanded(yaml.compose(text, Loader=yaml.CSafeLoader), {})
        except yaml.YAMLError:
            continue  # composing reports it
        if size > MOST_VALUES:
            raise ConfigError([f"{path}: its aliases (*NAME) stand for {size:,} values; write out what is meant"])


def _expanded(node: yaml.Node | None, known: dict[int, int]) -> int:
    """Return the number of values of a node, with those that its aliases stand for."""
    if id(node) not in known:
        known[id(node)] = 1  # an alias of itself counts once
        if isinstance(node, yaml.SequenceNode):
            known[id(node)] += sum(_expanded(child, known) for child in node.value)
        elif isinstance(node, yaml.MappingNode):
            known[id(node)] += sum(_expanded(child, known) for pair in node.value for child in pair)
    return known[id(node)]


def _compose(overrides: list[str], folder: Path, name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return composed settings, and those that refer to environment variables, by key."""
    # A sweep composes inside Hydra's own run, and Hydra allows only one at a time.
    outer = GlobalHydra.instance()
    kept, outer.hydra = outer.hydra, None
    try:
        with initialize_config_dir(str(folder.resolve()), version_base="1.3"):
            composed = hydra_compose(config_name=name, overrides=overrides)
        tree = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
        written = OmegaConf.to_container(composed, resolve=False)
    except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
        raise ConfigError([f"{folder / name}.yaml does not compose: {error}"]) from error
    finally:
        GlobalHydra.instance().hydra = kept
    if not isinstance(tree, dict):
        raise ConfigError([f"{folder / name}.yaml: expected sections, received {type(tree).__name__}"])
    references = {key: text for key, text in flatten(written) if isinstance(text, str) and ENVIRONMENT in text}
    return {str(key): value for key, value in tree.items()}, references
