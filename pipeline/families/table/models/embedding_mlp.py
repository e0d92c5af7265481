"""The network of the Kaggle Red Hat forum: embeddings of every column, dense layers, a head.

Source: forum of the Kaggle competition predicting-red-hat-business-value.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from pipeline.families.table.metrics.target_kind import TargetKind
from pipeline.families.table.models.numeric import (
    PeriodicEmbedding,
    PiecewiseEmbedding,
    QuantileBins,
    ValueAndFlag,
    ValueCodes,
    bin_edges,
)
from pipeline.families.table.settings import EmbeddingMlp
from pipeline.models.embedding import EmbeddingDense, dims_of
from pipeline.models.members import averaged
from pipeline.models.precision import MIXED
from pipeline.models.target_statistics import STATISTICS


@dataclass(frozen=True)
class Features:
    """What the columns of a table hold.

    Attributes:
        cardinalities: Number of codes of each categorical column.
        quantiles: Quantile grid of each numeric column, in standardised units.
        known: Values of each numeric column that are frequent enough to be categories, ascending, in those units.
        statistics: Numbers about the target that each row comes with.
    """

    cardinalities: Sequence[int]
    quantiles: Sequence[Sequence[float]]
    known: Sequence[Sequence[float]]
    statistics: int = 0


def embedding_mlp(
    features: Features,
    head: TargetKind,
    settings: EmbeddingMlp,
    *,
    ensemble_size: int = 1,
    precision: str = "float32",
    name: str = "embedding_mlp",
) -> keras.Model:
    """Build the network.

    Inputs: `categorical`, int32 codes `(batch, columns)`; `numeric`, float32 `(batch, columns)`, standardised, NaN
    where missing; `statistics`, float32 `(batch, statistics)`. An input without columns is left out. Output: the
    head's.

    Args:
        features: Of the table.
        head: What is predicted.
        settings: The axes.
        ensemble_size: Number of networks side by side whose outputs are averaged; each has its own initial weights and
            dropout.
        precision: Of the hidden layers' products: float32 or bfloat16.
        name: Of the network.
    """
    names = [f"member_{number}" for number in range(1, ensemble_size + 1)] if ensemble_size > 1 else [name]
    networks = [_member(features, head, settings, MIXED[precision], each) for each in names]
    return averaged(networks, name) if ensemble_size > 1 else networks[0]


def _member(features: Features, head: TargetKind, settings: EmbeddingMlp, policy: str, name: str) -> keras.Model:
    inputs: dict[str, keras.KerasTensor] = {}
    if features.cardinalities:
        inputs["categorical"] = keras.Input((len(features.cardinalities),), dtype="int32", name="categorical")
    if features.quantiles:
        inputs["numeric"] = keras.Input((len(features.quantiles),), dtype="float32", name="numeric")
    if features.statistics:
        inputs[STATISTICS] = keras.Input((features.statistics,), dtype="float32", name=STATISTICS)
    entrance = _entrance(features, settings, inputs)
    values: keras.KerasTensor | None = None
    for number in range(1, settings.hidden_layers + 1):
        values = _dense(values, entrance, settings, settings.hidden_units, f"hidden_{number}", policy)
        if settings.batch_norm:
            values = keras.layers.BatchNormalization(name=f"batch_norm_{number}", dtype=policy)(values)
        values = keras.layers.Activation(settings.activation, name=f"activation_{number}", dtype=policy)(values)
        values = keras.layers.Dropout(settings.dropout, name=f"dropout_{number}", dtype=policy)(values)
    # A few units: in float32 it costs nothing, and a sum of eight digits is not rounded to three.
    values = _dense(values, entrance, settings, head.units, "output", "float32")
    if entrance.apart is not None:
        path = keras.layers.Dense(head.units, use_bias=False, name="wide", dtype="float32")(entrance.apart)
        values = keras.layers.Add(name="sum", dtype="float32")([values, path])
    return keras.Model(inputs, head.head(values), name=name)


@dataclass(frozen=True)
class _Entrance:
    """What the first dense layer gets: codes to embed, features beside them; and what goes around the hidden layers."""

    codes: keras.KerasTensor | None
    sizes: list[int]
    beside: keras.KerasTensor | None = None
    apart: keras.KerasTensor | None = None


def _entrance(features: Features, settings: EmbeddingMlp, inputs: dict[str, keras.KerasTensor]) -> _Entrance:
    codes, sizes, statistics = inputs.get("categorical"), list(features.cardinalities), inputs.get(STATISTICS)
    if "numeric" not in inputs:
        return _Entrance(codes, sizes, statistics)
    layer = number_layer(features, settings)
    numbers = layer(inputs["numeric"])
    if settings.numeric_encoding == "wide":
        return _Entrance(codes, sizes, statistics, apart=numbers)
    if settings.numeric_encoding in ("none", "bin"):
        together = numbers if codes is None else keras.layers.Concatenate(name="codes", dtype="int32")([codes, numbers])
        return _Entrance(together, sizes + layer.cardinalities, statistics)
    if statistics is not None:
        numbers = keras.layers.Concatenate(name="numbers", dtype="float32")([numbers, statistics])
    return _Entrance(codes, sizes, beside=numbers)


def _dense(
    values: keras.KerasTensor | None, entrance: _Entrance, settings: EmbeddingMlp, units: int, name: str, dtype: str
) -> keras.KerasTensor:
    if values is None and entrance.codes is not None:
        dims = dims_of(settings.embedding_dim, entrance.sizes)
        # One draw a row and column, as Keras 1 dropped whole rows of its table.
        first = EmbeddingDense(entrance.sizes, dims, units, settings.embedding_dropout, name=name, dtype=dtype)
        return first(entrance.codes, entrance.beside)
    return keras.layers.Dense(units, name=name, dtype=dtype)(entrance.beside if values is None else values)


def number_layer(features: Features, settings: EmbeddingMlp) -> keras.layers.Layer:
    """Return the layer that the numeric columns enter through."""
    if settings.numeric_encoding == "none":
        return ValueCodes(features.known, name="values", dtype="float32")
    inner = [bin_edges(grid, settings.bins) for grid in features.quantiles]
    if settings.numeric_encoding == "bin":
        return QuantileBins(inner, name="bins", dtype="float32")
    if settings.numeric_encoding == "piecewise":
        edges = [sorted({grid[0], *each, grid[-1]}) for grid, each in zip(features.quantiles, inner, strict=True)]
        return PiecewiseEmbedding(edges, settings.numeric_embedding_dim, name="piecewise", dtype="float32")
    if settings.numeric_encoding == "periodic":
        return PeriodicEmbedding(
            len(inner),
            settings.frequencies,
            settings.frequency_scale,
            settings.numeric_embedding_dim,
            name="periodic",
            dtype="float32",
        )
    return ValueAndFlag(name="values", dtype="float32")
