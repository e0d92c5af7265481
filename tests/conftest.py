"""Fixtures: a small synthetic table, and copies of this project in which real commands run."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
# Two processes test side by side, on two processors: more threads in each would wait for each other. Set before
# TensorFlow is imported; the commands that tests start have it from here.
for _name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

EXPERIMENT = """\
# @package _global_
defaults:
  - override /data: tiny
  - override /model: embedding_mlp

name: tiny
task: table
model: {embedding_dim: 4, hidden_units: 8}
train: {epochs: 3, batch_size: 64, patience: 0}
evaluate: {bootstrap_samples: 100}
tracking: {system_metrics: false}
"""

DATA = """\
source: {name: own, folder: data/own, files: {rows.csv: null, shops.csv: null}}
main_file: rows.csv
unlabelled: null
joins: [{file: shops.csv, key: [shop], prefix: shop_}]
separator: ","
decimal: "."
encoding: utf-8
header: true
skip_lines: 0
missing: ["", "NA"]
missing_numbers: []
target: sold
problem_type: auto
positive_at_least: null
id: null
columns: listed
drop: []
calendar: [{name: when, columns: [date], parts: [weekday]}]
categorical: [shop, colour, shop_town, when_weekday]
numeric: [price, shop_size]
min_count: 1
split: group
split_by: [date]
test_fraction: 0.2
validation_fraction: 0.2
folds: 1
split_seed: 1
"""


LONG = (
    "test_conformance",
    "test_export",
    "test_outages",
    "test_pipeline",
    "test_faults",
    "test_sweep",
    "test_folds",
    "test_translation",
    "test_web",
    "test_translation_pipeline",
    "test_new",
    "test_sweep_kills",
    "test_sweep_command",
)
"""Files of the longest tests. They begin, so that no process is left alone with one of them in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


def write_tiny(folder: Path, rows: int = 2000, days: int = 30) -> None:
    """Write a table whose target hangs on colour, price and the town of the shop; some values are missing."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    day = random.integers(days, size=rows)
    shop, colour = random.integers(12, size=rows), random.integers(5, size=rows)
    price = random.normal(10, 3, size=rows)
    chance = 1 / (1 + np.exp(-(1.5 * (colour % 2) + 0.3 * (10 - price) + (shop % 3) - 1.5)))
    sold = np.where(random.random(rows) < chance, "yes", "no")
    with (folder / "rows.csv").open("w", encoding="utf-8") as stream:
        stream.write("date,shop,colour,price,sold\n")
        for i in range(rows):
            cost = "NA" if i % 17 == 0 else f"{price[i]:.2f}"
            stream.write(
                f"2024-01-{day[i] % 31 + 1:02},s{shop[i]},c{colour[i]},{cost},{'' if i % 50 == 0 else sold[i]}\n"
            )
    lines = [f"s{i},t{i % 3},{100 + i}" for i in range(11)]  # s11 has no row
    (folder / "shops.csv").write_text("\n".join(["shop,town,size", *lines]) + "\n", encoding="utf-8")


def write_experiment(root: Path) -> None:
    """Write the configs of the synthetic table."""
    (root / "conf" / "experiment" / "tiny.yaml").write_text(EXPERIMENT, encoding="utf-8")
    (root / "conf" / "data" / "tiny.yaml").write_text(DATA, encoding="utf-8")


@cache
def prepared_store() -> Path:
    """Make an empty tracking store, once a process: its tables take seconds. Copied, it is like one that was used."""
    from mlflow import MlflowClient

    folder = Path(tempfile.mkdtemp(prefix="onehot-store-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    MlflowClient(f"sqlite:///{folder / 'mlflow.db'}").search_experiments(max_results=1)
    return folder / "mlflow.db"


@dataclass(frozen=True)
class Project:
    """A copy of this project in a folder of its own, under git."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its commands: this interpreter's, no store or root from outside."""
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_", "PIPELINE_", "GIT_", "HYDRA_"))
        }
        person = {f"GIT_{role}_{key}": "test" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # DVC runs stages in $SHELL. The plainest one, on every machine alike.
        return kept | person | {"PATH": path, "SHELL": "/bin/sh"}

    def start(self, *command: str, environment: Mapping[str, str] = MappingProxyType({})) -> "subprocess.Popen[str]":
        """Start a command, with further environment variables; output and errors come together."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str, fails: bool = False) -> str:
        """Run a command to its end and return what it printed."""
        process = self.start(*command)
        output, _ = process.communicate(timeout=300)
        assert (process.returncode != 0) == fails, output
        return output


def copy_project(folder: Path) -> Project:
    """Copy what git would clone, uncommitted changes included, and commit it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        source = ROOT / name
        if name and source.is_file() and name != "dvc.lock":
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    write_experiment(folder)
    write_tiny(folder / "data" / "own")
    project = Project(folder)
    project.run("git", "init", "-q", "-b", "main")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "-m", "a copy")
    shutil.copy(prepared_store(), folder / "mlflow.db")
    return project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One copy for the tests of a module, which build on each other's results."""
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to run stages in, within this process; its own root for store and checkpoints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def store(workspace: Path) -> Path:
    """The workspace, with a tracking store that has its tables."""
    shutil.copy(prepared_store(), workspace / "mlflow.db")
    return workspace


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone's conf/, in which `pipeline.new` runs within this process; own files are beside it."""
    folder = tmp_path / "clone"
    shutil.copytree(ROOT / "conf", folder / "conf")
    monkeypatch.chdir(folder)
    monkeypatch.setattr("pipeline.new.PROJECT", folder)
    monkeypatch.setattr("pipeline.new.CONF", folder / "conf")
    return folder
