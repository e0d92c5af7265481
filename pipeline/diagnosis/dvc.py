"""DVC's own files: it writes them in place, so that a kill or a power cut can leave half of one."""

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
"""The md5 of nothing."""
DAYS = 7
"""How far back the cache is looked at closely."""


def dvc_files() -> Iterator[Finding]:
    """Look at dvc.lock, at the notes of running processes and at the cache.

    Where one of them shows that the machine went down while DVC wrote, what else it wrote lately is looked at closely.
    """
    cache = root() / ".dvc" / "cache"
    empty = list(_empty(cache))
    found = [*_lock(), *_processes(root() / ".dvc" / "tmp" / "rwlock"), *empty]
    yield from found
    if any(each.state == "fault" for each in found):
        yield from _recent(cache)
    elif cache.is_dir() and not empty:
        yield ok("DVC's cache: no empty object")


def _lock() -> Iterator[Finding]:
    if not LOCK.exists():
        yield ok("dvc.lock: none yet; `dvc repro` writes it")
        return
    try:
        text = _text(LOCK)
    except OSError as error:
        yield fault(f"dvc.lock: cannot be read ({error})", "look at the file's permissions and at the disk")
        return
    if (stages := _stages(text)) is not None:
        yield ok(f"dvc.lock: whole, {len(stages)} stages")
    elif re.search(r"^(<{7}|={7}|>{7})", text, re.MULTILINE):
        yield fault("dvc.lock: holds both sides of a merge", "choose one: `git checkout --ours dvc.lock`, or --theirs")
    elif running := list(_running()):
        yield warning(f"dvc.lock: dvc, process {running[0]}, is perhaps writing it", "wait for it, then look again")
    elif (stages := _stages(_text(LOCK))) is not None:  # it was, and has ended
        yield ok(f"dvc.lock: whole, {len(stages)} stages")
    else:
        yield fault(
            "dvc.lock: damaged (DVC does not write it in one step)",
            f"put dvc.lock aside as {ASIDE}. Next: `dvc repro`; finished stages come back from DVC's run cache. Where "
            "dvc.lock is in git, `git checkout dvc.lock` before it brings the last one that was committed",
            partial(LOCK.replace, ASIDE),
        )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _stages(text: str) -> dict[str, Any] | None:
    # DVC's own rules: half a file is often YAML still, with half a dependency at its end.
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
        notes = json.loads(path.read_text(encoding="utf-8"))
        noted = [*notes.get("write", {}).values(), *(each for some in notes.get("read", {}).values() for each in some)]
    except (OSError, ValueError, AttributeError):
        running = [str(pid) for pid in _running()]
        if running:
            yield fault(
                f"{path}: damaged, and dvc runs as process {', '.join(running)}", "wait for it, then look again"
            )
        else:
            yield fault(f"{path}: damaged", "delete it: no dvc runs", path.unlink)
        return
    for pid in sorted({int(each["pid"]) for each in noted}):
        if psutil.pid_exists(pid):
            yield warning(
                f"dvc runs as process {pid}, and holds files that it reads or writes",
                "another `dvc repro` here says so and ends; run it afterwards",
            )


def _running() -> Iterator[int]:
    """Give the processes of dvc that work in this clone."""
    for process in psutil.process_iter():
        try:
            words = [Path(word).name for word in process.cmdline()[:4]]
            if "dvc" in words and Path(process.cwd()).is_relative_to(root()):
                yield process.pid
        except psutil.Error:  # ended meanwhile, or somebody else's
            continue


def _empty(cache: Path) -> Iterator[Finding]:
    """Look for objects of which a power cut has left nothing; DVC takes those that are there for good."""
    empty = [path for path in _objects(cache) if path.stat().st_size == 0]
    damaged = [path for path in empty if _name(path) != EMPTY]
    # Killed between making a folder of its run cache and filling it, DVC stumbles over it ever after.
    damaged += [path for path in cache.glob("runs/??/*") if path.is_dir() and not any(path.iterdir())]
    if damaged:
        yield _damaged(damaged)


def _recent(cache: Path) -> Iterator[Finding]:
    """Compare the objects of the last days with their hashes, and read what the run cache noted down."""
    since = time.time() - DAYS * 86_400
    damaged = [path for path in _objects(cache) if path.stat().st_mtime > since and md5(path) != _name(path)]
    damaged += [path for path in cache.glob("runs/??/*/*") if path.is_file() and not _is_run(path)]
    if damaged:
        yield _damaged(damaged)


def _damaged(paths: list[Path]) -> Finding:
    if running := list(_running()):
        return warning(
            f"DVC's cache: {len(paths)} files not whole ({paths[0]}): process {running[0]}, dvc, is perhaps writing",
            "wait for it, then look again",
        )
    return fault(
        f"DVC's cache: {len(paths)} files are damaged ({paths[0]})",
        "delete them: `dvc repro` makes them again, or `dvc pull` brings them",
        partial(_remove, paths),
    )


def _objects(cache: Path) -> list[Path]:
    # What begins with a dot is being written.
    return [path for path in cache.glob("files/md5/??/[!.]*") if path.is_file()]


def _name(path: Path) -> str:
    return path.parent.name + path.name.removesuffix(".dir")


def _is_run(path: Path) -> bool:
    # Named by its hash, sizes left out, as `dvc.stage.cache` has it.
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
        with suppress(OSError):  # DVC expects an entry in each folder of its run cache
            path.parent.rmdir()
