"""The whole configuration, typed; every fault of it at once."""

from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from pipeline.config.errors import ConfigError, did_you_mean
from pipeline.config.sections import Evaluate, Head, Section, Tracking, Train
from pipeline.config.table import MONITORS, EmbeddingMlp, TableData

Kind = TypeVar("Kind", bound=Section)
SHARED: dict[str, type[Section]] = {"train": Train, "evaluate": Evaluate, "tracking": Tracking}


@dataclass(frozen=True)
class Family:
    """What a family (`task:`) adds to the shared sections: its own, and the scores that may be monitored."""

    sections: dict[str, type[Section]]
    monitors: tuple[str, ...]


TABLE_MONITORS = ("auto", *dict.fromkeys(name for names in MONITORS.values() for name in names))
FAMILIES = {"table": Family({"data": TableData, "model": EmbeddingMlp}, TABLE_MONITORS)}


@dataclass(frozen=True)
class Config:
    """What one experiment is. `tree` holds the same as plain dictionaries, for records and comparisons."""

    name: str
    task: str
    seed: int
    data: TableData
    model: EmbeddingMlp
    train: Train
    evaluate: Evaluate
    tracking: Tracking
    tree: dict[str, Any]


def check(tree: dict[str, Any]) -> Config:
    """Turn composed settings into a typed `Config`.

    Raises:
        ConfigError: With all faults: unknown or absent keys, wrong types, values out of range, contradictions.
    """
    family = FAMILIES.get(str(tree.get("task")))
    sections = {**SHARED, **(family.sections if family else {})}
    faults: list[str] = []
    head = _section("", Head, {k: v for k, v in tree.items() if k in Head.model_fields}, faults)
    if isinstance(head, Head) and head.task not in FAMILIES:
        faults.append(f"task: no family of this name, received {head.task!r}{did_you_mean(head.task, FAMILIES)}")
    known = [*Head.model_fields, *SHARED, "data", "model"]
    faults += [f"{key}: unknown key{did_you_mean(key, known)}" for key in tree if key not in known]
    built = {name: _section(name, kind, tree.get(name), faults) for name, kind in sections.items()}
    train = built["train"]
    if family and isinstance(train, Train) and train.monitor not in family.monitors:
        near = did_you_mean(train.monitor, family.monitors)
        faults.append(f"train.monitor: no score of task {tree['task']}, received {train.monitor!r}{near}")
    if faults:
        raise ConfigError(faults)
    return Config(**{**head.model_dump(), **built, "tree": tree})  # type: ignore[union-attr]


def checked(name: str, kind: type[Kind], content: Any) -> Kind:
    """Turn settings that are no part of the composition into a section.

    Raises:
        ConfigError: With all faults, under the section's name.
    """
    faults: list[str] = []
    section = _section(name, kind, content, faults)
    if section is None or faults:
        raise ConfigError(faults)
    return section


def _section(name: str, kind: type[Kind], content: Any, faults: list[str]) -> Kind | None:
    prefix = f"{name}." if name else ""
    if content is None:
        faults.append(f"{name}: the section is missing; `python -m pipeline.compose` writes a whole params.yaml")
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
        here = kind.model_fields if len(fault["loc"]) == 1 else []
        return f"{path}: unknown key{did_you_mean(str(fault['loc'][-1]), here)}"
    if fault["type"] == "missing":
        return f"{path}: the key is missing; `python -m pipeline.compose` writes a whole params.yaml"
    rule = (
        fault["msg"]
        .removeprefix("Value error, ")
        .replace("Input should be", "must be")
        .replace("List should have", "must have")
    )
    return f"{path}: {rule}, received {fault['input']!r}"
