"""Checkpoints: one file each, written whole, read only when undamaged."""

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.storage import write_bytes
from pipeline.training.progress import Progress

State = Mapping[str, npt.NDArray[Any]]
PROGRESS = "progress.json"


@dataclass(frozen=True)
class Checkpoint:
    """Progress and every tensor of a training."""

    progress: Progress
    state: State


class Checkpoints:
    """Checkpoint files of one training in one folder.

    Args:
        folder: `.checkpoints/KEY`; the key covers data, settings and code, so that a stale one is never picked up.
        keep: How many of the newest to keep; the one before the newest serves when that is damaged.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder = folder
        self._keep = keep

    @property
    def kept(self) -> Path:
        """Where networks of single epochs are kept, a folder each."""
        return self.folder / "epochs"

    def save(self, checkpoint: Checkpoint) -> None:
        """Write one and remove the oldest."""
        buffer = io.BytesIO()
        progress = np.frombuffer(json.dumps(checkpoint.progress.to_json()).encode(), dtype=np.uint8)
        np.savez(buffer, allow_pickle=False, **{PROGRESS: progress, **checkpoint.state})
        write_bytes(self.folder / _name(checkpoint.progress), buffer.getvalue())
        for old in self._files()[: -self._keep]:
            old.unlink(missing_ok=True)

    def latest(self, epochs: int) -> Checkpoint | None:
        """Read the newest undamaged one that does not go beyond `epochs`; a damaged one is named and passed over."""
        for path in reversed(self._files()):
            try:
                checkpoint = _read(path)
            # What NumPy and zipfile raise for a torn, cut or altered file (zip members carry a CRC).
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
                print(f"checkpoint {path.name} is damaged and left aside: {error}", flush=True)
                continue
            if checkpoint.progress.epoch + (checkpoint.progress.step > 0) <= epochs:
                return checkpoint
        return None

    def begin(self, start: Checkpoint | None) -> None:
        """Remove what lies beyond the point from which a training goes on: its own checkpoints come there now."""
        kept = set() if start is None else {path.name for path in self._files() if path.name <= _name(start.progress)}
        for path in [*self._files(), *self.folder.glob(".*.partial")]:
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.npz"))


def _name(progress: Progress) -> str:
    return f"{progress.epoch:06}-{progress.step:09}.npz"


def _read(path: Path) -> Checkpoint:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    progress = Progress.from_json(json.loads(arrays.pop(PROGRESS).tobytes()))
    return Checkpoint(progress, arrays)
