"""Layer outputs on disk: one file per layer, written batch by batch."""

import zipfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

Values = npt.NDArray[Any]


class LayerFiles:
    """Writer of `LAYER.parquet` or `LAYER.npz` files; the path of a layer within a network becomes a folder.

    Parquet: columns `batch` (from 0), `row` (of the input, from 1) and one column per unit, called by the unit's name
    or `unit_0`, …; if a row has more than one axis, a column `values` of nested lists instead. NPZ: one array per
    batch, `batch_00000`, ….

    Args:
        folder: The folder to write; created if missing.
        suffix: The file format, `parquet` or `npz`.
        names: The unit names by layer; layers without an entry have unnamed units.
        as_lists: Whether to write lists for two axes, too; needed for sentences, whose batches differ in width.
    """

    def __init__(
        self, folder: Path, suffix: str, names: Mapping[str, Sequence[str]], *, as_lists: bool = False
    ) -> None:
        self._folder, self._suffix, self._names, self._as_lists = folder, suffix, names, as_lists
        self._open: dict[str, Any] = {}
        self._stack = ExitStack()
        self._batch = 0

    def write(self, outputs: dict[str, Values], first: int) -> None:
        """Append the outputs of one batch.

        Args:
            outputs: The outputs by layer, shape (batch, …) each.
            first: The number of input rows before this batch.
        """
        for name, values in outputs.items():
            if self._suffix == "npz":
                self._write_array(name, values)
            else:
                self._write_table(name, values, first)
        self._batch += 1

    def _write_array(self, name: str, values: Values) -> None:
        if name not in self._open:
            self._open[name] = self._stack.enter_context(zipfile.ZipFile(self._path(name), "w"))
        with self._open[name].open(f"batch_{self._batch:05}.npy", "w", force_zip64=True) as stream:
            np.lib.format.write_array(stream, values, allow_pickle=False)

    def _write_table(self, name: str, values: Values, first: int) -> None:
        rows = np.arange(first + 1, first + len(values) + 1)
        columns: dict[str, Any] = {"batch": np.full(len(values), self._batch, np.int32), "row": rows}
        if values.ndim > 2 or self._as_lists:
            columns["values"] = _nested(values)
        else:
            units = values.reshape(len(values), -1).T
            names = self._names.get(name) or [f"unit_{unit}" for unit in range(len(units))]
            columns |= dict(zip(names, units, strict=True))
        table = pa.table(columns)
        if name not in self._open:
            self._open[name] = self._stack.enter_context(pq.ParquetWriter(self._path(name), table.schema))
        self._open[name].write_table(table)

    def _path(self, name: str) -> Path:
        path = self._folder / f"{name}.{self._suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _nested(values: Values) -> pa.Array:
    array = pa.array(values.reshape(-1))
    for size in reversed(values.shape[1:]):
        array = pa.ListArray.from_arrays(np.arange(0, len(array) + 1, size, dtype=np.int32), array)
    return array
