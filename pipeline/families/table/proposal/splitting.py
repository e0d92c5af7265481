"""Find leaks and groups in a sample, and a split whose parts have the sizes that are asked for."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pipeline.data import DataError
from pipeline.families.table.data.audit import Audit, Finding, determines, findings
from pipeline.families.table.data.balance import FACTOR, lopsided, shares
from pipeline.families.table.data.columns import prepare_section
from pipeline.families.table.data.holdout import HeldOut, Holdout, hold_out
from pipeline.families.table.data.layout import Derived, Layout
from pipeline.families.table.data.rows import RawRows
from pipeline.families.table.data.tables import Table
from pipeline.families.table.data.targets import Answers, Target, answers_of, refuse_lost_classes
from pipeline.families.table.proposal.profile import FOLDS, TableProfile, folds_of
from pipeline.families.table.settings import TableData

ROWS = "rows.parquet"
SEEDS = 100
"""Number of seeds that are tried."""
UNEVEN = "no draw gives parts of the right sizes"
LEAST_ROWS = 20
"""Number of rows below which it is not the classes that are too few."""
SCORED = 30
"""Number of rows of a class below which its scores are mostly chance."""
COMPARED = 0.4
"""Share of the rows on which leaks are looked for."""


def choose_split(profile: TableProfile) -> None:
    """Fill in leaks, groups, warnings and the split of a profile.

    Columns that determine the target are left out. If the values of a column each have one target, the rows are held
    out by the coarsest such column that leaves parts of about the sizes that are asked for.

    Raises:
        DataError: The table cannot be split.
    """
    folds = folds_of(profile)
    with _drawn(profile, None) as draws:
        try:
            profile.seed, profile.folds = draws.chosen(folds)
        except DataError as error:
            raise DataError(f"{profile.sample.path}: {draws.reason}") from error
        profile.notes += draws.rare_classes()
    audit = _audited(profile)
    if audit is None:
        return
    profile.warnings = _leaks_and_groups(audit)
    groups = {warning.subject for warning in profile.warnings if warning.kind == "group"}
    # An amount may predict so well that most of its values have one target each; the next visitor has another value.
    amounts = {name for name in groups if profile.readings[name].kind == "numeric" or profile.readings[name].is_ordered}
    groups -= amounts
    profile.warnings = [warning for warning in profile.warnings if warning.subject not in amounts]
    dates = {name: date["columns"][0] for date in profile.section()["calendar"] for name in _produced(date)}
    leaks = [column.name for column in audit.columns if determines(column) and column.name not in groups]
    profile.leaks = list(dict.fromkeys(dates.get(name, name) for name in leaks))
    for column in sorted((column for column in audit.columns if column.name in groups), key=lambda c: c.values or 0):
        with _drawn(profile, column.name) as draws:
            try:
                seed, number = draws.chosen(folds)
            except DataError as error:
                reason = str(error) if error.args[0].startswith(UNEVEN) else draws.reason
                profile.notes.append(
                    f"{column.name}: its rows mostly share one target, but {reason}. The split is random instead: "
                    f"scores hold for rows of a known {column.name} only"
                )
                profile.warnings = [warning for warning in profile.warnings if warning.subject != column.name]
                continue
        profile.group, profile.seed, profile.folds = column.name, seed, number
        if again := _audited(profile):
            profile.warnings = _leaks_and_groups(again)
        break


def _produced(calendar: dict[str, Any]) -> list[str]:
    return Derived(**calendar).produced


def _leaks_and_groups(audit: Audit) -> list[Finding]:
    return [finding for finding in findings(audit) if finding.kind in ("leak", "group")]


def _audited(profile: TableProfile) -> Audit | None:
    """Prepare rows of the sample as the stages would, and audit them; None if these rows lack something."""
    rows = profile.sample.thinned
    section = profile.section()
    files = {"source": {"name": "own", "folder": ".", "files": {ROWS: None}}, "main_file": ROWS, "unlabelled": None}
    many_compared = {"validation_fraction": COMPARED, "folds": 1}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / ROWS
        pq.write_table(rows, path)
        try:
            return _prepared(section | files | many_compared, path)
        except DataError:  # a rare class is among the compared rows only
            try:
                return _prepared(section | files, path)
            except DataError as error:
                if len(rows) < len(profile.sample.rows):
                    return None
                raise DataError(str(error).replace(str(path), str(profile.sample.path))) from error


def _prepared(section: dict[str, Any], path: Path) -> Audit:
    return prepare_section(TableData.model_validate(section), path.parent, path.parent / "processed", "table")[1]


class _Draws:
    """Splits of the sample, drawn as the stages would draw them."""

    def __init__(self, raw: RawRows, answers: Answers, settings: dict[str, Any], path: Path) -> None:
        self._raw, self._answers, self._settings, self._path = raw, answers, settings, path
        self._known = np.isfinite(answers.values)

    def chosen(self, folds: int) -> tuple[int, int]:
        """Return a seed, and a number of folds: the given one if each fold can be had, else fewer.

        Raises:
            DataError: No seed gives parts of about the right sizes.
        """
        fault = DataError(UNEVEN)
        for number in dict.fromkeys([folds, min(folds, FOLDS["usual"]), 1]):
            acceptable = None
            for seed in range(1, SEEDS + 1):
                holdout = self._holdout(seed, number)
                try:
                    held = hold_out(self._raw, self._known, holdout)
                except DataError as error:  # too few rows or groups, whatever the seed
                    fault = error
                    break
                try:
                    self._require_classes(held, number)
                except DataError as error:
                    fault = error
                    continue
                if all(share.factor <= FACTOR for share in shares(self._answers, held, holdout) if share.expected >= 1):
                    return seed, number
                if not (uneven := lopsided(self._answers, held, holdout)):
                    acceptable = acceptable or seed
                elif acceptable is None:
                    label = f" of class {uneven[0].label}" if uneven[0].label is not None else ""
                    rows = f"{uneven[0].rows:,} of {uneven[0].total:,} rows{label}"
                    fault = DataError(f"{UNEVEN} ({uneven[0].part}: {rows})")
            if acceptable is not None:
                return acceptable, number
        raise fault

    @property
    def reason(self) -> str:
        """Why the rows cannot be split, if they cannot."""
        rows = int(self._known.sum())
        counts = self._class_counts()
        if rows < LEAST_ROWS or not counts:
            return f"{rows:,} rows are too few to hold out some for validation and test; provide more"
        label = min(counts, key=lambda each: counts[each])
        return (
            f"the rows cannot be divided so that each part has every class: class {label!r} has {counts[label]}; "
            "merge or remove rare classes"
        )

    def rare_classes(self) -> list[str]:
        """Return a note on classes that are too rare to be scored."""
        rare = {label: count for label, count in self._class_counts().items() if count < SCORED}
        if not rare:
            return []
        shown = ", ".join(f"{label!r} {count}" for label, count in list(rare.items())[:5])
        more = f" and {len(rare) - 5} more classes" if len(rare) > 5 else ""
        return [f"few rows of some classes, whose scores are mostly chance: {shown}{more}"]

    def _class_counts(self) -> dict[str, int]:
        values = self._answers.values[self._known].astype(np.int64)
        if not self._answers.classes:
            return {}
        return dict(
            zip(self._answers.classes, np.bincount(values, minlength=len(self._answers.classes)).tolist(), strict=True)
        )

    def _holdout(self, seed: int, folds: int) -> Holdout:
        settings = self._settings
        return Holdout(
            settings["split"],
            settings["split_by"],
            settings["test_fraction"],
            settings["validation_fraction"],
            seed,
            folds,
        )

    def _require_classes(self, held: HeldOut, folds: int) -> None:
        for number in range(folds):
            fold = number + 1 if folds > 1 else 0
            refuse_lost_classes(self._answers, held.with_fold(number), fold, self._settings["target"], self._path)


@contextmanager
def _drawn(profile: TableProfile, group: str | None) -> Iterator[_Draws]:
    settings = replace(profile, group=group).section()
    target = Target(profile.target, profile.kind, None)
    is_amount = profile.kind == "regression"
    layout = Layout(
        main=ROWS,
        sides=[],
        derived=[],
        categorical=[],
        numeric=[],
        labels=[*settings["split_by"], *([] if is_amount else [profile.target])],
        amounts=[profile.target] if is_amount else [],
        format=profile.sample.form,
        id=None,
        unlabelled=None,
    )
    names = [profile.target, *settings["split_by"]]
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / ROWS
        pq.write_table(profile.sample.rows.select(names), path)
        raw = RawRows(
            path, Table(layout, path.parent, names, path.as_posix(), labelled=True), Path(scratch) / "columns"
        )
        yield _Draws(raw, answers_of(raw, target), settings, profile.sample.path)
