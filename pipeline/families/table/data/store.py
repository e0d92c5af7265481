"""Keep columns on disk between reading and encoding: memory holds one batch and the distinct values, not the table."""

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt


class Column:
    """A file of values of one type, which are appended and then read in ranges of rows."""

    def __init__(self, path: Path, dtype: str) -> None:
        self._path, self._dtype = path, np.dtype(dtype)

    def append(self, values: npt.NDArray[Any]) -> None:
        """Append values."""
        with self._path.open("ab") as stream:
            values.astype(self._dtype, copy=False).tofile(stream)

    def read(self, start: int = 0, count: int = -1) -> npt.NDArray[Any]:
        """Return `count` values from `start` on; all by default."""
        return np.fromfile(self._path, dtype=self._dtype, count=count, offset=self._dtype.itemsize * start)


class ArrayWriter:
    """An `.npy` file of known shape, written in blocks of rows by several threads in any order."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: str) -> None:
        self._stream = path.open("wb")
        self._dtype = np.dtype(dtype)
        header = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._stream, header)
        self._stream.flush()
        self._begin, self._width = self._stream.tell(), self._dtype.itemsize * int(np.prod(shape[1:]))

    def write(self, rows: npt.NDArray[Any], at: int) -> None:
        """Write rows at row `at` and after it."""
        content = np.ascontiguousarray(rows, dtype=self._dtype).ravel().view("u1")
        place = self._begin + self._width * at
        while content.size:
            written = os.pwrite(self._stream.fileno(), content.data, place)
            content, place = content[written:], place + written

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
