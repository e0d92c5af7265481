"""Sweeps: the overhead of a trial beyond its training, a grid against DVC's queue, and two workers against one.

A small table (a hundredth of the Red Hat look-alike: 22,000 rows, 52 columns) and one grid of networks, with the same
trainings for every contender, in a clone of this project. `overhead_s` is the time between trials and around their
training: bookkeeping of Optuna and MLflow, sampling, checking the settings and cleaning up; building network and graph
counts as training. `vs_dvc_queue` compares whole commands including imports: `dvc exp run --queue` and
`dvc queue start` of the train stage against `--multirun` with the grid sampler. `vs_one_worker` compares trials per
minute, from the start of the first to the end of the last, with one thread per trial. `two_commands` is the limit that
the machine sets: two independent sweeps of one worker at the same time, against one alone.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from statistics import median

from benchmarks._machine import machine
from benchmarks.redhat_like import write
from pipeline.storage import PROJECT

GRID = {"model.hidden_units": "64,128", "train.batch_size": "512,1024"}
LARGE = {"model.hidden_units": "64,96,128", "train.batch_size": "256,512,1024,2048"}
FIXED = [
    "experiment=redhat",
    "train.epochs=3",
    "train.patience=0",
    "train.precision=float32",
    "tracking.log_model=false",
]


class Clone:
    """A clone of this project with prepared data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run(["git", "clone", "-q", str(PROJECT), str(folder)], check=True)
        write(folder / "data" / "own", scale=0.01)
        # DVC's queue works in copies that contain only files tracked by git.
        self.run("git", "add", "--force", "data/own")
        self.run("git", "-c", "user.name=b", "-c", "user.email=b@b", "commit", "-q", "-m", "data")
        self.run(sys.executable, "-m", "pipeline.compose", *FIXED)
        self.run("dvc", "repro", "preprocess")

    def run(self, *command: str, threads: int | None = None) -> float:
        """Run a command; return its duration in seconds."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "PIPELINE_", "MLFLOW_"))}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        if threads:
            environment |= {name: str(threads) for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")}
        began = time.monotonic()
        subprocess.run(command, cwd=self.folder, env=environment, check=True, stdout=sys.stderr)
        return time.monotonic() - began

    def sweep(self, name: str, grid: dict[str, str], workers: int, threads: int | None = None) -> float:
        """Search a grid; return the duration of the command in seconds."""
        return self.run(*self.searching(name, grid, workers), threads=threads)

    @staticmethod
    def searching(name: str, grid: dict[str, str], workers: int) -> list[str]:
        """Return the command that searches a grid."""
        axes = [f"{key}=choice({values})" for key, values in grid.items()]
        settings = [f"hydra.sweeper.study_name={name}", f"hydra.sweeper.n_jobs={workers}", "hydra/sweeper/pruner=none"]
        command = [sys.executable, "-m", "pipeline.train", "--multirun", *FIXED, "hydra/sweeper/sampler=grid"]
        return [*command, *settings, *axes]

    def trials(self, name: str) -> list[tuple[datetime, datetime, float]]:
        """Return the start, the end and the training seconds of each trial of a study."""
        import optuna

        study = optuna.load_study(study_name=name, storage=f"sqlite:///{self.folder / 'optuna.db'}")
        found = []
        for trial in study.get_trials(deepcopy=False):
            if trial.datetime_start is None or trial.datetime_complete is None or trial.state.name != "COMPLETE":
                sys.exit(f"trial {trial.number} of {name} did not complete")
            found.append((trial.datetime_start, trial.datetime_complete, float(trial.user_attrs["cost"]["seconds"])))
        return found


def span(trials: list[tuple[datetime, datetime, float]]) -> float:
    """Return the seconds from the first start to the last end."""
    return (max(end for _, end, _ in trials) - min(begin for begin, _, _ in trials)).total_seconds()


def main() -> None:
    """Compare the contenders and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="run one round with the small grid")
    rounds, grid = (1, GRID) if parser.parse_args().quick else (3, LARGE)
    ours, queue, ratios, overheads, ceilings = [], [], [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        clone = Clone(Path(scratch) / "clone")
        for number in range(rounds):
            ours.append(clone.sweep(f"ours-{number}", GRID, 1))
            # A new seed per round, because DVC would restore a known run from its cache.
            overrides = [f"-S {text}" for text in [*FIXED, f"seed={number + 2}"]]
            queued = [*overrides, *(f"-S {key}={values}" for key, values in GRID.items())]
            began = clone.run("dvc", "exp", "run", "--queue", *" ".join(queued).split(), "train")
            queue.append(began + clone.run("dvc", "queue", "start") + waited(clone))
            print(f"grid of 4: ours {ours[-1]:.0f} s, dvc queue {queue[-1]:.0f} s", file=sys.stderr)
            clone.sweep(f"one-{number}", grid, 1, threads=1)
            clone.sweep(f"two-{number}", grid, 2)
            one, two = clone.trials(f"one-{number}"), clone.trials(f"two-{number}")
            ratios.append(span(one) / span(two))
            overheads.append((span(one) - sum(seconds for _, _, seconds in one)) / len(one))
            names = [f"{side}-{number}" for side in ("left", "right")]
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda name: clone.sweep(name, grid, 1, threads=1), names))
            ceilings.append(2 * span(one) / max(span(clone.trials(name)) for name in names))
            print(f"two commands {ceilings[-1]:.2f} times one", file=sys.stderr)
            print(f"two workers {ratios[-1]:.2f} times one; overhead {overheads[-1]:.2f} s", file=sys.stderr)
    figures = {
        "overhead_s": round(median(overheads), 2),
        "trials_a_minute": round(60 * 4 / median(ours), 1),
        "vs_dvc_queue": round(median(b / a for a, b in zip(ours, queue, strict=True)), 1),
        "vs_one_worker": round(median(ratios), 2),
        "two_commands": round(median(ceilings), 2),
    }
    print(json.dumps({"benchmark": "sweep", **figures, **machine("optuna", "dvc", "keras", "tensorflow")}))


def waited(clone: Clone) -> float:
    """Wait until DVC's queue is empty; return the seconds waited."""
    began = time.monotonic()
    while True:
        shown = subprocess.run(["dvc", "queue", "status"], cwd=clone.folder, check=True, capture_output=True, text=True)
        rows = [line.split() for line in shown.stdout.splitlines()]
        if not any({"Queued", "Running"} & set(row) for row in rows):
            if failed := [row for row in rows if "Failed" in row]:
                sys.exit(f"dvc queue: {failed}")
            return time.monotonic() - began
        time.sleep(0.5)


if __name__ == "__main__":
    main()
