"""Codes that a network did not learn from, made to mean what code 0 means: unknown or missing."""

from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from pipeline.models.embedding import EmbeddingDense
from pipeline.models.probe import layers_of
from pipeline.models.target_statistics import TargetStatistics


def make_unknown(model: keras.Model, codes: Sequence[npt.NDArray[np.int64]]) -> None:
    """Copy the row of code 0 to those of other codes, in every table.

    Args:
        model: Of `embedding_mlp`, with statistics or without.
        codes: Of each column of its input `categorical`.
    """
    for layer in layers_of(model).values():
        if isinstance(layer, EmbeddingDense):
            tables = layer.tables
            # Columns that numbers were made into come behind those of the input.
            places = [(str(dim), start) for dim, start in zip(layer.dims, layer.offsets.tolist(), strict=True)]
        elif isinstance(layer, TargetStatistics):
            tables = {"": layer.table}
            places = [("", start) for start in layer.offsets.tolist()]
        else:
            continue
        found = {name: np.array(ops.convert_to_numpy(table)) for name, table in tables.items()}
        for (name, start), unknown in zip(places, codes, strict=False):
            found[name][start + unknown] = found[name][start]
        for name, table in tables.items():
            table.assign(found[name])
