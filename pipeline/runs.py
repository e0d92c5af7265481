"""Manage recorded runs: list them, close orphaned ones, send queued tracking events, delete unreferenced files."""

import argparse
import json
import time
from itertools import islice
from pathlib import Path

from pipeline.config import add_store, format_score, guarded, store_of
from pipeline.storage import PipelineError

MODEL_TRAINING = "workflowType=machine_learning"
"""Part of an address with which MLflow's UI shows model training."""


def main() -> None:
    """Parse the arguments and run the chosen command."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.runs", description=__doc__)
    add_store(parser)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = subparsers.add_parser(
        "list", help="list runs: id, state, age, score and name; LOST: the process of the run has ended"
    )
    listing.add_argument("experiment", nargs="*", help="list only the runs of these experiments")
    listing.add_argument("-n", type=int, default=20, help="the number of runs; default: 20")
    listing.add_argument("--children", action="store_true", help="list folds and trials, too")
    listing.add_argument("--json", action="store_true", help="print one JSON object per line, for programs")
    listing.set_defaults(does=show)
    addressing = subparsers.add_parser("addresses", help="print where MLflow's UI shows the runs of each experiment")
    addressing.add_argument(
        "--server", default="http://127.0.0.1:5000", help="address of the UI; default: that of make ui"
    )
    addressing.set_defaults(does=print_addresses)
    subparsers.add_parser("reap", help="mark runs as KILLED if their process has ended").set_defaults(does=reap)
    subparsers.add_parser("sync", help="send queued tracking events to their stores").set_defaults(does=sync)
    collecting = subparsers.add_parser(
        "gc", help="list unreferenced files: checkpoints, artifacts, half-written files, refused tracking events"
    )
    collecting.add_argument(
        "--delete", action="store_true", help="delete the files; without this option they are only listed"
    )
    collecting.set_defaults(does=collect)
    arguments = parser.parse_args()
    guarded(lambda: run(arguments))


def run(arguments: argparse.Namespace) -> None:
    """Run the chosen command on the chosen store."""
    arguments.uri = store_of(arguments)
    arguments.does(arguments)


def show(arguments: argparse.Namespace) -> None:
    """Print one line per run."""
    from pipeline.tracking import answering, listed, open_store, store_uri

    uri = arguments.uri
    client = open_store(uri)
    with answering(uri):
        runs = list(islice(listed(client, arguments.experiment, with_children=arguments.children), arguments.n))
    for run in runs:
        if arguments.json:
            print(json.dumps({**vars(run), "score": run.score and dict([run.score])}))
        else:
            score = f"{run.score[0]} {format_score(run.score[1])}" if run.score else ""
            age = age_of(time.time() - run.began / 1000)
            name = run.name if run.name.startswith(run.experiment) else f"{run.experiment}: {run.name}"
            print(f"{run.run_id}  {run.state:<9} {age:>5} ago  {score:<22} {name}")
    if not runs and not arguments.json:
        print(f"no runs in {store_uri(uri)}")


def print_addresses(arguments: argparse.Namespace) -> None:
    """Print the address of each experiment in MLflow's UI, which by default opens on its pages for GenAI."""
    from pipeline.tracking import all_experiments, answering, open_store

    client = open_store(arguments.uri)
    with answering(arguments.uri):
        experiments = all_experiments(client)
    server = arguments.server.rstrip("/")
    for experiment in experiments:
        if experiment.name != "Default":
            address = f"{server}/#/experiments/{experiment.experiment_id}/runs?{MODEL_TRAINING}"
            print(f"  {experiment.name:<20} {address}")
    print(f"  {'all experiments':<20} {server}/#/experiments?{MODEL_TRAINING}")


def reap(arguments: argparse.Namespace) -> None:
    """Close runs whose process has ended."""
    from pipeline.tracking import answering, open_store, reap

    uri = arguments.uri
    client = open_store(uri)
    with answering(uri):
        lines = reap(client)
    print("\n".join(lines) or "no orphaned runs")


def sync(arguments: argparse.Namespace) -> None:
    """Send all queued tracking events, whichever store they are for."""
    from pipeline.tracking import sync_all

    sent, troubles = sync_all()
    print(f"{sent} tracking events were sent" if sent else "no tracking events were sent")
    if troubles:
        raise PipelineError("\n".join(troubles))


def collect(arguments: argparse.Namespace) -> None:
    """List or delete unreferenced files."""
    from pipeline.storage import LockError
    from pipeline.tracking import RunReference, TrackingError, answering, leftovers, open_store, store_uri

    uri = arguments.uri
    client = open_store(uri)
    try:
        keep: str | None = RunReference.load().run_id
    except TrackingError:
        keep = None
    with answering(uri):
        unreferenced = list(leftovers(client, store_uri(uri), keep))
    deleted = 0
    for leftover in unreferenced:
        path = leftover.path
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        print(f"{leftover.size / 2**20:9,.1f} MB  {shown}: {leftover.reason}")
        if arguments.delete:
            try:
                leftover.remove()
                deleted += leftover.size
            except (LockError, OSError) as error:
                print(f"              not deleted: {error}")
    if not unreferenced:
        print("nothing to delete; `dvc gc -w` cleans DVC's cache, `mlflow gc` removes runs that were deleted in the UI")
    elif arguments.delete:
        print(f"{deleted / 2**20:,.1f} MB deleted")
    else:
        total = sum(leftover.size for leftover in unreferenced) / 2**20
        print(f"{total:,.1f} MB can be deleted: `python -m pipeline.runs gc --delete` deletes them")


def age_of(seconds: float) -> str:
    """Return a duration in its largest unit, rounded: `42s`, `7min`, `3h`, `12d`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"


if __name__ == "__main__":
    main()
