"""Score simple models on the same split, for comparison with the network."""

import time

import numpy as np

from pipeline.config import Config, command, format_score
from pipeline.storage import new_file, write_json
from pipeline.tasks import BaselineTask
from pipeline.tasks.rivals import ARRAYS, BASELINE, SAMPLES, VALIDATION


@command
def main(config: Config) -> None:
    """Fit and score the models, and write reports/baseline.json and reports/baseline.npz."""
    task: BaselineTask = config.family.load("baseline")(config)
    task.require_prepared()
    scores, arrays, began = {}, {}, time.monotonic()
    for name, result in task.scores():
        scores[name] = result.flat()
        arrays[f"{SAMPLES}{name}"] = result.samples[task.headline]
        seconds, began = time.monotonic() - began, time.monotonic()
        print(
            f"baseline: {name}: test {task.headline} {format_score(result.values[task.headline])} ({seconds:.0f} s)",
            flush=True,
        )
    write_json(BASELINE, scores)
    arrays |= {f"{VALIDATION}{name}": outputs for name, outputs in task.validation_outputs.items()}
    with new_file(ARRAYS) as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
