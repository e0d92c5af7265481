"""Checks of DVC's own files: DVC writes them in place, so a kill or a power cut can truncate them."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import yaml

from pipeline.diagnosis.finding import Finding, fault, ok, warning
from pipeline.storage import md5, root

LOCK, ASIDE = Path("dvc.lock"), Path("dvc.lock.damaged")
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
"""The md5 of an empty file."""
DAYS = 7
"""The age up to which objects of the cache are checked against their hashes."""


def dvc_files() -> Iterator[Finding]:
    """Check dvc.lock, the lock file of running processes and the cache.

    If one of them is corrupt, DVC was interrupted while it wrote; then everything it wrote recently is checked against
    its hash.
    """
    cache = root() / ".dvc" / "cache"
    empty = list(_empty(cache))
    findings = [*_lock(), *_processes(root() / ".dvc" / "tmp" / "rwlock"), *_dead_tasks(), *empty]
    yield from findings
    if any(finding.state == "fault" for finding in findings):
        yield from _recent(cache)
    elif cache.is_dir() and not empty:
        yield ok("DVC's cache: no empty objects")


def _lock() -> Iterator[Finding]:
    if not LOCK.exists():
        yield ok("dvc.lock: none yet; `dvc repro` writes it")
        return
    try:
        text = _text(LOCK)
    except OSError as error:
        yield fault(f"dvc.lock: cannot be read ({error})", "check the permissions of the file, and the disk")
        return
    if (stages := _stages(text)) is not None:
        yield ok(f"dvc.lock: valid, {len(stages)} stages")
    elif re.search(r"^(<{7}|={7}|>{7})", text, re.MULTILINE):
        yield fault("dvc.lock: unresolved merge conflict", "choose a side: `git checkout --ours dvc.lock`, or --theirs")
    elif running := list(_running()):
        yield warning(f"dvc.lock: dvc, process {running[0]}, may be writing it", "wait for it, then check again")
    elif (stages := _stages(_text(LOCK))) is not None:  # dvc was writing it, and has ended
        yield ok(f"dvc.lock: valid, {len(stages)} stages")
    else:
        yield fault(
            "dvc.lock: corrupt (DVC does not write it atomically)",
            f"rename dvc.lock to {ASIDE}. Then run `dvc repro`, which restores finished stages from DVC's run cache. "
            "If dvc.lock is in git, run `git checkout dvc.lock` first to restore the last committed version",
            partial(LOCK.replace, ASIDE),
        )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _stages(text: str) -> dict[str, Any] | None:
    # DVC's own schema: a truncated file is often still valid YAML, with an incomplete dependency at its end.
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    try:
        content = COMPILED_LOCKFILE_SCHEMA(yaml.safe_load(text))
    except (ValueError, yaml.YAMLError, Invalid):
        return None
    return dict(content.get("stages", {}))


def _processes(path: Path) -> Iterator[Finding]:
    if not path.exists():
        return
    try:
        locks = json.loads(path.read_text(encoding="utf-8"))
        holders = [
            *locks.get("write", {}).values(),
            *(holder for readers in locks.get("read", {}).values() for holder in readers),
        ]
    except (OSError, ValueError, AttributeError):
        running = [str(pid) for pid in _running()]
        if running:
            yield fault(
                f"{path}: corrupt, and dvc is running as process {', '.join(running)}", "wait for it, then check again"
            )
        else:
            yield fault(f"{path}: corrupt", "delete it: no dvc process is running", path.unlink)
        return
    for pid in sorted({int(holder["pid"]) for holder in holders}):
        if psutil.pid_exists(pid):
            yield warning(
                f"dvc runs as process {pid} and has locked the files that it reads or writes",
                "another `dvc repro` would fail because of the lock; start it when this process has ended",
            )


def _dead_tasks() -> Iterator[Finding]:
    """Look for tasks of `dvc queue` whose process was killed: DVC shows them as running for ever."""
    for path in sorted((root() / ".dvc" / "tmp" / "exps" / "run").glob("*/*.json")):
        try:
            process = json.loads(path.read_text(encoding="utf-8"))
            name = json.loads(path.with_suffix(".run").read_text(encoding="utf-8"))["name"]
            is_dead = process["returncode"] is None and not psutil.pid_exists(int(process["pid"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if is_dead:
            yield warning(
                f"dvc queue: the process of task {name} has ended, but DVC shows the task as running",
                f"`dvc queue kill {name}` and `dvc queue remove {name}`; then queue the experiment again: it continues "
                "from its checkpoints",
            )


def _running() -> Iterator[int]:
    """Yield the ids of the dvc processes that work in this clone."""
    for process in psutil.process_iter():
        try:
            words = [Path(word).name for word in process.cmdline()[:4]]
            if "dvc" in words and Path(process.cwd()).is_relative_to(root()):
                yield process.pid
        except psutil.Error:  # it has ended, or belongs to another user
            continue


def _empty(cache: Path) -> Iterator[Finding]:
    """Look for objects that a power cut has left empty; DVC does not check objects that exist."""
    empty = [path for path in _objects(cache) if path.stat().st_size == 0]
    corrupt = [path for path in empty if _name(path) != EMPTY]
    # If DVC was killed between creating a folder of its run cache and filling it, it fails on that folder from then on.
    corrupt += [path for path in cache.glob("runs/??/*") if path.is_dir() and not any(path.iterdir())]
    if corrupt:
        yield _corrupt(corrupt)


def _recent(cache: Path) -> Iterator[Finding]:
    """Compare the objects of the last `DAYS` days with their hashes, and check the entries of the run cache."""
    since = time.time() - DAYS * 86_400
    corrupt = [path for path in _objects(cache) if path.stat().st_mtime > since and md5(path) != _name(path)]
    corrupt += [path for path in cache.glob("runs/??/*/*") if path.is_file() and not _is_run(path)]
    if corrupt:
        yield _corrupt(corrupt)


def _corrupt(paths: list[Path]) -> Finding:
    if running := list(_running()):
        return warning(
            f"DVC's cache: {len(paths)} incomplete files ({paths[0]}): process {running[0]}, dvc, may be writing",
            "wait for it, then check again",
        )
    return fault(
        f"DVC's cache: {len(paths)} corrupt files ({paths[0]})",
        "delete them: `dvc repro` creates them again, or `dvc pull` downloads them",
        partial(_remove, paths),
    )


def _objects(cache: Path) -> list[Path]:
    # DVC is still writing files whose names begin with a dot.
    return [path for path in cache.glob("files/md5/??/[!.]*") if path.is_file()]


def _name(path: Path) -> str:
    return path.parent.name + path.name.removesuffix(".dir")


def _is_run(path: Path) -> bool:
    # The name is the hash of the content without sizes, as in `dvc.stage.cache`.
    from dvc.utils import dict_sha256

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return bool(dict_sha256(content, exclude=["size", "nfiles"]) == path.name)
    except (OSError, ValueError, yaml.YAMLError, TypeError, AttributeError):
        return False


def _remove(paths: list[Path]) -> None:
    for path in paths:
        if path.is_dir():
            path.rmdir()
        elif path.exists():
            path.chmod(0o644)
            path.unlink()
        with suppress(OSError):  # DVC expects at least one entry in each folder of its run cache
            path.parent.rmdir()
