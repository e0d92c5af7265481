"""A trained network of the table family, for raw rows: what a prediction needs, and no more."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as csv

from pipeline.config import TableData, no_such
from pipeline.data import (
    Arrays,
    DataError,
    Derived,
    Layout,
    Schema,
    Side,
    derive,
    encode_categorical,
    encode_numeric,
    raw_batches,
)
from pipeline.storage import RAW, new_file
from pipeline.tasks.task import Predictor

if TYPE_CHECKING:
    import keras

MODEL = "model.keras"
ROW = "row"
"""Column of the output that counts the rows from 1, where no column of the input is kept."""
PREDICT_BATCH = 8192


class TablePredictor(Predictor):
    """A trained network that takes raw rows.

    Args:
        folder: What `TableTask.save` wrote.
    """

    def __init__(self, folder: Path) -> None:
        from pipeline.models import load_model

        self._schema = Schema.load(folder)
        self._model = load_model(folder / MODEL)
        self._layout = layout_of(TableData.model_validate(self._schema.prepared))

    def __call__(self, rows: pa.Table) -> npt.NDArray[np.float32]:
        """Return the probability of each row, `(rows,)`; unseen categories and missing values are fine.

        Raises:
            DataError: A column is missing.
        """
        absent = [name for name in self._layout.features if name not in rows.column_names]
        if absent:
            raise DataError(f"the rows have no column {no_such(absent, rows.column_names)}")
        table = derive(rows, self._layout.derived)
        codes = encode_categorical(table, self._schema.categorical)
        numbers = encode_numeric(table, self._schema.numeric)
        unknown = np.zeros(len(table), dtype=np.float32)
        return probabilities(self._model, Arrays(codes, numbers, unknown, unknown.astype(np.int32)))

    def predict_file(self, source: Path, output: Path, keep: Sequence[str]) -> int:
        rows = 0
        names = list(keep) or [ROW]
        types = [pa.string() if keep else pa.int64()] * len(names)
        schema = pa.schema([*zip(names, types, strict=True), ("probability", pa.float32())])
        with new_file(output) as stream, csv.CSVWriter(stream, schema) as writer:
            for batch in raw_batches(source, RAW, self._layout, keep):
                first = pa.chunked_array([np.arange(rows + 1, rows + len(batch) + 1)])
                kept = [batch[name].cast(pa.string()) for name in keep] or [first]
                writer.write_table(pa.table([*kept, pa.array(self(batch))], schema=schema))
                rows += len(batch)
        return rows


def probabilities(model: "keras.Model", arrays: Arrays) -> npt.NDArray[np.float32]:
    """Return the network's output for each row, `(rows,)`."""
    inputs = inputs_of(model, arrays)
    parts = [
        model.predict_on_batch({name: array[start : start + PREDICT_BATCH] for name, array in inputs.items()})[:, 0]
        for start in range(0, len(arrays), PREDICT_BATCH)
    ]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)


def layout_of(data: TableData) -> Layout:
    """Turn the data section into files and columns."""
    threshold = data.target_at_least is not None
    return Layout(
        main=data.main,
        sides=[Side(join.file, join.key, join.prefix) for join in data.joins],
        derived=[Derived(each.name, each.columns, each.parts) for each in data.calendar],
        categorical=data.categorical,
        numeric=data.numeric,
        labels=[*data.split_by, *([] if threshold else [data.target])],
        amounts=[data.target] if threshold else [],
        missing=data.missing,
    )


def inputs_of(model: "keras.Model", arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that the network takes, by the name of its input."""
    # A table without numeric columns has a network without that input.
    return {tensor.name: arrays.inputs[tensor.name] for tensor in model.inputs}
