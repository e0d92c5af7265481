"""A trained network of the table family that predicts from raw rows."""

import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as csv

from pipeline.config import no_such
from pipeline.data import header
from pipeline.data.formulas import without_formulas
from pipeline.data.spelling import conformed
from pipeline.families.table.data.crossing import CROSSES, Cross, read_crosses, to_bytes, with_crosses
from pipeline.families.table.data.layout import SIDES
from pipeline.families.table.data.schema import UNKNOWN, Numeric, Schema
from pipeline.families.table.data.tables import Table, stream
from pipeline.families.table.data.unknown_values import UnknownValues
from pipeline.families.table.metrics.kinds import kind_of
from pipeline.families.table.models.outputs import Output, outputs
from pipeline.storage import PROCESSED, new_file, no_formula
from pipeline.tasks.column import Column
from pipeline.tasks.predictor import Embedding, Predictor
from pipeline.tasks.task import MODEL, TaskError

if TYPE_CHECKING:
    import keras

    from pipeline.families.table.models.numeric import QuantileBins, ValueCodes
    from pipeline.models.bundle_spec import BundleSpec

LAYERS = "pipeline.families.table.models.embedding_mlp"
"""The module that registers the networks' own layers with Keras."""
ROW = "row"
"""Column of the output that numbers the rows from 1, if no column of the input is kept."""
NUMBERS = ("values", "piecewise", "periodic")
"""Names of the layers that encode numeric columns as numbers, not as codes."""
CROSSED = " × "
"""Separator between the names of crossed columns or categories."""


class TablePredictor(Predictor):
    """A network that takes raw rows.

    Args:
        schema: The schema of the data that the network was trained on.
        model: The network.
        crosses: The crosses of columns that the network takes in addition.
        side_tables: The folder of the side tables that are joined to the rows.
    """

    def __init__(
        self,
        schema: Schema,
        model: "keras.Model",
        crosses: Sequence[Cross] = (),
        side_tables: Path = PROCESSED / SIDES,
    ) -> None:
        super().__init__(schema, model)
        self.crosses, self._side_tables = crosses, side_tables
        self.kind = kind_of(schema)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load what `TrainingTask.save` wrote.

        Raises:
            TaskError: The network does not match the columns of the schema and the crosses in the folder.
        """
        from pipeline.models import load_model

        predictor = cls(Schema.load(folder), load_model(folder / MODEL, LAYERS), read_crosses(folder), folder / SIDES)
        expected = next((tensor.shape[1] for tensor in predictor.model.inputs if tensor.name == "categorical"), 0)
        if expected and expected != len(predictor.schema.categorical) + len(predictor.crosses):
            raise TaskError(
                f"{folder}: the network takes {expected} columns of codes, schema.json has "
                f"{len(predictor.schema.categorical)} and {CROSSES} {len(predictor.crosses)}; use files that one "
                "training wrote"
            )
        return predictor

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Return one row of predictions per row; unseen categories and missing values are allowed.

        Raises:
            DataError: A column is missing.
        """
        table, unknown = self._table(rows.column_names, "rows"), UnknownValues(self.schema.categorical)
        indices, numbers = table.index(conformed(rows, [*table.columns, *table.keys], table.layout.format))
        predictions = self.kind.predictions(self._outputs(table, len(rows), indices, numbers, unknown))
        for message in unknown.messages():
            warnings.warn(message, stacklevel=2)
        return predictions

    def columns(self) -> list[Column]:
        layout = self.schema.layout
        return [Column(name, name in layout.numbers) for name in layout.features]

    def outputs(self) -> list[Column]:
        return self.kind.columns()

    def example(self, processed: Path) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads((processed / "example.json").read_text(encoding="utf-8"))
        return rows

    def bundle(self) -> "BundleSpec":
        from pipeline.models.bundle_spec import BundleSpec

        schema, layout = self.schema, self.schema.layout
        used = set(layout.inputs)
        facts = {
            "classes": schema.classes,
            "outputs": [column.name for column in self.kind.columns() if column.is_number],
            "columns": layout.features,
            "missing": list(layout.format.missing),
            "missing_numbers": list(layout.format.missing_numbers),
            "decimal": layout.format.decimal,
            "categorical": [
                {"name": column.name, "categories": column.categories, "rare": column.rare}
                for column in schema.categorical
            ],
            "numeric": [{"name": column.name, "mean": column.mean, "std": column.std} for column in schema.numeric],
            "calendars": [
                {"name": date.name, "columns": date.columns, "parts": date.parts, "format": date.format}
                for date in layout.derived
                if used & set(date.produced)
            ],
        }
        files = {CROSSES: to_bytes(self.crosses)} if self.crosses else {}
        return BundleSpec(schema.task, {"network": self.model}, facts, files, page_facts=self._page_facts)

    def _page_facts(self) -> dict[str, Any]:
        # Browsers cannot read NumPy archives.
        crosses = [{"columns": list(cross.columns), "known": _combinations(cross)} for cross in self.crosses]
        return {"crosses": crosses} if crosses else {}

    def bundle_example(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        predictions = self(pa.Table.from_pylist(rows))
        numbers = [predictions[column.name].to_pylist() for column in self.kind.columns() if column.is_number]
        return {"input": rows, "output": [list(row) for row in zip(*numbers, strict=True)]}

    def predict_file(self, source: Path, output: Path, options: Mapping[str, Any]) -> int:
        keep = [name for name in options.get("keep", "").split(",") if name]
        return self._write(source, output, keep, {c.name: c for c in self.kind.columns()}, without_formulas)

    def submission(self, source: Path, output: Path, id_column: str | None) -> int:
        """Write `ID,TARGET`, the format of competition submissions; return the number of rows."""
        first = self.kind.columns()[0]
        return self._write(source, output, [id_column] if id_column else [], {self.schema.target: first})

    def batches(self, source: Path, size: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
        table = self._table(header(source, self.schema.layout.format), source.as_posix())
        buffer: dict[str, npt.NDArray[Any]] = {}
        for batch, indices, numbers in stream(source, table):
            new = self._inputs(table, batch.num_rows, indices, numbers)
            table.reset()
            buffer = {name: np.concatenate([buffer[name], rows]) for name, rows in new.items()} if buffer else new
            while len(buffer["categorical"]) >= size:
                yield {name: rows[:size] for name, rows in buffer.items()}
                buffer = {name: rows[size:] for name, rows in buffer.items()}
        if buffer and len(buffer["categorical"]):
            yield buffer

    def embedded(self) -> list[str]:
        from pipeline.models import EmbeddingDense, layers_of

        layers = layers_of(self.model).values()
        if not any(isinstance(layer, EmbeddingDense) for layer in layers):
            return []
        return self._columns + ([column.name for column in self.schema.numeric] if self._number_codes() else [])

    def unit_names(self) -> dict[str, list[str]]:
        from pipeline.families.table.models.numeric import (
            PeriodicEmbedding,
            PiecewiseEmbedding,
            QuantileBins,
            ValueAndFlag,
            ValueCodes,
        )
        from pipeline.models import EmbeddingDense, layers_of

        names = [column.name for column in self.schema.numeric]
        units = {"categorical": self._columns, "numeric": names}
        for path, layer in layers_of(self.model).items():
            if path.rpartition("/")[2] in ("categorical", "numeric"):
                units[path] = units[path.rpartition("/")[2]]
            elif isinstance(layer, EmbeddingDense):
                pairs = zip(self.embedded(), layer.dims, strict=True)
                units[f"{path}/embeddings"] = [f"{name}[{index}]" for name, dim in pairs for index in range(dim)]
            elif isinstance(layer, ValueAndFlag):
                units[path] = [*names, *(f"{name} is missing" for name in names)]
            elif isinstance(layer, PeriodicEmbedding | PiecewiseEmbedding):
                units[path] = [f"{name}[{index}]" for name in names for index in range(layer.dim)]
            elif isinstance(layer, QuantileBins | ValueCodes):
                units[path] = names
        return units | self._names_of_statistics(units)

    def _names_of_statistics(self, known: Mapping[str, list[str]]) -> dict[str, list[str]]:
        """Return unit names of the layers that hold target statistics, given those of the other layers."""
        from pipeline.models import STATISTICS, layers_of

        classes = self.schema.classes if self.kind.units > 1 else []
        statistics = [*([f"mean of {name}" for name in classes] or ["mean"]), "rows"]
        names, units = [f"{column}: {statistic}" for column in self._columns for statistic in statistics], {}
        for path in layers_of(self.model):
            head, _, last = path.rpartition("/")
            if last in (STATISTICS, "target_statistics"):
                units[path] = names
            elif last == "numbers":
                encoders = [f"{head}/{name}".lstrip("/") for name in NUMBERS]
                encoded = [known[encoder] for encoder in known if encoder in encoders]
                units[path] = [*(encoded[0] if encoded else []), *names]
        return units

    def embedding(self, name: str) -> Embedding:
        from pipeline.models import EmbeddingDense, layers_of

        known = self.embedded()
        if name not in known:
            raise TaskError(f"no embeddings of {no_such([name], known)}")
        position, categorical = known.index(name), self.schema.categorical
        if position < len(categorical):
            names = self._category_names(position)
        elif position < len(categorical) + len(self.crosses):
            names = self._combination_names(self.crosses[position - len(categorical)])
        else:
            index = position - len(categorical) - len(self.crosses)
            names = self._number_names(index, self.schema.numeric[index])
        layers = [layer for layer in layers_of(self.model).values() if isinstance(layer, EmbeddingDense)]
        return Embedding(name, names, np.concatenate([layer.vectors(position) for layer in layers], axis=1))

    @property
    def _columns(self) -> list[str]:
        """Names of the columns of codes, including crosses."""
        return [*(column.name for column in self.schema.categorical), *map(self._cross_name, self.crosses)]

    def _category_names(self, position: int) -> list[str]:
        return [UNKNOWN, *self.schema.categorical[position].categories]

    def _cross_name(self, cross: Cross) -> str:
        return CROSSED.join(self.schema.categorical[column].name for column in cross.columns)

    def _combination_names(self, cross: Cross) -> list[str]:
        names = [self._category_names(column) for column in cross.columns]
        parts = [cross.parts(code) for code in range(1, cross.cardinality)]
        return [UNKNOWN, *(CROSSED.join(n[code] for n, code in zip(names, codes, strict=True)) for codes in parts)]

    def _number_codes(self) -> "QuantileBins | ValueCodes | None":
        from pipeline.families.table.models.numeric import QuantileBins, ValueCodes
        from pipeline.models import layers_of

        layers = layers_of(self.model).values()
        return next((layer for layer in layers if isinstance(layer, QuantileBins | ValueCodes)), None)

    def _number_names(self, index: int, column: Numeric) -> list[str]:
        from pipeline.families.table.models.numeric import QuantileBins

        layer = self._number_codes()
        if isinstance(layer, QuantileBins):
            edges = [f"{edge * column.std + column.mean:g}" for edge in layer.edges[index]]
            between = [f"{low} … {high}" for low, high in pairwise(edges)]
            return ["(missing)", *([f"< {edges[0]}", *between, f">= {edges[-1]}"] if edges else ["any"])]
        known = layer.known[index] if layer else []
        return [UNKNOWN, *(f"{value * column.std + column.mean:g}" for value in known)]

    def _write(
        self,
        source: Path,
        output: Path,
        keep: Sequence[str],
        columns: Mapping[str, Column],
        shown: Callable[[pa.Table], pa.Table] = lambda rows: rows,
    ) -> int:
        table = self._table(header(source, self.schema.layout.format), source.as_posix())
        names = list(keep) or [ROW]
        first = [(no_formula(name), pa.string() if keep else pa.int64()) for name in names]
        schema = pa.schema([*first, *((name, _type(c)) for name, c in columns.items())])
        rows, unknown = 0, UnknownValues(self.schema.categorical)
        with new_file(output) as target, csv.CSVWriter(target, schema) as writer:
            for batch, indices, numbers in stream(source, table, keep):
                count = batch.num_rows
                predictions = self.kind.predictions(self._outputs(table, count, indices, numbers, unknown))
                kept = [batch[name].cast(pa.string()) for name in keep] or [np.arange(rows + 1, rows + count + 1)]
                written = [*map(_chunked, kept), *(predictions[c.name] for c in columns.values())]
                writer.write_table(shown(pa.table(written, schema=schema)))
                rows += count
                table.reset()
        for message in unknown.messages():
            print(f"warning: {message}", file=sys.stderr)
        return rows

    def _table(self, known: Sequence[str], name: str) -> Table:
        return Table(self.schema.layout, self._side_tables, known, name, labelled=False)

    def _outputs(
        self,
        table: Table,
        rows: int,
        indices: Mapping[str, Any],
        numbers: Mapping[str, Any],
        unknown: UnknownValues,
    ) -> Output:
        inputs = self._inputs(table, rows, indices, numbers)
        unknown.count(table, indices, inputs["categorical"])
        return outputs(self.model, inputs)

    def _inputs(
        self, table: Table, rows: int, indices: Mapping[str, Any], numbers: Mapping[str, Any]
    ) -> dict[str, npt.NDArray[Any]]:
        codes, values = table.encoder(self.schema.categorical, self.schema.numeric)(rows, indices, numbers)
        return {"categorical": with_crosses(codes, self.crosses), "numeric": values}


def _combinations(cross: Cross) -> dict[str, int]:
    """Map the codes of the columns, joined by spaces, to the code of their combination."""
    return {" ".join(map(str, cross.parts(code))): code for code in range(1, cross.cardinality)}


def _type(column: Column) -> pa.DataType:
    return pa.float32() if column.is_number else pa.string()


def _chunked(values: Any) -> pa.ChunkedArray:
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
