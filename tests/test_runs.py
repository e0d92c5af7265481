"""Runs listed, closed, sent and cleared away; what waits for a store, and what a store refuses."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny import tiny

from pipeline.runs import age_of, main
from pipeline.storage import is_alive, private_folder, repeated, root, this_process
from pipeline.tracking import fold_run, lost_runs, open_store, reap, reference_to, training_run
from pipeline.tracking.delivery import PROCESS
from pipeline.tracking.journal import journal, orphans, pending, refused, sync, sync_all
from pipeline.tracking.outbox import Outbox
from pipeline.tracking.tags import HEADLINE, SEEN

CONFIG = tiny()
Command = Callable[..., str]


@pytest.fixture
def command(store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `python -m pipeline.runs` in this process; its output."""

    def run(*arguments: str) -> str:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["runs.py", *arguments])
        main()
        return capsys.readouterr().out

    return run


def ended_process() -> dict[str, object]:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return {**this_process(), "pid": ended.pid, "started": 1.0}


def lose(run_id: str) -> None:
    """Make a run look as if its process had been killed."""
    client = open_store(None)
    client.set_tag(run_id, PROCESS, json.dumps(ended_process()))
    client.update_run(run_id, "RUNNING")


def leave(run_id: str, number: int, kind: str = "scores", **content: object) -> Path:
    """Leave an entry as a killed process does."""
    entry = {"process": ended_process(), "uri": f"sqlite:///{root() / 'mlflow.db'}", "run": run_id, "kind": kind}
    path = journal() / f"{number:020}-1-000001.json"
    path.write_text(json.dumps({**entry, "content": content}))
    return path


def trained(key: str = "key") -> str:
    with training_run(CONFIG, key) as run:
        run.tags({HEADLINE: "auc"})
        run.log_scores({"val/auc": 0.75}, 1, 1_700_000_000_000)
        reference_to(run, CONFIG).save()
    return run.id


def test_listed_with_state_age_and_score(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no runs" in command("list")
    first = trained()
    with training_run(CONFIG, "parent") as parent, fold_run(parent, CONFIG, "parent", 1, begun=False) as fold:
        pass
    lose(parent.id)
    lines = command("list").splitlines()
    assert [line[:32] for line in lines] == [parent.id, first]
    assert lines[0].split()[1] == "LOST"
    assert re.fullmatch(rf"{first}  FINISHED +\d+s ago  val/auc 0\.7500 +tiny", lines[1])
    assert fold.id in command("list", "--children")
    assert command("list", "-n", "1", "--json").count("\n") == 1
    assert json.loads(command("list", "-n", "9", "--json").splitlines()[1])["score"] == {"val/auc": 0.75}
    with pytest.raises(SystemExit):
        command("list", "tinny")
    assert "no MLflow experiment 'tinny' (did you mean 'tiny'?); available: Default, tiny" in capsys.readouterr().err


def test_lost_runs_are_closed_by_hand_and_at_the_next_start(command: Command) -> None:
    first, client = trained(), open_store(None)
    lose(first)
    assert [run.info.run_id for run in lost_runs(client)] == [first]
    assert f"run {first} is closed as KILLED" in command("reap")
    assert client.get_run(first).info.status == "KILLED"
    assert "no orphaned runs" in command("reap")
    lose(first)
    trained("another")
    assert client.get_run(first).info.status == "KILLED"


def test_what_lives_or_belongs_to_others_is_left_alone(store: Path) -> None:
    client = open_store(None)
    theirs = client.create_run("0")
    with training_run(CONFIG, "key") as run:
        assert reap(client) == []
        # Another host's is judged by its last sign of life.
        there = json.dumps({**this_process(), "host": "elsewhere"})
        client.set_tag(run.id, PROCESS, there)
        client.set_tag(run.id, SEEN, str(int(time.time()) - 60))
        assert reap(client) == []
        client.set_tag(run.id, SEEN, str(int(time.time()) - 3600))
        assert [each.info.run_id for each in lost_runs(client)] == [run.id]
    assert client.get_run(theirs.info.run_id).info.status == "RUNNING"


def test_what_a_killed_process_left_is_sent_by_the_next(command: Command) -> None:
    run_id = trained()
    for number, value in ((1, 0.5), (2, 0.6)):
        leave(run_id, number, scores={"val/late": value}, step=number, timestamp=1_700_000_000_000 + number)
    assert len(list(pending())) == 2
    assert "2 tracking events were sent" in command("sync")
    assert list(pending()) == []
    points = open_store(None).get_metric_history(run_id, "val/late")
    assert sorted((point.step, point.value) for point in points) == [(1, 0.5), (2, 0.6)]
    assert "no tracking events were sent" in command("sync")


def test_what_no_store_takes_steps_aside_and_stops_nothing(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = trained()
    bad = leave("0" * 32, 1, scores={"val/late": 1.0}, step=1, timestamp=1)
    torn = leave(run_id, 2, scores={"val/late": 2.0}, step=2, timestamp=1)
    torn.write_text(torn.read_text()[:40])
    leave(run_id, 3, scores={"val/late": 3.0}, step=3, timestamp=1)
    assert sync() == 1
    said = capsys.readouterr().out
    assert f"{bad.name}: scores of run {'0' * 32} cannot be delivered: " in said
    assert f"{torn.name}: the file is corrupt" in said
    assert {path.name for path in refused()} == {bad.name, torn.name}
    assert [point.value for point in open_store(None).get_metric_history(run_id, "val/late")] == [3.0]
    listed = command("gc")
    assert listed.count("the tracking store refused it") == 2
    command("gc", "--delete")
    assert refused() == []


def test_a_move_that_was_killed_is_made_again(store: Path) -> None:
    """Links to the same files lie in both places."""
    run_id = trained()
    picture = leave("0" * 32, 1, "picture", name="plots/a.png")
    folder = picture.with_suffix("")
    folder.mkdir()
    (folder / "a.png").write_bytes(b"x")
    aside = journal() / "refused" / folder.name
    shutil.copytree(folder, aside, copy_function=os.link)
    leave(run_id, 2, "tags", tags={"after": "yes"})
    assert sync() == 1
    assert [path.name for path in refused()] == [picture.name]
    assert (aside / "a.png").read_bytes() == b"x"
    assert not folder.exists()


def test_a_folder_that_is_being_filled_is_no_orphan(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private_folder(journal())
    folder = journal() / f"{time.time_ns():020}-1-000001"
    folder.mkdir()
    assert orphans() == []
    monkeypatch.setattr("pipeline.tracking.journal.LEFTOVER_SECONDS", 0.0)
    assert orphans() == [folder]


def test_what_is_repeated_goes_on_after_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    done = threading.Event()
    calls = iter(range(100))

    def action() -> None:
        if next(calls) < 2:
            raise OSError("away for a moment")
        done.set()

    with repeated(action, 0.01):
        assert done.wait(10)
    assert capsys.readouterr().err.count("OSError: away for a moment; retrying") == 1


def test_a_store_that_is_away_keeps_its_entries(store: Path) -> None:
    trained()
    path = leave("0" * 32, 1, "tags", tags={"a": "b"})
    path.write_text(path.read_text().replace("sqlite:///", "http://127.0.0.1:9/"))
    sent, troubles = sync_all()
    assert sent == 0
    assert len(troubles) == 1
    assert "1 tracking events are queued for it" in troubles[0]
    assert path.is_file()


def test_entries_of_a_living_process_are_its_own(store: Path) -> None:
    box = Outbox(journal())
    box.put("http://127.0.0.1:9", "0" * 32, "tags", {"tags": {"a": "b"}})
    assert len(list(journal().glob("*.json"))) == 1
    assert list(pending()) == []
    assert box.flush(patience=0.3) == 1


def test_cleared_away_is_what_nothing_asks_for(command: Command) -> None:
    old, kept, broken = trained("old"), trained("kept"), trained("broken")
    client = open_store(None)
    client.set_terminated(broken, "KILLED")
    folders = {name: root() / ".checkpoints" / name for name in ("old", "kept", "broken", "unknown")}
    for folder in folders.values():
        folder.mkdir()
        (folder / "000001-000000000.npz").write_bytes(b"x" * 1000)
        (folder / "key.json").write_text(json.dumps({"store": f"sqlite:///{root() / 'mlflow.db'}"}))
    elsewhere = root() / ".checkpoints" / "elsewhere"
    shutil.copytree(folders["old"], elsewhere)
    (elsewhere / "key.json").write_text(json.dumps({"store": "http://127.0.0.1:5000"}))
    artifacts = root() / "mlartifacts" / "tiny"
    (artifacts / ("f" * 32)).mkdir(parents=True)
    ended = ended_process()["pid"]
    half = root() / f".models.{ended}.partial"
    half.mkdir()
    os.utime(half, (1, 1))
    (root() / f".export.{ended}.partial").mkdir()  # so new that a process elsewhere may write it
    (root() / f".models.{os.getppid()}.partial").mkdir()  # a process that lives
    reference = root() / "reports" / "run.json"
    reference.write_text(json.dumps({"run_id": kept, "tracking_uri": ""}))
    listed = command("gc")
    assert f"checkpoints of run {old}, which is finished" in listed
    assert "unknown: checkpoints of no run in this store" in listed
    assert "files of no run in this store" in listed
    assert "a process ended while it wrote this" in listed
    assert "`python -m pipeline.runs gc --delete` deletes them" in listed
    assert all(folder.is_dir() for folder in folders.values()), "a dry run removes nothing"
    assert "MB deleted" in command("gc", "--delete")
    assert [name for name, folder in folders.items() if folder.is_dir()] == ["kept", "broken"]
    assert elsewhere.is_dir(), "what another store records is not judged by this one"
    assert not half.exists()
    assert not (artifacts / ("f" * 32)).exists()
    assert "nothing to delete" in command("gc")


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0s"), (59, "59s"), (60, "1min"), (7200, "2h"), (86_400 * 3, "3d"), (-5, "0s")]
)
def test_ages_are_told_as_people_do(seconds: float, shown: str) -> None:
    assert age_of(seconds) == shown


def test_an_end_that_is_told_late_ends_nothing(store: Path) -> None:
    """The store was away when a training was killed; it was resumed and has finished since."""
    run_id = trained()
    leave(run_id, 1, "end", status="KILLED", time=1)
    leave(run_id, 2, "scores", scores={"val/late": float("nan")}, step=1, timestamp=1)
    assert sync() == 2
    client = open_store(None)
    assert client.get_run(run_id).info.status == "FINISHED"
    assert math.isnan(client.get_metric_history(run_id, "val/late")[0].value)
    lose(run_id)
    leave(run_id, 3, "end", status="KILLED", time=1)
    sync()
    assert client.get_run(run_id).info.status == "KILLED"


def test_an_entry_without_its_folder_stops_nothing(store: Path) -> None:
    run_id = trained()
    picture = leave(run_id, 1, "picture", name="plots/a.png")
    unknown = leave(run_id, 2, "no such kind")
    leave(run_id, 3, "tags", tags={"after": "yes"})
    assert sync() == 1
    assert {path.name for path in refused()} == {picture.name, unknown.name}
    assert open_store(None).get_run(run_id).data.tags["after"] == "yes"


def test_processes_elsewhere_are_judged_by_their_silence() -> None:
    me = this_process()
    assert is_alive(me, None)
    assert not is_alive({**me, "started": -1.0}, time.time())
    assert not is_alive({**me, "boot": "another"}, time.time())
    for there in ({**me, "host": "elsewhere"}, {**me, "space": "another container's"}):
        assert is_alive(there, time.time() - 10)
        assert not is_alive(there, time.time() - 1000)
        assert not is_alive(there, None)
