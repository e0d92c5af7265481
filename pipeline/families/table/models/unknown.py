"""Make codes that a network was not trained on mean the same as code 0: unknown or missing."""

from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from pipeline.models.embedding import EmbeddingDense
from pipeline.models.probe import layers_of
from pipeline.models.target_statistics import TargetStatistics


def make_unknown(model: keras.Model, codes: Sequence[npt.NDArray[np.int64]]) -> None:
    """Copy the row of code 0 to the rows of other codes, in every embedding and statistics table.

    Args:
        model: A network built by `embedding_mlp`, with or without statistics.
        codes: The codes to overwrite, for each column of the input `categorical`.
    """
    for layer in layers_of(model).values():
        if isinstance(layer, EmbeddingDense):
            tables = layer.tables
            # Numeric columns that were turned into codes come after the columns of the input.
            starts = [(str(dim), start) for dim, start in zip(layer.dims, layer.offsets.tolist(), strict=True)]
        elif isinstance(layer, TargetStatistics):
            tables = {"": layer.table}
            starts = [("", start) for start in layer.offsets.tolist()]
        else:
            continue
        arrays = {name: np.array(ops.convert_to_numpy(table)) for name, table in tables.items()}
        for (name, start), unknown in zip(starts, codes, strict=False):
            arrays[name][start + unknown] = arrays[name][start]
        for name, table in tables.items():
            table.assign(arrays[name])
