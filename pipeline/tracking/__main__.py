"""Print the address of this clone's tracking store, for `make ui`."""

from pipeline.storage import root


def main() -> None:
    """Print it; not through the store's own module, which would first load MLflow."""
    print(f"sqlite:///{root() / 'mlflow.db'}")


if __name__ == "__main__":
    main()
