"""The whole configuration, typed; all of its errors are reported at once."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError

from pipeline.config.errors import ConfigError, did_you_mean
from pipeline.config.registry import Family, family_names, family_of
from pipeline.config.sections import Export, Head, Section, Tracking, Train

Kind = TypeVar("Kind", bound=Section)
SECTIONS = ("data", "model", "train", "evaluate", "export", "tracking")


@dataclass(frozen=True)
class Config:
    """The configuration of one experiment. `tree` holds the same settings as plain dictionaries.

    The types of `data`, `model`, `train` and `evaluate` depend on the family; see `Family`. `references` holds the
    settings that refer to an environment variable, by key: `${oc.env:NAME}` instead of its value.
    """

    name: str
    task: str
    seed: int
    data: Any
    model: Any
    train: Any
    evaluate: Any
    export: Export
    tracking: Tracking
    tree: dict[str, Any]
    references: Mapping[str, str] = field(default_factory=dict)

    @property
    def recorded(self) -> dict[str, Any]:
        """The settings as they are written down: with references to environment variables instead of their values."""
        return with_values(self.tree, self.references)

    @property
    def family(self) -> Family:
        """The family of networks that `task` names."""
        return family_of(self.task)


def with_values(tree: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of settings with some of them changed, each named by its dotted path."""
    changed = deepcopy(tree)
    for key, value in values.items():
        *sections, name = key.split(".")
        place = changed
        for section in sections:
            place = place[section]
        place[name] = value
    return changed


def check(tree: dict[str, Any]) -> Config:
    """Turn composed settings into a typed `Config`.

    Raises:
        ConfigError: Lists all errors: unknown or missing keys, wrong types, values out of range, conflicting keys.
    """
    task = str(tree.get("task"))
    family = family_of(task) if task in family_names() else None
    faults: list[str] = []
    head = _section("", Head, {k: v for k, v in tree.items() if k in Head.model_fields}, faults)
    if isinstance(head, Head) and family is None:
        faults.append(f"task: unknown family, received {head.task!r}{did_you_mean(head.task, family_names())}")
    known = [*Head.model_fields, *SECTIONS]
    faults += [f"{key}: unknown key{did_you_mean(key, known)}" for key in tree if key not in known]
    kinds: dict[str, type[Section]] = {"export": Export, "tracking": Tracking}
    if family:
        kinds |= {"data": family.data, "train": family.train, "evaluate": family.evaluate}
        kinds |= _network(tree.get("model"), family, faults)
    built = {name: _section(name, kind, tree.get(name), faults) for name, kind in kinds.items()}
    train = built.get("train")
    if family and isinstance(train, Train) and train.monitor not in ("auto", *family.monitors):
        suggestion = did_you_mean(train.monitor, ("auto", *family.monitors))
        faults.append(f"train.monitor: not a score of task {tree['task']}, received {train.monitor!r}{suggestion}")
    if faults:
        raise ConfigError(faults)
    return Config(**{**head.model_dump(), **built, "tree": tree})  # type: ignore[union-attr]


def _network(content: Any, family: Family, faults: list[str]) -> dict[str, type[Section]]:
    name = content.get("name") if isinstance(content, dict) else None
    if content is None or name in family.models:
        return {"model": family.models.get(str(name), next(iter(family.models.values())))}
    faults.append(f"model.name: not a network of this task, received {name!r}{did_you_mean(str(name), family.models)}")
    return {}


def checked(name: str, kind: type[Kind], content: Any) -> Kind:
    """Turn settings from outside the composition into a section.

    Raises:
        ConfigError: Lists all errors, each with the section's name.
    """
    faults: list[str] = []
    section = _section(name, kind, content, faults)
    if section is None or faults:
        raise ConfigError(faults)
    return section


def _section(name: str, kind: type[Kind], content: Any, faults: list[str]) -> Kind | None:
    prefix = f"{name}." if name else ""
    if content is None:
        faults.append(f"{name}: the section is missing; `python -m pipeline.compose` writes a complete params.yaml")
        return None
    try:
        section = kind.model_validate(content)
    except ValidationError as error:
        faults += [_fault(prefix, fault, kind) for fault in error.errors()]
        return None
    faults += [prefix + line for line in section.contradictions()]
    return section


def _fault(prefix: str, fault: Any, kind: type[Section]) -> str:
    path = prefix + ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = kind.model_fields if len(fault["loc"]) == 1 else []
        if known and (name := kind.renamed.get(str(fault["loc"][-1]))):
            return f"{path}: this key was renamed to {prefix}{name}"
        return f"{path}: unknown key{did_you_mean(str(fault['loc'][-1]), known)}"
    if fault["type"] == "missing":
        return f"{path}: the key is missing; `python -m pipeline.compose` writes a complete params.yaml"
    rule = (
        fault["msg"]
        .removeprefix("Value error, ")
        .replace("Input should be", "must be")
        .replace("List should have", "must have")
    )
    return f"{path}: {rule}, received {fault['input']!r}"
