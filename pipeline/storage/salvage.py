"""Recover what can still be read of a damaged SQLite database."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from pipeline.storage.atomic import private_file

DAMAGED = ("malformed", "not a database", "disk image", "file is encrypted")
"""Parts of SQLite's messages about a damaged file."""
AT_ONCE = 200
"""Rows that are read at a time; a damaged page loses at most these."""


def is_damaged(message: str) -> bool:
    """Return whether a message of SQLite says that the file is damaged."""
    return any(part in message for part in DAMAGED)


def salvage(path: Path) -> tuple[int, list[str]]:
    """Move a damaged database aside, and write the rows that can be read to a new one.

    If nothing can be read, there is no new one: the next command creates it.

    Args:
        path: The database; it is kept as `NAME.damaged`.

    Returns:
        The number of rows that were read, and the tables that may lack some of theirs.
    """
    aside = path.with_name(f"{path.name}.damaged")
    for suffix in ("-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(aside.with_name(aside.name + suffix))
    path.replace(aside)
    part = private_file(path.with_name(f".{path.name}.salvaged"))
    rows, incomplete = 0, []
    with closing(sqlite3.connect(aside)) as old, closing(sqlite3.connect(part)) as new:
        with suppress(sqlite3.Error):  # without it, SQLite reads nothing of a file that is shorter than it should be
            old.execute("PRAGMA writable_schema = ON")
        for name, definition in _definitions(old):
            with suppress(sqlite3.Error):
                new.execute(definition)
            if definition.lstrip().upper().startswith("CREATE TABLE"):
                count, is_whole = _copied(old, new, name)
                rows += count
                incomplete += [] if is_whole else [name]
        new.commit()
    if rows:
        part.replace(path)
    else:
        part.unlink()
    return rows, incomplete


def _definitions(database: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Yield the name and the statement of each table, then those of the indices."""
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type DESC"
    try:
        yield from database.execute(query).fetchall()
    except sqlite3.Error:
        return


def _copied(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> tuple[int, bool]:
    """Copy the rows of a table from both ends up to a damaged page; return their number, and whether it is all."""
    count, is_whole = 0, True
    for order, condition in (("ASC", ">"), ("DESC", "<")):
        last = None
        while True:
            where = "" if last is None else f"WHERE rowid {condition} {last}"
            query = f'SELECT rowid, * FROM "{table}" {where} ORDER BY rowid {order} LIMIT {AT_ONCE}'  # noqa: S608
            try:
                found = old.execute(query).fetchall()
            except sqlite3.Error:
                is_whole = False
                break
            if not found:
                return count, is_whole
            if last is not None and (found[-1][0] <= last if order == "ASC" else found[-1][0] >= last):
                is_whole = False  # pages of a damaged file may refer to each other in a circle
                break
            last = found[-1][0]
            marks = ", ".join("?" * (len(found[0]) - 1))
            statement = f'INSERT OR IGNORE INTO "{table}" VALUES ({marks})'  # noqa: S608
            with suppress(sqlite3.Error):
                count += new.executemany(statement, [row[1:] for row in found]).rowcount
    return count, is_whole
