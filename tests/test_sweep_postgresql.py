"""A study in a real PostgreSQL server: two workers, a kill, a second start; and a server that is away."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import optuna
import pytest
from conftest import Project, copy_project
from optuna.trial import TrialState
from sqlalchemy.pool import NullPool
from sweeps import SWEEP, prepared

pytestmark = [pytest.mark.slow, pytest.mark.faults]


@dataclass
class Server:
    """A PostgreSQL of this test's own."""

    programs: Path
    data: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def call(self, program: str, *arguments: str) -> None:
        # The server refuses to run as root.
        user = "postgres" if os.geteuid() == 0 else None
        command = [str(self.programs / program), "-D", str(self.data), *arguments]
        log = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, check=True, user=user, cwd="/", **log)  # type: ignore[call-overload]

    def start(self) -> None:
        self.call("pg_ctl", "-w", "-o", f"-p {self.port} -k '' -h 127.0.0.1", "start")


@pytest.fixture
def server() -> Iterator[Server]:
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), *filter(None, [which("initdb")])]
    if not found:
        pytest.skip("PostgreSQL's initdb is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Not below pytest's own folder: only its user may enter that one.
    data = Path(f"/tmp/onehot-postgresql-{os.getpid()}")
    made = Server(Path(found[-1]).parent, data, port)
    made.call("initdb", "-A", "trust", "-U", "postgres")
    made.start()
    yield made
    made.call("pg_ctl", "-m", "immediate", "stop")
    subprocess.run(["rm", "-r", str(data)], check=True)


def test_a_study_in_postgresql(server: Server, tmp_path: Path) -> None:
    project: Project = prepared(copy_project(tmp_path / "project"))
    long = ("train.epochs=30", "train.batch_size=8", "hydra/sweeper/pruner=none")
    command = (*SWEEP, *long, f"hydra.sweeper.storage={server.url}", "hydra.sweeper.n_jobs=2")
    process = project.start(*command, "hydra.sweeper.n_trials=3")
    storage = optuna.storages.RDBStorage(
        server.url.replace("postgresql", "postgresql+psycopg"), engine_kwargs={"poolclass": NullPool}
    )
    victim = first_running(storage, process)
    os.kill(victim.user_attrs["owner"]["pid"], signal.SIGKILL)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert f"trial {victim.number}: its process died; retrying it" in output
    again = project.run(*command, "hydra.sweeper.n_trials=4")
    assert "resumes after 3 of 4 trials" in again
    (summary,) = optuna.get_all_study_summaries(storage)
    states = [trial.state for trial in optuna.load_study(storage=storage, study_name=summary.study_name).trials]
    assert states.count(TrialState.COMPLETE) == 4
    assert not (project.folder / "optuna.db").exists()
    project.run("python", "-m", "pipeline.promote", summary.study_name, "better", "--storage", server.url)
    storage.remove_session()
    server.call("pg_ctl", "-m", "immediate", "stop")
    told = project.run(*command, fails=True)
    assert "Connection refused" in told or "connection failed" in told
    assert "does not answer" in told
    assert "Traceback" not in told
    server.start()


def first_running(storage: optuna.storages.RDBStorage, process: "subprocess.Popen[str]") -> optuna.trial.FrozenTrial:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        for summary in optuna.get_all_study_summaries(storage):
            study = optuna.load_study(storage=storage, study_name=summary.study_name)
            for trial in study.get_trials(states=(TrialState.RUNNING,)):
                if 1 <= len(trial.intermediate_values) < 24:
                    return trial
        time.sleep(0.2)
    raise AssertionError("no trial began")
