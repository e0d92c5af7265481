"""Turn the raw files into codes, numbers and splits under data/processed."""

from pipeline.config import Config, command
from pipeline.tasks import task_for


@command
def main(config: Config) -> None:
    """Prepare the data of the experiment's family."""
    print(f"preprocess: {task_for(config).preprocess()}", flush=True)


if __name__ == "__main__":
    main()
