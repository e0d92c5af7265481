"""Translation as typed: from two files through DVC to scores, pictures and a logged model."""

import json
from pathlib import Path

import pytest
from conftest import Project, copy_project
from mlflow import MlflowClient
from pairs import write_pairs
from record import history, runs

pytestmark = pytest.mark.slow
SHORT = (
    "train.epochs=2",
    "train.save_every=1",
    "model.embedding_dim=64",
    "model.hidden_units=32",
    "train.learning_rate=0.01",
)


def test_from_two_files_to_a_translator(tmp_path: Path) -> None:
    project: Project = copy_project(tmp_path / "project")
    write_pairs(tmp_path)
    project.run("python", "-m", "pipeline.new", "mine", str(tmp_path / "train.nr"), str(tmp_path / "train.en"))
    settings = [f"-S{each}" for each in (*SHORT, "evaluate.bootstrap_samples=100", "tracking.system_metrics=false")]
    output = project.run("dvc", "exp", "run", "-S", "experiment=mine", *settings, "evaluate")
    assert "mine: test bleu " in output
    assert "the same split, simpler models: bleu translation memory " in output
    metrics = json.loads((project.folder / "reports" / "metrics.json").read_text())
    assert set(metrics["test"]) >= {"bleu", "bleu_low", "bleu_high", "chrf", "token_accuracy", "loss"}
    reports = project.folder / "reports"
    written = {path.name for path in (reports / "predictions").iterdir()}
    assert written >= {"test.parquet", "val.parquet", "examples.md", "attention_1.svg"}
    assert (reports / "curves" / "bleu_by_length.csv").read_text().startswith("words,bleu,sentences\n")
    assert sorted(path.name for path in (project.folder / "models" / "epochs").iterdir()) == ["001", "002"]
    client = MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")
    (run,) = runs(project, "mine")
    assert [step for step, _ in history(project, run, "val/bleu")] == [1, 2]
    assert run.data.metrics["test/bleu"] == metrics["test"]["bleu"]
    samples = {Path(each.path).name for each in client.list_artifacts(run.info.run_id, "samples")}
    assert samples == {f"epoch_{number:03}.txt" for number in range(1, 3)}
    (tmp_path / "in.txt").write_text("1 2 3\n4 5\n", encoding="utf-8")
    command = ("python", "-m", "pipeline.predict", str(tmp_path / "in.txt"), "-o", str(tmp_path / "out.txt"))
    project.run(*command, "--model", run.info.run_id)
    assert len((tmp_path / "out.txt").read_text(encoding="utf-8").splitlines()) == 2
