"""A trained network of the table family, for raw rows: what a prediction needs, and no more."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as csv

from pipeline.data import Schema, Table, header, stream
from pipeline.storage import RAW, new_file
from pipeline.tasks.task import Column, Predictor

if TYPE_CHECKING:
    import keras

MODEL = "model.keras"
ROW = "row"
"""Column of the output that counts the rows from 1, where no column of the input is kept."""
PREDICT_BATCH = 8192
Output = npt.NDArray[np.float32]


class TablePredictor(Predictor):
    """A trained network that takes raw rows.

    Args:
        folder: What `TableTask.save` wrote.
    """

    def __init__(self, folder: Path) -> None:
        from pipeline.models import load_model

        self._schema = Schema.load(folder)
        self._model = load_model(folder / MODEL)

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Return a row of predictions for each row; unseen categories and missing values are fine.

        Raises:
            DataError: A column is missing.
        """
        table = self._table(rows.column_names, "rows")
        return predictions(self._schema, self._outputs(table, len(rows), *table.index(rows)))

    def predict_file(self, source: Path, output: Path, keep: Sequence[str]) -> int:
        return self._write(source, output, keep, {c.name: c for c in output_columns(self._schema)})

    def submission(self, source: Path, output: Path, id_column: str | None) -> int:
        """Write `ID,TARGET`, as competitions take it; return the number of rows."""
        first = output_columns(self._schema)[0]
        return self._write(source, output, [id_column] if id_column else [], {self._schema.target: first})

    def _write(self, source: Path, output: Path, keep: Sequence[str], columns: Mapping[str, Column]) -> int:
        table = self._table(header(source), source.as_posix())
        names = list(keep) or [ROW]
        first = [(name, pa.string() if keep else pa.int64()) for name in names]
        schema = pa.schema([*first, *((name, _type(c)) for name, c in columns.items())])
        rows = 0
        with new_file(output) as target, csv.CSVWriter(target, schema) as writer:
            for batch, indices, numbers in stream(source, table, keep):
                count = batch.num_rows
                found = predictions(self._schema, self._outputs(table, count, indices, numbers))
                kept = [batch[name].cast(pa.string()) for name in keep] or [np.arange(rows + 1, rows + count + 1)]
                writer.write_table(
                    pa.table([*map(_chunked, kept), *(found[c.name] for c in columns.values())], schema=schema)
                )
                rows += count
                table.reset()
        return rows

    def _table(self, known: Sequence[str], name: str) -> Table:
        return Table(self._schema.layout, RAW, known, name, labelled=False)

    def _outputs(self, table: Table, rows: int, indices: Mapping[str, Any], numbers: Mapping[str, Any]) -> Output:
        codes, values = table.encoder(self._schema.categorical, self._schema.numeric)(rows, indices, numbers)
        return outputs(self._model, {"categorical": codes, "numeric": values})


def outputs(model: "keras.Model", inputs: Mapping[str, npt.NDArray[Any]]) -> Output:
    """Return the network's output for each row, `(rows, units)`.

    Args:
        model: Of the table family.
        inputs: `categorical` and `numeric`; one without columns is not asked for.
    """
    taken = inputs_of(model, inputs)
    rows = len(next(iter(taken.values())))
    parts = [
        model.predict_on_batch({name: array[start : start + PREDICT_BATCH] for name, array in taken.items()})
        for start in range(0, rows, PREDICT_BATCH)
    ]
    return np.concatenate(parts) if parts else np.empty((0, model.output_shape[-1]), dtype=np.float32)


def inputs_of(model: "keras.Model", inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that the network takes, by the name of its input."""
    # A table without numeric columns has a network without that input.
    return {tensor.name: inputs[tensor.name] for tensor in model.inputs}


def output_columns(schema: Schema) -> list[Column]:
    """Return the columns of a prediction: what to say first, then its probabilities where there are several classes."""
    if schema.kind == "binary":
        return [Column("probability", True)]
    if schema.kind == "regression":
        return [Column("prediction", True)]
    return [Column("prediction", False), *(Column(f"probability_{name}", True) for name in schema.classes)]


def predictions(schema: Schema, output: Output) -> pa.Table:
    """Turn the network's output into the columns of `output_columns`."""
    columns = [pa.array(output[:, i]) for i in range(output.shape[1])]
    if schema.kind == "multiclass":
        columns.insert(0, pa.array(schema.classes).take(pa.array(output.argmax(axis=1))))
    return pa.table(columns, names=[column.name for column in output_columns(schema)])


def _type(column: Column) -> pa.DataType:
    return pa.float32() if column.is_number else pa.string()


def _chunked(values: Any) -> pa.ChunkedArray:
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
