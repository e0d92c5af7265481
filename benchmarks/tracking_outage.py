"""Slowdown of a training by a failing tracking server: stopped, hanging, slow (2 s per call), answering 500.

The same training (a synthetic table of a few columns) is repeated, interleaved, each time with a real `mlflow server`;
after the first epoch the server fails and stays in that state. The measured time runs from the end of the first epoch
to the end of the last, including validation and checkpoints. `vs_well` of each failure is the time with a healthy
server divided by the time with the failing one (1: no slower), as the median over the rounds.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks._machine import machine
from pipeline.storage import PROJECT

sys.path.insert(0, str(PROJECT / "tests"))
from servers import Between, Server

WAYS = ("well", "stopped", "hanging", "slow", "500")
EPOCHS = 8


def clone(folder: Path, rows: int) -> None:
    """Clone this project and prepare a table."""
    from conftest import write_experiment, write_tiny

    subprocess.run(["git", "clone", "-q", str(PROJECT), str(folder)], check=True)
    write_experiment(folder)
    write_tiny(folder / "data" / "own", rows=rows)
    for stage in ("fetch", "preprocess"):
        subprocess.run(
            [sys.executable, "-m", f"pipeline.{stage}", "experiment=tiny"], cwd=folder, check=True, stdout=sys.stderr
        )


def measured(folder: Path, way: str, seed: int) -> float:
    """Train with a failing server; return the seconds from the end of the first epoch to the end of the last."""
    with tempfile.TemporaryDirectory() as scratch:
        server = Server(Path(scratch))
        server.start()
        between = Between(server)
        settings = ["experiment=tiny", "train.batch_size=16", f"train.epochs={EPOCHS}", f"seed={seed}"]
        command = [sys.executable, "-m", "pipeline.train", *settings, f"tracking.uri={between.uri}"]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        first = last = 0.0
        with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or []:
                print(line, end="", file=sys.stderr)
                if line.startswith("epoch 1/"):
                    first = time.monotonic()
                    if way == "stopped":
                        server.stop()
                    elif way == "hanging":
                        server.signal(signal.SIGSTOP)
                    elif way == "slow":
                        between.seconds = 2.0
                    elif way == "500":
                        between.fails = True
                elif line.startswith(f"epoch {EPOCHS}/"):
                    last = time.monotonic()
                    if way == "hanging":
                        server.signal(signal.SIGCONT)
                    between.seconds, between.fails = 0.0, False
        server.stop()
        between.close()
        if process.returncode or not last:
            sys.exit(f"the training failed with the server in state {way}")
    return last - first


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="run one round with few rows")
    quick = parser.parse_args().quick
    rounds = 1 if quick else 5
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "clone"
        clone(folder, 20_000 if quick else 100_000)
        for number in range(rounds):
            # Each seed is a separate training; the order rotates, so that no state always comes first.
            for way in (*WAYS[number:], *WAYS[:number]):
                found[way].append(measured(folder, way, seed=1000 + 10 * number + WAYS.index(way)))
    ratios = {
        f"vs_well_{way}": round(median(a / b for a, b in zip(found["well"], found[way], strict=True)), 3)
        for way in WAYS[1:]
    }
    seconds = {f"seconds_{way}": round(median(each), 2) for way, each in found.items()}
    print(json.dumps({**ratios, **seconds, "rounds": rounds, "epochs_in_trouble": EPOCHS - 1, **machine()}))


if __name__ == "__main__":
    main()
