"""Checkpoints: one file each, written atomically; corrupt files are skipped."""

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
    """The progress and all tensors of a training."""

    progress: Progress
    state: State


class Checkpoints:
    """Checkpoint files of one training in one folder.

    Args:
        folder: The folder `.checkpoints/KEY`; the key covers data, settings and code, so that no stale file is used.
        keep: The number of newest checkpoints to keep; the second newest is used if the newest is corrupt.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder = folder
        self._keep = keep

    @property
    def kept(self) -> Path:
        """The folder of the networks saved after single epochs, one subfolder per epoch."""
        return self.folder / "epochs"

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and remove the oldest ones."""
        buffer = io.BytesIO()
        progress = np.frombuffer(json.dumps(checkpoint.progress.to_json()).encode(), dtype=np.uint8)
        np.savez(buffer, allow_pickle=False, **{PROGRESS: progress, **checkpoint.state})
        write_bytes(self.folder / _name(checkpoint.progress), buffer.getvalue())
        for old in self._files()[: -self._keep]:
            old.unlink(missing_ok=True)

    def latest(self, epochs: int) -> Checkpoint | None:
        """Return the newest valid checkpoint that is not beyond `epochs`; report and skip corrupt ones."""
        for path in reversed(self._files()):
            try:
                checkpoint = _read(path)
            # NumPy and zipfile raise these for a truncated or altered file (zip members carry a CRC).
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
                print(f"skipping corrupt checkpoint {path.name}: {error}", flush=True)
                continue
            if checkpoint.progress.epoch + (checkpoint.progress.step > 0) <= epochs:
                return checkpoint
        return None

    def begin(self, start: Checkpoint | None) -> None:
        """Remove checkpoints beyond the starting point of a training, which will write its own there."""
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
