"""Kill it anywhere, run it again, get the same bits: every family, every stage, every way to die.

`make test` has two kills; `make test-faults` has thirty a family, FAULTS=N another number of them. The seed is printed;
FAULTS_SEED=N repeats it.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
from conftest import Project, copy_project, write_tiny
from pairs import pairs, write_pairs
from points import points
from record import runs, store_of
from running import Running
from servers import clear
from texts import text, write_text
from tiny import tiny

from pipeline.config import Config, dump
from pipeline.storage import file_digests
from pipeline.tracking.tags import FOLD, HEADLINE
from pipeline.training.pause import PAUSE_AT

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("FAULTS", "30"))
SEED = int(os.environ.get("FAULTS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
IN_A_ROW = 5
"""Kills of one experiment before it may end, and is compared."""
STAGES = ("fetch", "preprocess", "baseline", "train", "evaluate", "export")
OUTS = ("data/raw", "data/processed", "models", "reports", "export")
LEFT = (*OUTS, ".checkpoints", ".dvc/cache", ".dvc/tmp", "mlflow.db", "mlartifacts", "dvc.lock")
NOT_COMPARED = ("reports/run.json", "reports/export_times.json")
"""MLflow's id; times of calls."""


@dataclass(frozen=True)
class Family:
    """A small experiment whose training takes some seconds."""

    config: Callable[..., Config]
    write: Callable[[Path], None]
    changes: dict[str, object]


FAMILIES = {
    "table": Family(tiny, lambda folder: write_tiny(folder, rows=10_000), {"train__batch_size": 4}),
    "folds": Family(tiny, lambda folder: write_tiny(folder, rows=3_000), {"train__batch_size": 4, "data__folds": 3}),
    "text": Family(text, lambda folder: write_text(folder, 60_000), {"train__epochs": 4}),
    "threshold": Family(points, lambda folder: folder.mkdir(exist_ok=True), {"train__epochs": 200}),
    "translation": Family(pairs, write_pairs, {"train__epochs": 4, "train__batch_size": 8}),
}


@dataclass(frozen=True)
class Whole:
    """What an unbroken run writes, and how long each stage takes."""

    project: Project
    files: dict[str, str]
    seconds: dict[str, float]
    scores: dict[str, list[tuple[int, float]]]


def repro_of(project: Project, *stages: str) -> Running:
    return Running(project, "dvc", "repro", *stages)


def files_of(project: Project) -> dict[str, str]:
    found = {f"{out}/{name}": digest for out in OUTS for name, digest in file_digests(project.folder / out).items()}
    return {name: digest for name, digest in found.items() if name not in NOT_COMPARED}


def scores_of(project: Project, name: str) -> dict[str, list[tuple[int, float]]]:
    """Return every metric of the one run that there must be, with its children's; see that it has ended well."""
    client = store_of(project)
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    found = {}
    stored = client.search_runs([experiment.experiment_id])
    (whole,) = [run for run in stored if "mlflow.parentRunId" not in run.data.tags]
    for run in stored:
        assert run.info.status == "FINISHED"
        fold = run.data.tags.get(FOLD, "")
        for metric in run.data.metrics:
            points_of_it = client.get_metric_history(run.info.run_id, metric)
            steps = sorted((point.step, point.value) for point in points_of_it)
            assert len({step for step, _ in steps}) == len(steps), f"{metric} of fold {fold!r}: twice"
            found[f"{fold}{metric}"] = steps
    assert whole.data.tags[HEADLINE]
    assert whole.data.params["train.checkpoint_minutes"] == "0.005"
    names = {each.path for each in client.list_artifacts(whole.info.run_id)}
    assert names >= {"config.yaml", "environment.txt", "network.txt", "network.png", "machine.json", "files"}
    assert ("metrics.json" in names) == (project.folder / "reports" / "metrics.json").exists()
    return found


def start_anew(project: Project) -> None:
    clear(project.folder, *LEFT)
    project.run("git", "checkout", "-q", "--", "reports", "data")


def configured(name: str, folder: Path) -> Project:
    """Copy the project, with a family's experiment in `params.yaml`."""
    family = FAMILIES[name]
    project = copy_project(folder / name)
    shutil.rmtree(project.folder / "data" / "own")
    family.write(project.folder / "data" / "own")
    config = family.config(**{"train__checkpoint_minutes": 0.005, **family.changes})
    (project.folder / "params.yaml").write_text(dump(config), encoding="utf-8")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "--allow-empty", "-m", name)
    return project


def made(name: str, folder: Path) -> Whole:
    """Run a family's experiment once, unbroken."""
    project = configured(name, folder)
    whole = repro_of(project)
    assert whole.end() == 0, whole.output
    begins = [whole.at[stage] for stage in STAGES]
    ends = [*begins[1:], time.monotonic() - whole.began]
    seconds = {stage: end - begin for stage, begin, end in zip(STAGES, begins, ends, strict=True)}
    found = Whole(project, files_of(project), seconds, scores_of(project, FAMILIES[name].config().name))
    assert {"models/model.keras", "reports/metrics.json"} <= set(found.files)
    return found


def everything(process: "subprocess.Popen[str]") -> list[int]:
    try:
        return [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def send(number: int, pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


WAYS: dict[str, Callable[["subprocess.Popen[str]"], None]] = {
    "kill -9 of all": lambda process: send(signal.SIGKILL, everything(process)),
    "kill -9 of the stage": lambda process: send(signal.SIGKILL, everything(process)[1:]),
    "kill -9 of dvc alone": lambda process: send(signal.SIGKILL, [process.pid]),
    "SIGTERM to all": lambda process: send(signal.SIGTERM, everything(process)),
    "Ctrl-C": lambda process: os.killpg(process.pid, signal.SIGINT),
}


def killed(whole: Whole, draw: random.Random, stages: Sequence[str]) -> tuple[str, str] | None:
    """Start, and kill at a random moment of one of some stages.

    Returns:
        The stage, and what was done; None where it had ended before.
    """
    repro = repro_of(whole.project)
    chosen, way, share = draw.choice(stages), draw.choice(list(WAYS)), draw.random()
    if not repro.runs_stage(chosen):
        if repro.end() == 0:
            return None
        # The kill before this one found dvc at a file that it writes in place: `make repro` mends that.
        assert "fixed" in mended(whole.project), repro.output
        return killed(whole, draw, stages)
    delay = share * whole.seconds[chosen]
    time.sleep(delay)
    if repro.process.poll() is not None:
        return None
    WAYS[way](repro.process)
    if way == "kill -9 of dvc alone":
        # Its stage holds the other end of the output, and ends by itself.
        repro.process.wait()
    elif repro.end() == 0:
        return None  # the last stage had ended already
    return chosen, f"{way}, {delay:.1f} s into {chosen}"


def finished(project: Project, *stages: str) -> str:
    """Run to the end, as `make repro` does; return what was said."""
    output = mended(project)
    repro = repro_of(project, *stages)
    assert repro.end() == 0, repro.output
    return output + repro.output


def mended(project: Project) -> str:
    return project.run("python", "-m", "pipeline.doctor", "--before-dvc", "--mend", "--quiet")


def compare(whole: Whole, name: str, told: list[str]) -> None:
    found = files_of(whole.project)
    differ = [path for path in {**found, **whole.files} if found.get(path) != whole.files.get(path)]
    assert differ == [], told
    scores = scores_of(whole.project, FAMILIES[name].config().name)
    assert {metric: scores.get(metric) for metric in whole.scores} == whole.scores, told


@pytest.mark.faults
@pytest.mark.parametrize("name", FAMILIES)
def test_killed_at_random_moments_it_ends_with_the_same_bits(name: str, tmp_path: Path) -> None:
    draw = random.Random(f"{SEED} {name}")
    whole = made(name, tmp_path)
    print(f"seed {SEED}, {name}: stages take { ({k: round(v, 1) for k, v in whole.seconds.items()}) }")
    count = 0
    while count < KILLS:
        start_anew(whole.project)
        told: list[str] = []
        # Stages before that of the last kill are done, and do not run again.
        left: Sequence[str] = STAGES
        while len(told) < IN_A_ROW and (done := killed(whole, draw, left[:3])):
            told.append(done[1])
            left = STAGES[STAGES.index(done[0]) :]
        said = finished(whole.project)
        count += len(told)
        print(f"{count}: {told}{' mended' if 'fixed' in said else ''}", flush=True)
        compare(whole, name, told)


def test_two_kills_and_the_same_bits(tmp_path: Path) -> None:
    """The stage killed within an epoch, then dvc alone: its stage ends by itself, and the next goes on."""
    project = configured("table", tmp_path)
    folder, name = project.folder, FAMILIES["table"].config().name
    project.run("dvc", "repro", "preprocess")
    # By hand, so that DVC's cache does not know what comes of it.
    project.run("python", "-m", "pipeline.train", "--config-dir", ".", "--config-name", "params")
    files, scores = files_of(project), scores_of(project, name)
    assert "models/model.keras" in files
    clear(folder, "models", "reports/run.json", ".checkpoints", "mlflow.db", "mlartifacts")

    with paused_repro(project, "2:100") as first:
        WAYS["kill -9 of the stage"](first.process)
        assert first.end() != 0
    assert not (folder / "models").exists()
    (run,) = runs(project)
    assert run.info.status == "RUNNING"

    with paused_repro(project, "3:200") as second:
        orphan = everything(second.process)[1:]
        assert orphan
        WAYS["kill -9 of dvc alone"](second.process)
        second.process.wait()
        said = finished(project, "train")
        second.end()
        assert "the process that started this one has ended" in second.output
        assert not any(psutil.pid_exists(pid) for pid in orphan)
    assert re.search(rf"resuming run {run.info.run_id} at epoch 3/3", said)
    assert files_of(project) == files
    assert scores_of(project, name) == scores
    assert [each.info.run_id for each in runs(project)] == [run.info.run_id]


@contextmanager
def paused_repro(project: Project, place: str) -> Iterator[Running]:
    """Run the train stage until it pauses at `EPOCH:STEP`; whatever is left of it is ended."""
    running = Running(project, "dvc", "repro", "train", environment={PAUSE_AT: place})
    try:
        epoch, step = place.split(":")
        running.wait_for(f"paused at epoch {epoch}, step {step}")
        yield running
    finally:
        running.kill()


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return made("table", tmp_path_factory.mktemp("limits"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, whose size can be changed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("a disk of a given size can be made by root alone")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.faults
@pytest.mark.parametrize("room", [50, 500, 1500, 2500, 3000, 3500])
def test_on_a_full_disk_it_says_so_and_goes_on_when_there_is_room(table: Whole, small_disk: Path, room: int) -> None:
    """So many kilobytes are left when it begins."""
    start_anew(table.project)
    shutil.copytree(table.project.folder, small_disk / "clone", symlinks=True)
    full = replace(table, project=Project(small_disk / "clone"))
    taken = shutil.disk_usage(small_disk).used // 1024
    resize = ["mount", "-o", f"remount,size={taken + room}k", str(small_disk)]
    subprocess.run(resize, check=True)
    repro = repro_of(full.project)
    assert repro.end() != 0, repro.output
    assert "Disk full" in repro.output or "No space" in repro.output or "disk is full" in repro.output
    print(f"{room} kB: ended in {list(repro.at)[-1:]}: {repro.output[-600:]}")
    subprocess.run(["mount", "-o", "remount,size=1g", str(small_disk)], check=True)
    finished(full.project)
    compare(full, "table", [f"{room} kB"])


@pytest.mark.faults
@pytest.mark.parametrize("gigabytes", [1.0, 1.5, 2.0])
def test_out_of_memory_it_goes_on_when_there_is_some(table: Whole, gigabytes: float) -> None:
    """Address space, of which TensorFlow's libraries alone take most; with 2.5 the experiment runs to its end."""
    start_anew(table.project)
    repro = Running(table.project, "sh", "-c", f"ulimit -v {int(gigabytes * 2**20)}; exec dvc repro")
    ended = repro.end()
    print(f"{gigabytes} GB: ended with {ended} in {list(repro.at)[-1:]}: {repro.output[-600:]}")
    assert ended != 0
    finished(table.project)
    compare(table, "table", [f"{gigabytes} GB"])


CUT = """\
import os, json
_fsync = os.fsync
def fsync(handle):
    _fsync(handle)
    path = os.readlink(f"/proc/self/fd/{handle}")
    with open(os.environ["SYNCED"], "a") as stream:
        stream.write(json.dumps([path, os.fstat(handle).st_ino, os.fstat(handle).st_size]) + "\\n")
os.fsync = fsync
"""


@pytest.mark.faults
@pytest.mark.parametrize("stage", ["preprocess", "train", "evaluate", "export"])
def test_after_a_power_cut_what_was_not_synced_is_missing(table: Whole, stage: str, tmp_path: Path) -> None:
    """The last writes are lost: of a file that was not synced since, nothing or half is left."""
    draw = random.Random(f"{SEED} power {stage}")
    start_anew(table.project)
    (tmp_path / "sitecustomize.py").write_text(CUT)
    log = tmp_path / "synced"
    log.touch()
    began = time.time()
    repro = Running(
        table.project, "sh", "-c", f"SYNCED={log} PYTHONPATH={tmp_path} PYTHONDONTWRITEBYTECODE=1 exec dvc repro"
    )
    assert repro.runs_stage(stage)
    time.sleep(draw.uniform(0.3, 0.7) * table.seconds[stage])
    assert repro.process.poll() is None, "the cut came too late"
    WAYS["kill -9 of all"](repro.process)
    repro.end()
    synced = {(line[1], line[2]) for line in map(json.loads, log.read_text().splitlines())}
    lost = []
    for path in table.project.folder.rglob("*"):
        # The databases sync by themselves; git was not running.
        if (
            ".git/" in f"{path}/"
            or ".db" in path.name
            or path.name == "lock"
            or not path.is_file()
            or path.stat().st_mtime < began
        ):
            continue
        state = path.stat()
        if (state.st_ino, state.st_size) not in synced:
            path.chmod(0o644)
            with path.open("rb+") as stream:
                stream.truncate(draw.choice([0, state.st_size // 2]))
            lost.append(path.relative_to(table.project.folder).as_posix())
    print(f"seed {SEED}: lost {lost}")
    assert lost
    finished(table.project)
    compare(table, "table", [f"power cut in {stage}", *lost])
