"""Real commands in a copy of this project: what a person types and sees."""

import csv
import json
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import Project
from mlflow import MlflowClient
from record import content, history, runs, store_of

from pipeline.compare import compare
from pipeline.serve import bundle_of
from pipeline.storage import PipelineError
from pipeline.tracking.tags import RESTORED

pytestmark = pytest.mark.slow


def stages(output: str) -> list[str]:
    return re.findall(r"Running stage '(\w+)'", output)


def table_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_repro_runs_every_stage_once(project: Project) -> None:
    project.run("python", "-m", "pipeline.compose", "experiment=tiny")
    output = project.run("dvc", "repro")
    assert stages(output) == ["fetch", "preprocess", "baseline", "train", "evaluate", "export"]
    assert "train: experiment tiny\n" in output
    assert [line[:9] for line in output.splitlines() if line.startswith("epoch")] == [f"epoch {n}/3" for n in (1, 2, 3)]
    summary = re.search(r"tiny: test auc (0\.\d+) \(95% interval (0\.\d+) … (0\.\d+)\)", output)
    assert summary is not None
    metrics = json.loads((project.folder / "reports" / "metrics.json").read_text())
    assert f"{metrics['test']['auc']:.4f}" == summary[1]
    assert set(metrics) == {"test", "val", "baseline"}
    assert set(metrics["baseline"]) == {"constant", "linear", "lightgbm"}
    assert re.search(r"the same split, simpler models: auc constant 0\.5000, linear 0\.\d+, lightgbm 0\.\d+", output)
    assert {"auc", "auc_low", "auc_high", "log_loss", "brier", "average_precision", "accuracy"} <= set(metrics["test"])
    assert not (project.folder / "outputs").exists()
    differs = re.search(r"export: export/numpy: [\d.]+ MB, differs from Keras by (\S+) at most; one call: ", output)
    assert differs is not None
    report = json.loads((project.folder / "export" / "report.json").read_text())
    assert f"{report['formats']['numpy']['networks']['network']['largest_difference']:.1e}" == differs[1]


def test_its_record_is_one_finished_run(project: Project) -> None:
    (run,) = runs(project)
    assert run.info.status == "FINISHED"
    assert json.loads((project.folder / "reports" / "run.json").read_text())["run_id"] == run.info.run_id
    assert run.data.tags["dirty"] == "false"
    assert run.data.params["model.embedding_dim"] == "4"
    assert [step for step, _ in history(project, run, "val/auc")] == [1, 2, 3]
    metrics = json.loads((project.folder / "reports" / "metrics.json").read_text())
    assert run.data.metrics["test/auc"] == metrics["test"]["auc"]
    assert run.data.metrics["test_baseline/linear"] == metrics["baseline"]["linear"]["auc"]
    assert run.data.metrics["test/auc_low"] == metrics["test"]["auc_low"]
    digests = {each.dataset.digest for each in run.inputs.dataset_inputs}
    lock = (project.folder / "dvc.lock").read_text()
    assert len(digests) == 2  # raw and processed
    assert all(f"md5: {digest}" in lock for digest in digests)
    client = MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")
    names = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert {"config.yaml", "environment.txt", "network.txt", "metrics.json", "plots", "export"} <= names


def test_the_page_of_its_run_says_first_what_matters(project: Project) -> None:
    (run,) = runs(project)
    metrics = json.loads((project.folder / "reports" / "metrics.json").read_text())
    assert run.info.run_name == "tiny"
    shown = {name: value for name, value in run.data.tags.items() if not name.startswith("mlflow.")}
    assert shown.keys() == {"commit", "data", "dirty", "family", "precision"}
    assert run.data.tags["mlflow.source.name"] == "dvc repro"
    description = run.data.tags["mlflow.note.content"]
    auc, low, high = (f"{metrics['test'][name]:.4f}" for name in ("auc", "auc_low", "auc_high"))
    assert description.startswith(f"**test auc {auc}** (95% interval {low} to {high})\n")
    assert f"| linear | {metrics['baseline']['linear']['auc']:.4f} |" in description
    assert "The settings of experiment `tiny`, unchanged." in description
    assert "Run it again: `dvc exp run -S experiment=tiny`" in description
    assert f"`python -m pipeline.reproduce {run.info.run_id}`" in description
    single = {name for name in run.data.metrics if name.startswith(("test", "val_final"))}
    rivals = {f"test_baseline/{name}" for name in ("constant", "linear", "lightgbm")}
    assert single == {"test/auc", "test/auc_low", "test/auc_high", "val_final/auc"} | rivals
    names = {each.dataset.name for each in run.inputs.dataset_inputs}
    assert {"tiny/train", "tiny/val", "tiny/test"} < names


def test_its_network_is_found_by_its_score(project: Project) -> None:
    (run,) = runs(project)
    client = store_of(project)
    score = run.data.metrics["test/auc"]
    above, below = (
        client.search_logged_models([run.info.experiment_id], f"metrics.`test/auc` > {bound}")
        for bound in (score - 0.01, score + 0.01)
    )
    assert not below
    (model,) = above
    assert model.name == "tiny"
    assert {metric.key: metric.value for metric in model.metrics or []}["val_final/auc"] == run.data.metrics[
        "val_final/auc"
    ]
    plots = {Path(artifact.path).name for artifact in client.list_artifacts(run.info.run_id, "plots")}
    assert plots == {"overview.png", "importance.png", "slices.png", "confusion.png"}


def test_its_logged_model_takes_raw_rows(project: Project) -> None:
    """Loaded in a process elsewhere, as a person would who has nothing but the store."""
    code = (
        "import mlflow, pandas as pd\n"
        f"mlflow.set_tracking_uri('sqlite:///{project.folder / 'mlflow.db'}')\n"
        f"found = mlflow.search_logged_models(experiment_ids=['1'], output_format='list')\n"
        "model = mlflow.pyfunc.load_model(found[0].model_uri)\n"
        "assert len(found) == 1 and model.metadata.signature is not None\n"
        "rows = pd.DataFrame({'shop': ['s1', 'new'], 'colour': ['c1', None], 'date': ['2024-01-05'] * 2,"
        " 'price': [9.5, None], 'shop_town': ['t1', 't9'], 'shop_size': [101.0, None]})\n"
        "print('probabilities', model.predict(rows)['probability'].between(0, 1).tolist())\n"
    )
    elsewhere = Project(project.folder.parent)
    assert "probabilities [True, True]" in elsewhere.run("python", "-c", code)


@pytest.mark.faults
def test_made_again_from_its_record_it_is_identical(project: Project) -> None:
    (run,) = runs(project)
    with (project.folder / "pipeline" / "train.py").open("a") as stream:
        stream.write("\nraise RuntimeError('what is in the clone now is not what the run had')\n")
    output = project.run("python", "-m", "pipeline.reproduce", run.info.run_id)
    project.run("git", "checkout", "-q", "--", "pipeline")
    assert "data/processed: from DVC" in output
    assert f"identical: weights, predictions and scores of run {run.info.run_id}, 9 files byte for byte" in output
    assert len(runs(project)) == 1
    assert project.run("git", "worktree", "list").count("\n") == 1


def test_nothing_changed_is_said_without_tensorflow(project: Project) -> None:
    output = project.run("python", "-X", "importtime", "-m", "dvc", "repro")
    assert stages(output) == []
    assert "Data and pipelines are up to date." in output
    assert "tensorflow" not in output
    assert "keras" not in output


def test_a_damaged_lock_file_of_dvc_costs_no_training(project: Project) -> None:
    trained, lock = content(project.folder / "models"), project.folder / "dvc.lock"
    whole = lock.read_bytes()
    doctor = ("python", "-m", "pipeline.doctor", "--before-dvc", "--quiet")
    for torn in (b"", whole[: len(whole) // 2] + b"\n  : ["):
        lock.write_bytes(torn)
        project.run("dvc", "repro", "train", fails=True)
        assert "fault    dvc.lock: corrupt" in project.run(*doctor, fails=True)
        assert "fixed    dvc.lock" in project.run(*doctor, "--mend")
        assert "epoch 1/3" not in project.run("dvc", "repro")
        assert content(project.folder / "models") == trained
        assert lock.read_bytes() == whole


def test_errors_are_shown_by_slice_threshold_and_row(project: Project) -> None:
    reports = project.folder / "reports"
    slices = table_of(reports / "curves" / "slices.csv")
    assert {row["column"] for row in slices} >= {"price", "colour"}
    assert all(0 <= float(row["low"]) <= float(row["high"]) <= 1 for row in slices if row["auc"])
    confusion = table_of(reports / "curves" / "confusion.csv")
    test_rows = pq.read_table(reports / "predictions" / "test.parquet")
    assert sum(int(row["examples"]) for row in confusion) == len(test_rows)
    worst = table_of(reports / "predictions" / "worst.csv")
    assert len(worst) == 100
    errors = [abs(float(row["probability"]) - (row["sold"] == "yes")) for row in worst]
    assert errors == sorted(errors, reverse=True)
    card = (reports / "model_card.md").read_text(encoding="utf-8")
    for title in ("Data", "Scores", "Slices of the test examples", "Limits and remarks", "Environment and cost"):
        assert f"## {title}" in card
    assert "licence of the data: not stated; state it here before you publish the model" in card


def test_plots_render(project: Project) -> None:
    project.run("dvc", "plots", "show", "-o", "rendered")
    page = (project.folder / "rendered" / "index.html").read_text()
    for title in ("Loss of the training examples", "Score of the validation examples", "overview.png", "slices.png"):
        assert title in page
    shutil.rmtree(project.folder / "rendered")


def test_an_override_runs_exactly_the_stages_that_it_changes(project: Project) -> None:
    experiment = ["dvc", "exp", "run", "-S", "experiment=tiny"]
    # Up to evaluate: the export is ten seconds.
    output = project.run(*experiment, "-S", "evaluate.bootstrap_samples=150", "evaluate")
    assert stages(output) == ["baseline", "evaluate"]
    assert "evaluate: experiment tiny with evaluate.bootstrap_samples=150 (not 100)" in output
    trained, child = runs(project)
    assert child.data.tags[RESTORED] == child.data.tags["mlflow.parentRunId"] == trained.info.run_id
    # Back to the committed settings: everything comes from the cache, and nothing is logged twice.
    output = project.run(*experiment)
    assert stages(output) == []
    assert len(runs(project)) == 2


@pytest.mark.faults
def test_a_temporary_run_records_at_the_root(project: Project) -> None:
    before = len(runs(project))
    output = project.run(
        "dvc", "exp", "run", "--temp", "-S", "experiment=tiny", "-S", "model.hidden_units=4", "evaluate"
    )
    assert stages(output) == ["train", "evaluate"]
    assert "train: experiment tiny with model.hidden_units=4 (not 8)" in output
    *_, run = runs(project)
    assert len(runs(project)) == before + 1
    assert run.info.status == "FINISHED"
    assert run.data.params["model.hidden_units"] == "4"
    assert "test/auc" in run.data.metrics
    assert run.info.artifact_uri.startswith((project.folder / "mlartifacts").as_uri())


def test_faults_stop_before_anything_runs(project: Project) -> None:
    output = project.run("dvc", "exp", "run", "-S", "experiment=tiny", "-S", "train.epochs=many", fails=True)
    assert "train.epochs: must be a valid integer, received 'many'" in output
    assert "epoch 1/" not in output
    project.run("dvc", "exp", "run", "-S", "experiment=tiny")
    (project.folder / "data" / "own" / "shops.csv").rename(project.folder / "shops.csv")
    output = project.run("dvc", "repro", fails=True)
    assert "data/own/shops.csv: no such file (it holds rows.csv)" in output
    (project.folder / "shops.csv").rename(project.folder / "data" / "own" / "shops.csv")
    # The failed run left nothing that passes for done: the files come back from DVC's cache, whole.
    assert stages(project.run("dvc", "repro")) == []
    assert sorted(content(project.folder / "data" / "raw")) == ["rows.csv", "shops.csv"]


def test_a_stage_refuses_data_of_another_configuration(project: Project) -> None:
    output = project.run("python", "-m", "pipeline.train", "experiment=tiny", "data.split_seed=5", fails=True)
    assert "data.split_seed: prepared with 1, configured as 5" in output
    assert "python -m pipeline.preprocess" in output
    assert "Traceback" not in output


def test_the_better_run_becomes_the_champion(project: Project, tmp_path: Path) -> None:
    """As a person would: the first model is the champion, a worse one is refused, and one by force is recorded."""
    comparing, champion = ("python", "-m", "pipeline.compare"), ("python", "-m", "pipeline.champion")
    assert "is the champion: the first champion" in project.run(*champion)
    assert "is the champion already" in project.run(*champion, "tiny")
    project.run(
        "dvc", "exp", "run", "-n", "poor", "-S", "experiment=tiny", "-S", "train.learning_rate=1e-7", "evaluate"
    )
    experiments = ("make", "--no-print-directory", "-o", ".venv/.installed", "experiments")
    narrow, wide = (project.run("env", f"COLUMNS={width}", *experiments) for width in (120, 5000))
    assert max(map(len, narrow.splitlines())) <= 120
    header = next(line for line in wide.splitlines() if "Experiment" in line).split()
    assert header[:6] == ["Experiment", "test", "low", "high", "val", "baseline"]
    assert "train.learning_rate" in header
    shown = project.run(*comparing, "models:/tiny@champion", "poor", "--html", "c.html", "--log")
    assert re.search(r"train\.learning_rate +0\.001 +1e-07", shown)
    assert "B is worse than A: auc" in shown
    assert "<svg" in (project.folder / "c.html").read_text(encoding="utf-8")
    refused = project.run(*champion, "poor", fails=True)
    assert "error: version 1 of model tiny remains the champion, because run" in refused
    project.run(*champion, "poor", "--force", "for the test")
    client = store_of(project)
    version = client.get_model_version_by_alias("tiny", "champion")
    assert (str(version.version), version.tags["reason"], version.tags["replaced"]) == ("2", "for the test", "1")
    assert version.description.startswith("# tiny\n")
    poor = next(run for run in runs(project) if run.data.tags.get("dvc_experiment") == "poor")
    assert poor.info.run_name == "tiny: learning_rate=1e-07 (poor)"
    logged = {artifact.path for artifact in client.list_artifacts(poor.info.run_id)}
    assert {"comparison.html", "comparison.txt", "model_card.md", "worst.csv", "test_scores.npz"} <= logged
    # The first version was exported, the second was not.
    store = f"sqlite:///{project.folder / 'mlflow.db'}"
    assert (bundle_of("models:/tiny/1", None, store, tmp_path) / "bundle.json").is_file()
    with pytest.raises(PipelineError, match=r"has no export in format numpy or onnx; it has none\. `dvc repro export`"):
        bundle_of("models:/tiny@champion", None, store, tmp_path)
    # Predictions with the champion need nothing of the folder's own data.
    shutil.move(project.folder / "data", project.folder / "elsewhere")
    (project.folder / "new.csv").write_text("date,shop,colour,price\n2024-03-01,s1,c1,9.5\n", encoding="utf-8")
    project.run("python", "-m", "pipeline.predict", "--model", "models:/tiny@champion", "new.csv", "-o", "out.csv")
    shutil.move(project.folder / "elsewhere", project.folder / "data")
    assert (project.folder / "out.csv").read_text(encoding="utf-8").startswith('"row","probability"\n1,0.')


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        (["tiny"], "only one run, tiny: name at least two"),
        (["tiny", "models:/tiny/1"], "is named twice; name different runs"),
        (["tiny", "tony"], r"no run 'tony' \(did you mean 'tiny'\?\); available: "),
        (["tiny", "models:/tiny@champ"], r"model tiny has no alias 'champ' \(did you mean 'champion'\?\)"),
        (["tiny", "models:/tinny/1"], r"no model 'tinny' \(did you mean 'tiny'\?\)"),
        (["tiny", "models:/tiny/9"], "no version '9'; available: 1, 2"),
        (["tiny", "models:/tiny"], "expected models:/NAME@ALIAS or models:/NAME/VERSION"),
    ],
)
def test_runs_that_cannot_be_found_are_named(project: Project, names: list[str], fault: str) -> None:
    store = f"sqlite:///{project.folder / 'mlflow.db'}"
    with pytest.raises(PipelineError, match=fault):
        compare(names, 0.95, None, log=False, uri=store)
