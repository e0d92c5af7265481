"""Score simple models on the same split, for comparison with the network."""

import time

from pipeline.config import Config, command, format_score
from pipeline.storage import REPORTS, write_json
from pipeline.tasks import BaselineTask

BASELINE = REPORTS / "baseline.json"


@command
def main(config: Config) -> None:
    """Fit and score the models, and write reports/baseline.json."""
    task: BaselineTask = config.family.load("baseline")(config)
    task.require_prepared()
    scores, began = {}, time.monotonic()
    for name, result in task.scores():
        scores[name] = result.flat()
        seconds, began = time.monotonic() - began, time.monotonic()
        print(
            f"baseline: {name}: test {task.headline} {format_score(result.values[task.headline])} ({seconds:.0f} s)",
            flush=True,
        )
    write_json(BASELINE, scores)


if __name__ == "__main__":
    main()
