"""What a tracking server in trouble costs a training: stopped, hanging, slow (2 s a call), answering 500.

The same training (a synthetic table of a few columns) again and again, interleaved, each time with a real `mlflow
server`; after its first epoch the server is put into trouble, and stays there. Measured is the time from the end of the
first epoch to that of the last, validation and checkpoints included. `vs_well` of each trouble is that time with the
server well, divided by the one in trouble (1: no slower), the median of the rounds.
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
    """Clone this project, with a table prepared."""
    from conftest import write_experiment, write_tiny

    subprocess.run(["git", "clone", "-q", str(PROJECT), str(folder)], check=True)
    write_experiment(folder)
    write_tiny(folder / "data" / "own", rows=rows)
    for stage in ("fetch", "preprocess"):
        subprocess.run(
            [sys.executable, "-m", f"pipeline.{stage}", "experiment=tiny"], cwd=folder, check=True, stdout=sys.stderr
        )


def measured(folder: Path, way: str, seed: int) -> float:
    """Train with a server that gets into trouble; return the seconds between the first epoch's end and the last's."""
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
            sys.exit(f"the training with a server {way} failed")
    return last - first


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round, few rows")
    quick = parser.parse_args().quick
    rounds = 1 if quick else 5
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "clone"
        clone(folder, 20_000 if quick else 100_000)
        for number in range(rounds):
            # Each seed is a training of its own; the order turns, so that no one is always the first.
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
