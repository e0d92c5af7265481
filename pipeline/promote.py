"""Write the best trial of a sweep as an experiment: conf/experiment/NAME.yaml."""

import argparse

from pipeline.config import guarded, load
from pipeline.storage import CONF, PipelineError, write_text


def main() -> None:
    """Parse the arguments and write the experiment."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.promote", description=__doc__)
    parser.add_argument("study", help="name of the study, as the sweep prints it")
    parser.add_argument("name", help="name of the new experiment")
    parser.add_argument("--trial", type=int, help="number of the trial; default: the best")
    parser.add_argument(
        "--storage", help="URL of Optuna's storage, as in hydra.sweeper.storage; default: optuna.db at the root"
    )
    parser.add_argument("--force", action="store_true", help="replace an experiment of this name")
    given = parser.parse_args()
    guarded(lambda: promote(given))


def promote(given: argparse.Namespace) -> None:
    """Write the experiment, and check that it composes."""
    from pipeline.sweep import promoted

    path = CONF / "experiment" / f"{given.name}.yaml"
    if path.exists() and not given.force:
        raise PipelineError(f"{path.relative_to(CONF.parent)} exists; choose another name, or replace it with --force")
    content = promoted(given.study, given.name, given.storage, given.trial)
    before = path.read_text(encoding="utf-8") if path.exists() else None
    write_text(path, content)
    try:
        load([f"experiment={given.name}"])
    except BaseException:
        if before is None:
            path.unlink()
        else:
            write_text(path, before)
        raise
    print(f"{content}\nwrote {path.relative_to(CONF.parent)}; `dvc exp run -S experiment={given.name}` runs it")


if __name__ == "__main__":
    main()
