"""A recorded run made again: what is compared, what is refused, and with which words."""

import shutil
import zipfile
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import Project, copy_project
from mlflow import MlflowClient
from record import runs
from tiny import tiny

from pipeline.reproduction import RebuildError, bring_data, compared, environment_differences, from_dvc
from pipeline.storage import folder_digest
from pipeline.tracking import TrackingError, evidence_of, fold_run, open_store, training_run

CONFIG = tiny()


def network(path: Path, **weights: float) -> Path:
    buffer = BytesIO()
    with h5py.File(buffer, "w") as content:
        for name, value in weights.items():
            content[f"layers/{name}"] = np.full((2, 3), value, dtype=np.float32)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", buffer.getvalue())
    return path


def test_the_same_is_identical(tmp_path: Path) -> None:
    files = {"models": {"model.keras": "a", "history.csv": "b"}}
    found = compared(files, files, ({"test": {"auc": 0.5}},) * 2, (None, tmp_path))
    assert (found.same, found.differences) == (2, [])


def test_what_differs_is_named_and_measured(tmp_path: Path) -> None:
    then = {"models": {"model.keras": "a", "history.csv": "b", "gone": "c"}}
    now = {"models": {"model.keras": "A", "history.csv": "b", "more": "d"}}
    scores = ({"test": {"auc": 0.5}, "baseline": {"linear": 1}}, {"test": {"auc": 0.75}, "baseline": {"linear": 2}})
    networks = (network(tmp_path / "then", same=1.0, dense=1.0), network(tmp_path / "now", same=1.0, dense=1.5))
    found = compared(then, now, scores, networks)
    assert found.same == 1
    assert found.differences == [
        "models/gone is missing",
        "models/model.keras differs",
        "models/more is new",
        "test/auc: 0.5 then, 0.75 now",
        "weights layers/dense: differ by 0.5 at most",
    ]


def test_packages_and_machine_that_differ_are_named() -> None:
    then, now = "# Python\nkeras==3.0\nrequests==1.0\nsame==1\n", "keras==3.1\nrequests==2.0\nsame==1\n"
    lines = list(environment_differences(then, now, {"python": "3.11.1"}, {"python": "3.12.0"}))
    assert lines == [
        "python: 3.11.1 in the run, 3.12.0 here",
        "keras: 3.0 in the run, 3.1 here",
        "1 other packages differ",
    ]


def test_a_run_that_cannot_be_made_again_says_why(store: Path) -> None:
    client = open_store(None)
    with pytest.raises(TrackingError, match=r"`python -m pipeline\.runs list` shows"):
        evidence_of(client, "0" * 32)
    with pytest.raises(ValueError, match="broken"), training_run(CONFIG, "key") as run:
        run.log_config(CONFIG)
        run.tags({"dirty": "true"})
        run.log_text("+password = [redacted]", "uncommitted.diff")
        raise ValueError("broken")
    with pytest.raises(TrackingError) as refused:
        evidence_of(client, run.id)
    for reason in (
        "it did not finish (FAILED)",
        "it has no commit",
        "a password or token, which was removed",
        "files/models.json is missing",
    ):
        assert reason in str(refused.value)
    with training_run(CONFIG, "folds") as parent, fold_run(parent, CONFIG, "folds", 1, begun=False) as fold:
        pass
    with pytest.raises(TrackingError, match=f"one of several folds; the whole training is run {parent.id}"):
        evidence_of(client, fold.id)


def test_data_are_made_anew_where_dvc_has_none_and_compared(workspace: Path) -> None:
    project = workspace / "rebuilt"
    (workspace / ".dvc").mkdir()

    def stage(name: str) -> None:
        folder = project / "data" / {"fetch": "raw", "preprocess": "processed"}[name]
        folder.mkdir(parents=True)
        (folder / "a").write_text(name)

    for name in ("raw", "processed"):
        stage({"raw": "fetch", "processed": "preprocess"}[name])
    wanted = {name: folder_digest(project / "data" / name) for name in ("raw", "processed")}
    shutil.rmtree(project)
    told = bring_data(project, wanted, "data/own", stage)
    assert told[0] == f"data/raw: created again, identical to that of the run ({wanted['raw']})"
    shutil.rmtree(project)
    with pytest.raises(
        RebuildError, match=r"data/processed: the run had 0+\.dir, .* created again it has .*Have the files"
    ):
        bring_data(project, {**wanted, "processed": "0" * 32 + ".dir"}, "data/own", stage)
    with pytest.raises(RebuildError, match="does not record which data/raw"):
        bring_data(project, {}, "data/own", stage)


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("is_absolute", [False, True])
def test_data_come_from_a_remote(is_absolute: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(tmp_path / "project")
    data = project.folder / "data"
    data.mkdir(parents=True)
    (data / "a").write_text("content")
    digest = folder_digest(data)
    project.run("dvc", "init", "--no-scm")
    project.run("dvc", "remote", "add", "--default", "far", str(tmp_path / "far") if is_absolute else "../far")
    project.run("dvc", "add", "data")
    project.run("dvc", "push")
    shutil.rmtree(project.folder / ".dvc" / "cache")
    monkeypatch.setenv("DVC_ROOT", str(project.folder))
    assert from_dvc(digest, tmp_path / "brought") is None
    assert (tmp_path / "brought" / "a").read_text() == "content"
    assert "failed to pull" in str(from_dvc("0" * 32 + ".dir", tmp_path / "unknown"))


@pytest.mark.slow
@pytest.mark.faults
def test_changed_and_new_files_are_part_of_it(tmp_path: Path) -> None:
    project: Project = copy_project(tmp_path / "project")
    head = project.folder / "pipeline" / "models" / "saving.py"
    head.write_text(head.read_text() + "\nfrom pipeline.models import mine  # noqa: E402,F401\n")
    (project.folder / "pipeline" / "models" / "mine.py").write_text("SOMETHING = 1\n")
    project.run("python", "-m", "pipeline.compose", "experiment=tiny")
    project.run("dvc", "repro", "train")
    (run,) = runs(project)
    assert run.data.tags["dirty"] == "true"
    (project.folder / "pipeline" / "models" / "mine.py").unlink()
    project.run("git", "checkout", "-q", "--", "pipeline")
    shutil.rmtree(project.folder / ".dvc" / "cache")  # no data there: they are made anew
    command = ("python", "-m", "pipeline.reproduce", run.info.run_id)
    output = project.run(*command)
    assert "with its uncommitted changes" in output
    assert "data/raw: created again, identical to that of the run" in output
    assert f"identical: weights and scores by epoch of run {run.info.run_id}" in output
    client = MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")
    client.log_text(run.info.run_id, '{"model.keras": "0"}', "files/models.json")
    output = project.run(*command, fails=True)
    assert f"not identical to run {run.info.run_id}" in output
    assert "models/model.keras differs" in output
    client.set_tag(run.info.run_id, "mlflow.source.git.commit", "0" * 40)
    assert "is not in this clone; `git fetch` gets it" in project.run(*command, fails=True)
