"""Score simple models on the same split, for comparison with the network."""

import time

import numpy as np

from pipeline.config import Config, command, format_score
from pipeline.storage import REPORTS, new_file, write_json
from pipeline.tasks import BaselineTask

BASELINE = REPORTS / "baseline.json"
SAMPLES = REPORTS / "baseline.npz"
"""The headline of each bootstrap sample, by model: evaluation compares the network's with them."""


@command
def main(config: Config) -> None:
    """Fit and score the models, and write reports/baseline.json and reports/baseline.npz."""
    task: BaselineTask = config.family.load("baseline")(config)
    task.require_prepared()
    scores, samples, began = {}, {}, time.monotonic()
    for name, result in task.scores():
        scores[name] = result.flat()
        samples[name] = result.samples[task.headline]
        seconds, began = time.monotonic() - began, time.monotonic()
        print(
            f"baseline: {name}: test {task.headline} {format_score(result.values[task.headline])} ({seconds:.0f} s)",
            flush=True,
        )
    write_json(BASELINE, scores)
    with new_file(SAMPLES) as stream:
        np.savez(stream, **samples)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
