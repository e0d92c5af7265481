"""Damaged files: each is named in one sentence, before the work begins, and what can be read of it is kept."""

import json
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from conftest import ROOT, write_tiny
from mlflow import MlflowClient
from stages import Stages
from tiny import tiny

from pipeline.config import ConfigError, load
from pipeline.diagnosis import work
from pipeline.diagnosis.dvc import dvc_files
from pipeline.diagnosis.finding import Finding
from pipeline.diagnosis.record import databases
from pipeline.families.table.predictor import TablePredictor
from pipeline.reproduction import worktree
from pipeline.storage import (
    CHECKSUMS,
    MODELS,
    PROCESSED,
    RAW,
    DamagedError,
    salvage,
    seal,
    verify,
)
from pipeline.tasks import predictor_for, require_trained_model
from pipeline.tracking import RunReference, TrackingError, open_store
from pipeline.training import make_deterministic


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared table, and the folder of an untrained network."""
    folder = tmp_path_factory.mktemp("trained")
    here = Path.cwd()
    os.chdir(folder)
    try:
        write_tiny(RAW, rows=300)
        task = Stages(tiny())
        task.preprocess()
        make_deterministic(1)
        task.save(task.build(), MODELS)
    finally:
        os.chdir(here)
    return folder


@pytest.fixture
def copied(trained: Path, workspace: Path) -> Path:
    for name in (MODELS, PROCESSED, RAW):
        shutil.copytree(trained / name, workspace / name)
    return workspace


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["schema.json", "model.keras"])
def test_one_changed_character_of_a_model_is_named(copied: Path, name: str) -> None:
    flip(MODELS / name, 200)
    for read in (lambda: predictor_for(MODELS), lambda: require_trained_model(MODELS, tiny())):
        with pytest.raises(DamagedError, match=rf"models/{name}: changed after it was written .*dvc repro -f train"):
            read()


def test_a_cut_model_and_missing_checksums_are_named(copied: Path) -> None:
    content = (MODELS / "model.keras").read_bytes()
    (MODELS / "model.keras").write_bytes(content[:1000])
    with pytest.raises(DamagedError, match=r"models/model\.keras: changed after it was written"):
        predictor_for(MODELS)
    (MODELS / "model.keras").unlink()
    with pytest.raises(DamagedError, match=r"models/model\.keras: no such file, but .* lists it"):
        predictor_for(MODELS)
    (MODELS / CHECKSUMS).unlink()
    with pytest.raises(DamagedError, match=r"models/checksums\.json: missing or damaged"):
        predictor_for(MODELS)


def test_one_changed_byte_of_the_prepared_data_is_named(copied: Path) -> None:
    task = Stages(tiny())
    task.require_prepared()
    path = PROCESSED / "train" / "categorical.npy"
    flip(path, 300)
    for _ in range(2):
        with pytest.raises(DamagedError, match=r"train/categorical\.npy: changed .*prepare the data again"):
            task.require_prepared()
    flip(path, 300)
    task.require_prepared()
    (PROCESSED / "train" / "more.npy").write_bytes(b"x")
    with pytest.raises(DamagedError, match=r"train/more\.npy: not written with the other files"):
        task.require_prepared()


def test_unchanged_files_are_compared_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / "a").write_bytes(b"a")
    seal(folder)
    read: list[Path] = []
    from pipeline.storage import checksums

    found = checksums.sha256
    monkeypatch.setattr(checksums, "sha256", lambda path: [read.append(path), found(path)][1])
    for _ in range(3):
        verify(folder, "", remember=True)
    assert read == [folder / "a"]
    os.utime(folder / "a", ns=(1, 1))
    verify(folder, "", remember=True)
    assert len(read) == 2
    for _ in range(2):
        verify(folder, "")
    assert len(read) == 4


def cut(path: Path, share: float) -> None:
    with path.open("r+b") as stream:
        stream.truncate(int(path.stat().st_size * share))


def test_a_cut_record_is_named_and_what_can_be_read_is_kept(store: Path) -> None:
    path = store / "mlflow.db"
    client = MlflowClient(f"sqlite:///{path}")
    made = client.create_experiment("some")
    runs = [client.create_run(made).info.run_id for _ in range(12)]
    for run in runs:
        for step in range(30):
            client.log_metric(run, "score", step / 30, step=step)
    client._tracking_client.store.engine.dispose()
    cut(path, 0.9)
    with pytest.raises(TrackingError, match=r"the database is damaged .*doctor --mend` move it aside"):
        open_store(None)
    (found,) = [each for each in databases() if each.state == "fault"]
    assert "mlflow.db: damaged" in found.text
    assert found.mend is not None
    found.mend()
    assert (store / "mlflow.db.damaged").is_file()
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA quick_check").fetchone() == ("ok",)
        kept = {run for (run,) in database.execute("SELECT run_uuid FROM runs")}
    assert kept <= {*runs}
    assert len(kept) > 6


def test_of_a_file_that_is_no_database_nothing_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "optuna.db"
    path.write_bytes(b"no database" * 1000)
    assert salvage(path) == (0, [])
    assert not path.exists()
    assert (tmp_path / "optuna.db.damaged").is_file()


def test_a_damaged_reference_to_a_run_is_named_before_the_scoring(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline import evaluate

    def never(*_arguments: Any) -> None:
        raise AssertionError("scored before the reference was read")

    monkeypatch.setattr("pipeline.families.table.evaluate.EvaluateTable.evaluate", never)
    RunReference("1" * 32, "sqlite:///mlflow.db").save()
    reference = copied / "reports" / "run.json"
    reference.write_text(reference.read_text(encoding="utf-8")[:20], encoding="utf-8")
    monkeypatch.setattr("pipeline.config.entry.load", lambda *_arguments: tiny())
    monkeypatch.setattr("sys.argv", ["evaluate"])
    with pytest.raises(SystemExit):
        evaluate.main()
    assert "run.json: cannot be read" in capsys.readouterr().err


def test_a_task_of_the_queue_whose_process_was_killed_is_found(workspace: Path) -> None:
    folder = workspace / ".dvc" / "tmp" / "exps" / "run" / "abc"
    folder.mkdir(parents=True)
    (folder / "abc.run").write_text(json.dumps({"name": "dewy-oak"}), encoding="utf-8")
    process = subprocess.Popen(["true"])
    process.wait()
    (folder / "abc.json").write_text(json.dumps({"pid": process.pid, "returncode": None}), encoding="utf-8")
    (found,) = [each for each in dvc_files() if each.state == "warning"]
    assert "task dewy-oak has ended" in found.text
    assert "`dvc queue kill dewy-oak` and `dvc queue remove dewy-oak`" in found.remedy
    (folder / "abc.json").write_text(json.dumps({"pid": os.getpid(), "returncode": None}), encoding="utf-8")
    assert [each.state for each in dvc_files()] == ["ok"]


def test_the_worktree_of_a_killed_reproduction_is_found_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for command in (
        ("init", "-q"),
        ("-c", "user.name=t", "-c", "user.email=t", "commit", "-q", "--allow-empty", "-m", "x"),
    ):
        subprocess.run(["git", *command], cwd=project, check=True)
    monkeypatch.setattr(worktree, "PROJECT", project)
    monkeypatch.setenv("DVC_ROOT", str(project))
    ended = subprocess.Popen(["true"])
    ended.wait()
    folders = {name: tmp_path / f"{worktree.PREFIX}{name}-x" for name in (str(ended.pid), str(os.getpid()), "1234567")}
    for folder in folders.values():
        subprocess.run(
            ["git", "worktree", "add", "-q", "--detach", str(folder / worktree.CLONE)], cwd=project, check=True
        )
    (folders["1234567"] / worktree.KEPT).touch()
    assert worktree.abandoned() == [folders[str(ended.pid)]]
    (found,) = [each for each in work.leftovers() if each.state == "warning"]
    assert isinstance(found, Finding)
    assert found.mend is not None
    found.mend()
    assert not folders[str(ended.pid)].exists()
    assert worktree.abandoned() == []


def test_aliases_that_explode_are_refused(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 7)]
    (tmp_path / "conf" / "data" / "many.yaml").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"many\.yaml: its aliases \(\*NAME\) stand for"):
        load(["experiment=flights"], tmp_path / "conf")


def test_a_config_runs_no_code(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    (tmp_path / "conf" / "data" / "flights.yaml").write_text(
        f'source: !!python/object/apply:os.system ["touch {tmp_path}/ran"]\n', encoding="utf-8"
    )
    with pytest.raises(ConfigError, match="could not determine a constructor"):
        load(["experiment=flights"], tmp_path / "conf")
    assert not (tmp_path / "ran").exists()


def test_values_that_training_did_not_see_are_named(trained: Path, workspace: Path) -> None:
    predictor = predictor_for(trained / MODELS)
    assert isinstance(predictor, TablePredictor)
    row = {"date": "2024-01-05", "colour": "Colour 1", "price": 3.0, "shop_town": "t1", "shop_size": 100, "shop": "s1"}
    with pytest.warns(
        UserWarning, match=r"column 'colour': 6 values are unknown to the network .* such as 'Colour 1'; it knows 'c"
    ):
        predictor(pa.Table.from_pylist([row] * 6))
    numbers = {**row, "colour": "c1"}
    found = predictor(pa.Table.from_pylist([numbers] * 6))["probability"].to_numpy()
    assert np.isfinite(found).all()
