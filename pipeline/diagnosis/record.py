"""Checks of the databases of MLflow and Optuna, the tracking store and queued tracking events."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.config import tracking_uri
from pipeline.diagnosis.finding import Finding, fault, ok, warning
from pipeline.storage import PipelineError, private_file, root, salvage


def databases() -> Iterator[Finding]:
    """Check that the SQLite files at the root are intact and private."""
    for name in ("mlflow.db", "optuna.db"):
        path = root() / name
        if not path.is_file():
            continue
        try:
            # Open for writing: SQLite then rolls back what a killed process was committing.
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=5)) as database:
                status = database.execute("PRAGMA quick_check").fetchone()[0]
        except sqlite3.Error as error:
            status = str(error)
        if status == "ok":
            yield ok(f"{name}: intact")
        elif "locked" in status:
            yield warning(f"{name}: another process has locked it", f"wait for it; `fuser {path}` shows the process")
        elif "readonly" in status or "unable to open" in status:
            yield fault(
                f"{name}: {status}", f"check the permissions of the file and its folder: `ls -ld {path.parent} {path}`"
            )
        else:
            yield fault(
                f"{name}: damaged: {status}",
                f"restore a backup of it; or move it to {name}.damaged, and keep what can still be read",
                partial(_salvage, path),
            )
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield warning(
                f"{name}: readable by other users of this machine", f"chmod 600 {name}", partial(private_file, path)
            )


def record() -> Iterator[Finding]:
    """Check whether the tracking store responds, which runs are orphaned and which events are queued."""
    from pipeline.tracking import answering, lost_runs, open_store

    uri = tracking_uri()
    if uri is None and not (root() / "mlflow.db").is_file():
        yield from _waiting()
        yield ok("tracking store: none yet; `dvc repro` creates it")
        return
    try:
        client = open_store(uri)
        with answering(uri):
            lost = lost_runs(client)
    except PipelineError as error:
        yield from _waiting()
        yield fault(str(error), "follow the advice in the message")
        return
    yield from _waiting()
    if lost:
        yield warning(
            f"{len(lost)} orphaned runs, whose process has ended, such as {lost[0].info.run_id}",
            "`python -m pipeline.runs reap` marks them as KILLED, and so does the next training",
            partial(_reap, client, uri),
        )
    else:
        yield ok("tracking store: responds; no orphaned runs")


def _salvage(path: Path) -> None:
    rows, incomplete = salvage(path)
    if rows:
        lost = f"; rows may be missing in {', '.join(incomplete)}" if incomplete else ""
        print(f"         {path.name}: {rows:,} rows could be read{lost}", flush=True)
    else:
        print(f"         {path.name}: nothing could be read; the next command creates a new one", flush=True)


def _waiting() -> Iterator[Finding]:
    """Report queued and refused events; `open_store` has already sent those of a store that responds."""
    from pipeline.tracking import pending, refused

    queued, rejected = len(list(pending())), len(refused())
    if queued:
        yield warning(f"{queued} tracking events are queued for a store", "`python -m pipeline.runs sync` sends them")
    if rejected:
        yield warning(
            f"{rejected} tracking events were refused by their store (was the run deleted?)",
            "`python -m pipeline.runs sync` retries them, `python -m pipeline.runs gc --delete` deletes them",
        )


def _reap(client: Any, uri: str | None) -> None:
    from pipeline.tracking import answering, reap

    with answering(uri):
        reap(client)
