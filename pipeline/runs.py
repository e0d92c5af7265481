"""The recorded runs: list them, close dead ones, send what waits for the store, remove what nothing asks for."""

import argparse
import json
import time
from itertools import islice
from pathlib import Path

from pipeline.config import format_score, guarded, tracking_uri
from pipeline.storage import PipelineError


def main() -> None:
    """Read the arguments and do it."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.runs", description=__doc__)
    parser.add_argument("--uri", help="of the tracking store; default: tracking.uri of params.yaml")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="id, state, when it began, score and name; LOST: its process has ended")
    listing.add_argument("experiment", nargs="*", help="only of these experiments")
    listing.add_argument("-n", type=int, default=20, help="how many; default: 20")
    listing.add_argument("--children", action="store_true", help="folds and trials too")
    listing.add_argument("--json", action="store_true", help="a JSON object a line, for programs")
    listing.set_defaults(does=show)
    commands.add_parser("reap", help="close runs as KILLED whose process has ended").set_defaults(does=reap)
    commands.add_parser("sync", help="send what waits for any tracking store").set_defaults(does=sync)
    collecting = commands.add_parser(
        "gc", help="what nothing asks for: checkpoints, artifacts, half files, refused records"
    )
    collecting.add_argument("--delete", action="store_true", help="remove it; without this it is only listed")
    collecting.set_defaults(does=collect)
    given = parser.parse_args()
    given.uri = given.uri or tracking_uri()
    guarded(lambda: given.does(given))


def show(given: argparse.Namespace) -> None:
    """Print a line a run."""
    from pipeline.tracking import answering, listed, open_store, store_uri

    uri = given.uri
    client = open_store(uri)
    with answering(uri):
        found = list(islice(listed(client, given.experiment, with_children=given.children), given.n))
    for run in found:
        if given.json:
            print(json.dumps({**vars(run), "score": run.score and dict([run.score])}))
        else:
            score = f"{run.score[0]} {format_score(run.score[1])}" if run.score else ""
            age = age_of(time.time() - run.began / 1000)
            print(f"{run.run_id}  {run.state:<9} {age:>5} ago  {score:<22} {run.experiment}: {run.name}")
    if not found and not given.json:
        print(f"no runs in {store_uri(uri)}")


def reap(given: argparse.Namespace) -> None:
    """Close dead runs."""
    from pipeline.tracking import answering, open_store, reap

    uri = given.uri
    client = open_store(uri)
    with answering(uri):
        lines = reap(client)
    print("\n".join(lines) or "no run has lost its process")


def sync(given: argparse.Namespace) -> None:
    """Send what waits, whichever store it waits for."""
    from pipeline.tracking import sync_all

    sent, troubles = sync_all()
    print(f"{sent} entries of the record were sent" if sent else "nothing was sent")
    if troubles:
        raise PipelineError("\n".join(troubles))


def collect(given: argparse.Namespace) -> None:
    """List or remove what nothing asks for."""
    from pipeline.storage import LockError
    from pipeline.tracking import RunReference, TrackingError, answering, leftovers, open_store, store_uri

    uri = given.uri
    client = open_store(uri)
    try:
        keep: str | None = RunReference.load().run_id
    except TrackingError:
        keep = None
    with answering(uri):
        found = list(leftovers(client, store_uri(uri), keep))
    removed = 0
    for each in found:
        place = each.path.relative_to(Path.cwd()) if each.path.is_relative_to(Path.cwd()) else each.path
        print(f"{each.size / 2**20:9,.1f} MB  {place}: {each.reason}")
        if given.delete:
            try:
                each.remove()
                removed += each.size
            except (LockError, OSError) as error:
                print(f"              stays: {error}")
    if not found:
        print("nothing that may go; DVC's own cache: `dvc gc -w`, runs deleted in the UI: `mlflow gc`")
    elif given.delete:
        print(f"{removed / 2**20:,.1f} MB removed")
    else:
        total = sum(each.size for each in found) / 2**20
        print(f"{total:,.1f} MB may go; `python -m pipeline.runs gc --delete` removes them")


def age_of(seconds: float) -> str:
    """Return a time span as people say it: `42s`, `7min`, `3h`, `12d`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"


if __name__ == "__main__":
    main()
