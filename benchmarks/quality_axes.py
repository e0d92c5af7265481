"""Effect of the network options on the Red Hat look-alike, with whole people held out.

The Kaggle forum reported an AUC of .9877 for embeddings alone (`model.numeric_encoding=none`) and .989 with added
features. Here every numeric encoding is trained on the same rows with three seeds, stopped early by the same validation
people. The other options are compared with the committed network in the same way (it trains with bfloat16 products if
the processor supports them). Each interval is for the difference between the means over the seeds, and resamples the
test people for both sides at once; it does not include the variation between seeds. Nothing is chosen by the test
people.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import mean

import numpy as np
import numpy.typing as npt

from benchmarks._machine import machine
from benchmarks.redhat_like import write

MERGES = {
    merge: [f"model.numeric_encoding={merge}"] for merge in ("none", "concat", "wide", "bin", "piecewise", "periodic")
}
AXES = {
    "embedding_dim=auto": ["model.embedding_dim=auto"],
    "hidden_layers=2": ["model.hidden_layers=2"],
    "batch_norm": ["model.batch_norm=true"],
    "float32": ["train.precision=float32"],
    "cosine": ["train.schedule=cosine", "train.warmup=0.1"],
    "weight_decay": ["train.weight_decay=0.01"],
    "ema": ["train.ema=0.999"],
    "ensemble_size=4": ["train.ensemble_size=4"],
}
SAMPLES = 300
LONG = ["experiment=redhat", "train.epochs=20", "train.patience=3"]
"""Train until early stopping; five epochs would compare the speed of learning."""
Rows = npt.NDArray[np.float32]


def trained(overrides: list[str], scratch: Path) -> tuple[Rows, float]:
    """Train a network; return the probabilities of the test rows and the validation AUC."""
    import keras

    from pipeline.config import load
    from pipeline.families.table.data.arrays import Arrays
    from pipeline.families.table.metrics.binary import binary_scores
    from pipeline.families.table.models.outputs import outputs
    from pipeline.storage import PROCESSED
    from pipeline.training import Checkpoints, make_deterministic

    keras.backend.clear_session()
    config = load(overrides)
    task = config.family.load("training")(config)
    task.check()
    make_deterministic(task.config.seed)
    model = task.build()
    task.train(model, None, Checkpoints(scratch / "checkpoints"), lambda _record: None)
    test, val = (Arrays.load(PROCESSED / split) for split in ("test", "val"))
    return outputs(model, test.inputs)[:, 0], binary_scores(val.target, outputs(model, val.inputs)[:, 0])["auc"]


def compared(found: dict[str, list[Rows]], base: str) -> dict[str, list[float]]:
    """Return each mean test AUC with its interval; for all but `base`, of the difference from `base`."""
    from pipeline.families.table.data.arrays import Arrays
    from pipeline.families.table.metrics.binary import BinaryScores
    from pipeline.metrics import interval, resampled
    from pipeline.storage import PROCESSED

    test = Arrays.load(PROCESSED / "test")
    target = np.asarray(test.target)
    scores = {name: [BinaryScores(target, rows) for rows in each] for name, each in found.items()}

    def differences(weight: npt.NDArray[np.float64]) -> dict[str, float]:
        auc = {name: mean(score(weight)["auc"] for score in each) for name, each in scores.items()}
        return {name: value - (auc[base] if name != base else 0) for name, value in auc.items()}

    point = differences(np.ones(len(target)))
    samples = resampled(differences, np.asarray(test.group), SAMPLES)
    return {name: [round(point[name], 5), *(round(end, 5) for end in interval(samples[name], 0.95))] for name in found}


def main() -> None:
    """Compare the networks and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="use a hundredth of the rows, one seed and two networks; overrides the rest",
    )
    parser.add_argument("--scale", type=float, default=0.1, help="size of the look-alike; 1 has 2.2 million rows")
    parser.add_argument("--seeds", type=int, default=3, help="number of trainings per network")
    parser.add_argument(
        "--only", nargs="*", default=[*MERGES, *AXES], choices=[*MERGES, *AXES], help="names of the networks to train"
    )
    given = parser.parse_args()
    scale, seeds = (0.01, 1) if given.quick else (given.scale, given.seeds)
    names = ["none", "concat"] if given.quick else given.only
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        write(Path("data/raw"), scale=scale)
        from pipeline.config import load
        from pipeline.families.table.preprocess import PreprocessTable

        PreprocessTable(load(["experiment=redhat"])).run()
        found: dict[str, list[Rows]] = {}
        val: dict[str, float] = {}
        for name in names:
            changes = {**MERGES, **AXES}[name]
            runs = [trained([*LONG, f"seed={seed}", *changes], Path(scratch)) for seed in range(1, seeds + 1)]
            found[name], val[name] = [rows for rows, _ in runs], mean(auc for _, auc in runs)
            print(f"{name}: val auc {val[name]:.5f}", file=sys.stderr, flush=True)
        figures: dict[str, object] = {"scale": scale, "seeds": seeds}
        for base, group in (("none", MERGES), ("concat", AXES)):
            chosen = {name: rows for name, rows in found.items() if name in {base, *group}}
            if base in chosen:
                results = compared(chosen, base)
                figures[f"auc_{base}"] = results.pop(base)
                figures |= {f"{name} less {base}": result for name, result in results.items()}
        figures["val_auc"] = {name: round(value, 5) for name, value in val.items()}
    print(json.dumps({**figures, **machine("keras", "tensorflow")}))


if __name__ == "__main__":
    main()
