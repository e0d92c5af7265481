"""Compare runs on the same test examples: what differs, and whether one is better than the first beyond chance."""

import argparse
from pathlib import Path

from pipeline.config import PipelineError, add_confidence, add_store, guarded, store_of
from pipeline.storage import write_text


def main() -> None:
    """Parse the arguments and compare."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.compare", description=__doc__)
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="at least two: a run id or its beginning, the name of a run or of DVC's experiment, models (the network "
        "there), or models:/NAME@champion; all others are compared with the first",
    )
    add_confidence(parser)
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="write a page with the curves of all runs to this file"
    )
    parser.add_argument(
        "--log", action="store_true", help="log text and page to the runs that are compared with the first"
    )
    add_store(parser)
    given = parser.parse_args()
    guarded(lambda: compare(given.runs, given.confidence, given.html, log=given.log, uri=store_of(given)))


def compare(names: list[str], confidence: float, html: Path | None, *, log: bool, uri: str | None) -> None:
    """Compare runs with the first one; print the result, and write and log it on demand."""
    if len(names) < 2:
        raise PipelineError(
            f"only one run, {names[0]}: name at least two, the first one is what the others are compared with"
        )
    if html and html.is_dir():
        raise PipelineError(f"--html: {html} is a folder; name a file, such as comparison.html")

    from pipeline.comparison import compared, page, report
    from pipeline.tracking import answering, log_comparison, open_store, scored

    client = open_store(uri)
    with answering(uri):
        runs = [scored(client, name) for name in names]
    ids = [run.run_id for run in runs]
    if twice := [run for run in runs if ids.count(run.run_id) > 1]:
        raise PipelineError(f"run {twice[0].run_id} ({twice[0].name}) is named twice; name different runs")
    comparison = compared(runs[0], runs[1:], confidence)
    text = report(comparison)
    print(text)
    shown = page(comparison) if html or log else ""
    if html:
        write_text(html, shown)
        print(f"\nwrote {html}")
    if log:
        with answering(uri):
            for run in runs[1:]:
                log_comparison(client, run.run_id, text, shown)
        print(f"\nlogged text and page to {', '.join(ids[1:])}")


if __name__ == "__main__":
    main()
