"""The databases of MLflow and Optuna, and what waits for a tracking store."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

from pipeline.config import tracking_uri
from pipeline.diagnosis.finding import Finding, fault, ok, warning
from pipeline.storage import PipelineError, private_file, root


def databases() -> Iterator[Finding]:
    """See that the SQLite files at the root are whole and private."""
    for name in ("mlflow.db", "optuna.db"):
        path = root() / name
        if not path.is_file():
            continue
        try:
            # To be written too: what a killed process was committing, SQLite takes back when it opens.
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=5)) as database:
                found = database.execute("PRAGMA quick_check").fetchone()[0]
        except sqlite3.Error as error:
            found = str(error)
        if found == "ok":
            yield ok(f"{name}: whole")
        elif "locked" in found:
            yield warning(f"{name}: another process has locked it", f"wait; `fuser {path}` names the process")
        elif "readonly" in found or "unable to open" in found:
            yield fault(f"{name}: {found}", f"see who may write it and its folder: `ls -ld {path.parent} {path}`")
        else:
            yield fault(
                f"{name}: damaged: {found}",
                f"`sqlite3 {name} .recover` saves what can be read into a new file; put that in its place",
            )
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield warning(
                f"{name}: others on this machine may read it", f"chmod 600 {name}", partial(private_file, path)
            )


def record() -> Iterator[Finding]:
    """See whether the tracking store answers, which runs have lost their process, and what waits."""
    from pipeline.tracking import answering, lost_runs, open_store

    uri = tracking_uri()
    if uri is None and not (root() / "mlflow.db").is_file():
        yield from _waiting()
        yield ok("tracking store: none yet; `dvc repro` makes it")
        return
    try:
        client = open_store(uri)
        with answering(uri):
            lost = lost_runs(client)
    except PipelineError as error:
        yield from _waiting()
        yield fault(str(error), "see above")
        return
    yield from _waiting()
    if lost:
        yield warning(
            f"{len(lost)} runs have lost their process, {lost[0].info.run_id} among them",
            "`python -m pipeline.runs reap` closes them as killed, as does the next training",
            partial(_reap, client, uri),
        )
    else:
        yield ok("tracking store: answers; no run has lost its process")


def _waiting() -> Iterator[Finding]:
    """Say what waits for a store; what waited for one that has just answered is there by now."""
    from pipeline.tracking import pending, refused

    waiting, outcast = len(list(pending())), len(refused())
    if waiting:
        yield warning(f"{waiting} entries of the record wait for a store", "`python -m pipeline.runs sync` sends them")
    if outcast:
        yield warning(
            f"{outcast} entries of the record were refused by their store (its run was deleted?)",
            "`python -m pipeline.runs sync` tries again, `python -m pipeline.runs gc --delete` gives up",
        )


def _reap(client: Any, uri: str | None) -> None:
    from pipeline.tracking import answering, reap

    with answering(uri):
        reap(client)
