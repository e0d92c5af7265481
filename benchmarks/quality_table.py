"""Test AUC on flights with whole days held out: this pipeline with its committed defaults against LightGBM.

Both learn from the same rows and columns, use the same validation days for early stopping and are scored on the same
test days, for several random splits of the days (`data.split_seed`). Nothing is chosen by the test split.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean

from benchmarks._machine import machine
from pipeline.data import SPLITS
from pipeline.families.table.baseline import lightgbm
from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.schema import Schema
from pipeline.families.table.metrics.binary import binary_scores
from pipeline.storage import PROJECT


def ours(folder: Path, split_seed: int) -> tuple[float, float]:
    """Run the stages in `folder`; return the test AUC and the seconds of the train stage."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "DVC_ROOT": str(folder)}
    overrides = ["experiment=flights", f"data.split_seed={split_seed}", "tracking.log_model=false"]
    seconds = {}
    for stage in ("fetch", "preprocess", "train", "evaluate"):
        began = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", f"pipeline.{stage}", *overrides],
            cwd=folder,
            env=environment,
            check=True,
            stdout=sys.stderr,
        )
        seconds[stage] = time.monotonic() - began
    metrics = json.loads((folder / "reports" / "metrics.json").read_text(encoding="utf-8"))
    return metrics["test"]["auc"], seconds["train"]


def gradient_boosting(processed: Path) -> tuple[float, float]:
    """Train LightGBM on the same arrays, as the baseline stage does; return the test AUC and the seconds."""
    splits = {name: Arrays.load(processed / name) for name in SPLITS}
    began = time.monotonic()
    probability = lightgbm(splits, Schema.load(processed))[:, 0]
    return binary_scores(splits["test"].target, probability)["auc"], time.monotonic() - began


def main() -> None:
    """Compare the models and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="use one split of the days instead of five")
    seeds = [1] if parser.parse_args().quick else [1, 2, 3, 4, 5]
    rows = {}
    for seed in seeds:
        with tempfile.TemporaryDirectory() as scratch:
            auc, seconds = ours(Path(scratch), seed)
            rival, rival_seconds = gradient_boosting(Path(scratch) / "data" / "processed")
        rows[seed] = (auc, rival, seconds, rival_seconds)
        print(
            f"split_seed {seed}: ours {auc:.4f} ({seconds:.0f} s), LightGBM {rival:.4f} ({rival_seconds:.0f} s)",
            flush=True,
        )
    figures = {
        "auc": round(mean(row[0] for row in rows.values()), 4),
        "auc_lightgbm": round(mean(row[1] for row in rows.values()), 4),
        "by_split_seed": {seed: [round(row[0], 4), round(row[1], 4)] for seed, row in rows.items()},
        "train_stage_seconds": round(mean(row[2] for row in rows.values()), 1),
        "lightgbm_seconds": round(mean(row[3] for row in rows.values()), 1),
    }
    print(json.dumps({**figures, **machine("keras", "tensorflow", "lightgbm")}))


if __name__ == "__main__":
    main()
