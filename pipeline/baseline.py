"""Score simple models on the same split, so that the network's score means something."""

import time

from pipeline.config import Config, command, format_score
from pipeline.storage import REPORTS, write_json
from pipeline.tasks import BaselineTask

BASELINE = REPORTS / "baseline.json"


@command
def main(config: Config) -> None:
    """Fit, score and write reports/baseline.json."""
    task: BaselineTask = config.family.load("baseline")(config)
    task.require_prepared()
    scores, began = {}, time.monotonic()
    for name, found in task.scores():
        scores[name] = found.flat()
        seconds, began = time.monotonic() - began, time.monotonic()
        print(
            f"baseline: {name}: test {task.headline} {format_score(found.values[task.headline])} ({seconds:.0f} s)",
            flush=True,
        )
    write_json(BASELINE, scores)


if __name__ == "__main__":
    main()
