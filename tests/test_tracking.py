"""One experiment run is one MLflow run; what produced it can be told; nothing stands there twice."""

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun
from tiny import tiny

from pipeline.config import InterruptedRunError
from pipeline.storage import PROCESSED
from pipeline.tracking import RunReference, TrackingError, evaluation_run, open_store, reference_to, training_run
from pipeline.tracking.provenance import commit, environment
from pipeline.tracking.tags import RESTORED

CONFIG = tiny()


def stored(client: MlflowClient, name: str = "tiny") -> list[StoredRun]:
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def trained() -> str:
    with training_run(CONFIG, "key") as run:
        reference_to(run, CONFIG).save()
        return run.id


@pytest.mark.slow
def test_store_and_artifacts_are_anchored_at_the_root(workspace: Path) -> None:
    with training_run(CONFIG, "key") as run:
        run.log_text("hello", "greeting.txt")
    assert (workspace / "mlflow.db").is_file()
    assert (workspace / "mlartifacts" / "tiny" / run.id / "artifacts" / "greeting.txt").read_text() == "hello"


def test_the_same_key_is_the_same_run_and_another_is_not(store: Path) -> None:
    first = trained()
    assert trained() == first
    with training_run(CONFIG, "other") as run:
        assert run.id != first
    with training_run(tiny(train__epochs=9), "key") as run:
        assert run.id != first


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError, "FAILED"), (InterruptedRunError, "KILLED"), (KeyboardInterrupt, "KILLED")]
)
def test_a_run_that_dies_is_not_left_running(store: Path, error: type[BaseException], status: str) -> None:
    with pytest.raises(error), training_run(CONFIG, "key") as run:
        raise error("stopped")
    client = open_store(None)
    assert client.get_run(run.id).info.status == status
    with training_run(CONFIG, "key") as again:
        assert client.get_run(again.id).info.status == "RUNNING"
    assert again.id == run.id
    assert client.get_run(run.id).info.status == "FINISHED"


@pytest.mark.slow
def test_logged_again_nothing_is_doubled(store: Path) -> None:
    (PROCESSED / "train").mkdir(parents=True)
    for _ in range(2):
        with training_run(CONFIG, "key") as run:
            run.log_config(CONFIG)
            run.log_provenance()
            run.log_datasets("tiny")
            run.log_scores({"val/auc": 0.5}, step=1, timestamp=1_700_000_000_000)
            run.log_scores({"test/auc": 0.6})
            run.log_figure(Figure(), "plots/empty.png")
    client = open_store(None)
    found = client.get_run(run.id)
    assert [p.value for p in client.get_metric_history(run.id, "val/auc")] == [0.5]
    assert [p.value for p in client.get_metric_history(run.id, "test/auc")] == [0.6]
    assert found.data.params["train.epochs"] == "3"
    assert found.data.params["data.split_by"] == "['date']"
    assert sorted(d.dataset.name for d in found.inputs.dataset_inputs) == [
        f"tiny/{s}" for s in ("test", "train", "val")
    ]
    assert {a.path for a in client.list_artifacts(run.id)} >= {"config.yaml", "environment.txt", "plots"}


def test_texts_are_cleaned_of_secrets_but_pages_are_left_as_they_are(store: Path) -> None:
    code = 'var token="abcd1234efgh", password: "hunter2hunter2";'
    with training_run(CONFIG, "key") as run:
        run.log_text(code, "note.txt")
        run.log_page(f"<script>{code}</script>", "page.html")
    client = open_store(None)
    note, page = (Path(client.download_artifacts(run.id, name)).read_text() for name in ("note.txt", "page.html"))
    assert "hunter2" not in note
    assert page == f"<script>{code}</script>"


def test_a_store_of_another_version_of_mlflow_says_what_to_run(store: Path) -> None:
    open_store(None)
    with closing(sqlite3.connect(store / "mlflow.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
        database.commit()
    # A process of its own: this one has checked the store already.
    code = "from pipeline.tracking import open_store; open_store(None)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DVC_ROOT": str(store)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=store, env=environment, capture_output=True, text=True, check=False
    )
    assert "was made by another version of MLflow. Back it up, then run `mlflow db upgrade sqlite:///" in done.stderr


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_asks_for_credentials_is_said(store: Path, status: int) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.end_headers()

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_arguments: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(TrackingError, match="Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"):
            open_store(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


def test_a_training_from_the_beginning_does_not_double_an_older_one(store: Path) -> None:
    with training_run(CONFIG, "key", [False]) as first:
        pass  # killed before its first epoch, say
    with training_run(CONFIG, "key", [False]) as run:
        assert run.id == first.id
        run.log_scores({"train/loss": 0.7}, step=1, timestamp=1_700_000_000_000)
    with training_run(CONFIG, "key") as resumed:
        assert (resumed.id, resumed.resumed) == (run.id, True)
    with training_run(CONFIG, "key", [False]) as anew:
        assert anew.id != run.id
        assert not anew.resumed


def test_an_epoch_trained_twice_is_one_point(store: Path) -> None:
    """Its checkpoint was damaged, and has another time now."""
    for time, epochs in ((1_000, [1, 2]), (2_000, [2, 3])):
        with training_run(CONFIG, "key") as run:
            for epoch in epochs:
                run.log_epoch({"loss": 0.5}, epoch, time + epoch)
    points = open_store(None).get_metric_history(run.id, "train/loss")
    assert sorted((point.step, point.timestamp) for point in points) == [(1, 1001), (2, 1002), (3, 2003)]


def test_a_slow_server_that_is_asked_again_makes_one_run(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.tracking.lifecycle.ASKED_AGAIN_SECONDS", 0.0)
    make = MlflowClient.create_run

    def twice(self: MlflowClient, *arguments: Any, **options: Any) -> Any:
        options["start_time"] = 1_700_000_000_000
        make(self, *arguments, **options)
        return make(self, *arguments, **options)

    monkeypatch.setattr(MlflowClient, "create_run", twice)
    run_id = trained()
    assert [run.info.run_id for run in stored(open_store(None))] == [run_id]


@pytest.mark.slow
def test_a_strange_file_name_is_no_obstacle(store: Path) -> None:
    data = {**CONFIG.tree["data"], "main_file": "rows (1).csv"}
    data["source"] = {**data["source"], "files": {"rows (1).csv": None, "shops.csv": None}}
    with training_run(CONFIG, "key") as run:
        run.log_config(tiny(data=data))
    assert open_store(None).get_run(run.id).data.params["data.source.files.rows _1_.csv"] == "None"


@pytest.mark.slow
def test_a_server_that_is_away_is_named_within_seconds(store: Path) -> None:
    with pytest.raises(TrackingError, match=r"tracking store http://127.0.0.1:9 does not respond"):
        open_store("http://127.0.0.1:9")


def test_an_evaluation_joins_the_run_of_its_training_once(store: Path) -> None:
    run_id = trained()
    for _ in range(2):
        with evaluation_run(CONFIG, "digest") as (run, lacks_training):
            assert (run.id, lacks_training) == (run_id, False)
    with evaluation_run(CONFIG, "another") as (child, lacks_training):
        assert lacks_training
        tags = open_store(None).get_run(child.id).data.tags
        assert tags[RESTORED] == tags["mlflow.parentRunId"] == run_id
    with evaluation_run(CONFIG, "another") as (again, _):
        assert again.id == child.id
    assert len(stored(open_store(None))) == 2


def test_an_evaluation_that_broke_off_leaves_the_training_finished(store: Path) -> None:
    run_id = trained()
    with pytest.raises(KeyboardInterrupt), evaluation_run(CONFIG, "digest"):
        raise KeyboardInterrupt
    client = open_store(None)
    assert client.get_run(run_id).info.status == "KILLED"
    with evaluation_run(CONFIG, "another"):
        assert client.get_run(run_id).info.status == "FINISHED"


def test_a_run_of_another_store_is_restored_into_a_new_one(store: Path) -> None:
    RunReference("0" * 32, "sqlite:////elsewhere/mlflow.db").save()
    with evaluation_run(CONFIG, "digest") as (run, lacks_training):
        assert lacks_training
        tags = open_store(None).get_run(run.id).data.tags
        assert tags[RESTORED] == "0" * 32
        assert "mlflow.parentRunId" not in tags
    with evaluation_run(CONFIG, "digest") as (again, _):
        assert again.id == run.id


def test_a_missing_reference_names_the_command(workspace: Path) -> None:
    with pytest.raises(TrackingError, match=r"reports/run\.json: cannot be read .*`dvc repro train` writes it"):
        RunReference.load()


def test_killed_while_its_tables_are_made_a_store_is_made_again(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path) -> None:
        path.write_bytes(b"half a database, of a process of the same number")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.tracking.store.sync_file", killed)
        with pytest.raises(KeyboardInterrupt):
            open_store(None)
    assert not (workspace / "mlflow.db").exists()
    assert trained()


def test_several_open_a_fresh_store_at_once(workspace: Path) -> None:
    errors: list[BaseException] = []

    def open_it() -> None:
        try:
            open_store(None)
        except BaseException as error:  # the thread's error must reach the test
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    def git(*arguments: str) -> None:
        person = {f"GIT_{role}_{key}": "test" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
        subprocess.run(["git", *arguments], cwd=tmp_path, env={**os.environ, **person}, check=True, capture_output=True)

    git("init", "-q")
    for name in ("code.py", "params.yaml", "dvc.lock", ".gitignore"):
        (tmp_path / name).write_text("data\n" if name == ".gitignore" else "old\n")
    git("add", "-A")
    git("commit", "-q", "-m", "first")
    return tmp_path


def test_what_dvc_rewrites_is_no_change(repository: Path) -> None:
    for name in ("params.yaml", "dvc.lock"):
        (repository / name).write_text("new\n")
    (repository / "data").mkdir()
    (repository / "data" / "ignored.py").write_text("x")
    state = commit(repository)
    assert state is not None
    assert len(state.commit) == 40
    assert (state.dirty, state.diff) == (False, "")


def test_changed_and_untracked_source_is_in_the_diff(repository: Path) -> None:
    (repository / "code.py").write_text("new\n")
    (repository / "other.py").write_text("untracked = True\n")
    (repository / "rows.csv").write_text("a,b\n")
    (repository / ".env").write_text("PASSWORD=secret\n")
    before = (repository / ".git" / "index").read_bytes()
    state = commit(repository)
    assert state is not None
    assert state.dirty
    for line in ("-old", "+new", "+untracked = True"):
        assert line in state.diff.splitlines()
    assert "rows.csv" not in state.diff
    assert "secret" not in state.diff
    assert (repository / ".git" / "index").read_bytes() == before


def test_where_git_cannot_say_what_differs_the_code_counts_as_changed(repository: Path) -> None:
    (repository / ".gitattributes").write_text("*.py filter=missing\n")
    for key, value in (("clean", "no-such-program"), ("required", "true")):
        subprocess.run(["git", "config", f"filter.missing.{key}", value], cwd=repository, check=True)
    (repository / "code.py").write_text("newer\n")
    state = commit(repository)
    assert state is not None
    assert (state.dirty, state.diff) == (True, None)


def test_no_repository_is_no_commit(tmp_path: Path) -> None:
    assert commit(tmp_path) is None


def test_the_environment_names_versions() -> None:
    import keras

    assert f"keras=={keras.__version__}" in environment().splitlines()
