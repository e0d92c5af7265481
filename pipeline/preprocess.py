"""Turn the raw files into codes, numbers and splits under data/processed."""

from pipeline.config import Config, command


@command
def main(config: Config) -> None:
    """Prepare the data of the experiment."""
    print(f"preprocess: {config.family.load('preprocess')(config).run()}", flush=True)


if __name__ == "__main__":
    main()
