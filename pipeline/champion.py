"""Make the model of a run the champion, models:/NAME@champion, if it is better than the one before beyond chance."""

import argparse

from pipeline.config import PipelineError, add_confidence, add_store, guarded, store_of


def main() -> None:
    """Parse the arguments and decide."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.champion", description=__doc__)
    parser.add_argument(
        "run",
        nargs="?",
        default="models",
        metavar="RUN",
        help="as for pipeline.compare; default: models, the network there",
    )
    add_confidence(parser)
    parser.add_argument(
        "--force", metavar="REASON", help="make it the champion whatever the comparison says; the reason is recorded"
    )
    add_store(parser)
    given = parser.parse_args()
    guarded(lambda: decide(given.run, given.confidence, given.force, store_of(given)))


def decide(name: str, confidence: float, reason: str | None, uri: str | None) -> None:
    """Compare the model of a run with the champion, and make it the champion if it is better.

    Raises:
        PipelineError: It is not better, and there is no reason to prefer it in spite of that.
    """
    if reason is not None and not reason.strip():
        raise PipelineError("--force: the reason is empty; say why this model is to be the champion")

    from pipeline.comparison import compared, report
    from pipeline.tracking import answering, champion, crown, model_name, open_store, scored, version_of

    client = open_store(uri)
    with answering(uri):
        run = scored(client, name)
        model = model_name(run.experiment)
        version = version_of(client, run.run_id, model)
        before = champion(client, model)
        if before is not None and before.version == version.version:
            print(f"version {version.version} of model {model} (run {run.run_id}) is the champion already")
            return
        because = "the first champion"
        if before is not None:
            because = reason or ""
            if reason is None:
                comparison = compared(scored(client, str(before.run_id)), [run], confidence)
                print(report(comparison))
                if comparison.best is None:
                    raise PipelineError(
                        f"version {before.version} of model {model} remains the champion, because run {run.run_id} is "
                        "not better beyond chance. --force REASON makes it the champion nevertheless"
                    )
                gain = comparison.best.difference
                headline = run.scores.headline
                because = f"{headline} better by {gain.gain:.4f} ({gain.low:.4f} … {gain.high:.4f})"
        crown(client, version, because)
    instead = f" instead of version {before.version}" if before is not None else ""
    print(
        f"version {version.version} of model {model} is the champion{instead}: {because}\n"
        f"  python -m pipeline.predict --model models:/{model}@champion INPUT -o OUTPUT   predicts with it\n"
        f"  make serve MODEL=models:/{model}@champion   serves it"
    )


if __name__ == "__main__":
    main()
