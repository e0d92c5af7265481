"""The same commit, settings, data and seed give the same files, wherever and however often they are made."""

import importlib
from pathlib import Path

import pytest
from conftest import Project, copy_project, write_tiny
from stages import Stages
from test_faults import FAMILIES, OUTS
from tiny import tiny

from pipeline.config import dump
from pipeline.data import reading
from pipeline.storage import RAW, file_digests, folder_digest

preparing = importlib.import_module("pipeline.families.table.data.prepare")
FORMATS = ["numpy", "onnx", "litert"]


def made(name: str, folder: Path, hash_seed: str) -> tuple[Project, dict[str, str]]:
    family = FAMILIES[name]
    project = copy_project(folder)
    family.write(project.folder / "data" / "own")
    config = family.config(**family.changes, export__formats=FORMATS)
    (project.folder / "params.yaml").write_text(dump(config), encoding="utf-8")
    project.run("env", f"PYTHONHASHSEED={hash_seed}", "dvc", "repro")
    found = {f"{out}/{path}": each for out in OUTS for path, each in file_digests(project.folder / out).items()}
    return project, found


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("name", FAMILIES)
def test_elsewhere_and_under_another_hash_seed_every_file_is_the_same(name: str, tmp_path: Path) -> None:
    (_, first), (_, second) = (
        made(name, tmp_path / "a", "0"),
        made(name, tmp_path / "another folder of another length", "54321"),
    )
    differ = [path for path in {**first, **second} if first.get(path) != second.get(path)]
    # MLflow's id, and how long calls took.
    assert sorted(differ) == ["reports/export_times.json", "reports/run.json"]
    assert {"models/model.keras", "reports/metrics.json", "export/onnx/bundle.json"} <= set(first)
    assert any(path.startswith("data/processed/") for path in first)


@pytest.mark.parametrize("workers", [1, 5])
def test_any_number_of_data_workers_prepares_the_same(
    workers: int, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny(RAW, rows=5_000)
    found = []
    for count in (2, workers):
        monkeypatch.setattr(reading, "PARSERS", count)
        monkeypatch.setattr(reading, "BLOCK", 10_000)
        monkeypatch.setattr(preparing, "ENCODERS", count)
        Stages(tiny()).preprocess()
        found.append((folder_digest(workspace / "data" / "processed"), folder_digest(workspace / "reports")))
    assert found[0] == found[1]
