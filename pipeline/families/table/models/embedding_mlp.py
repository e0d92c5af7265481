"""The network of the Kaggle Red Hat forum: embeddings of every column, dense layers and a head.

Source: the forum of the Kaggle competition predicting-red-hat-business-value.
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
from pipeline.models.members import EQUATION, MembersDense, averaged, mean_of_members
from pipeline.models.precision import MIXED
from pipeline.models.target_statistics import STATISTICS


@dataclass(frozen=True)
class Features:
    """The sizes and values of a table's columns.

    Attributes:
        cardinalities: Number of codes of each categorical column.
        quantiles: Quantile grid of each numeric column, standardised.
        known: Values of each numeric column that are frequent enough to be categories, standardised, ascending.
        statistics: Number of target statistics of each row.
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

    Inputs: `categorical`, int32 codes, shape (batch, columns); `numeric`, float32, shape (batch, columns),
    standardised, NaN where missing; `statistics`, float32, shape (batch, statistics). An input without columns is left
    out. Output: that of the head, shape (batch, units).

    Args:
        features: The features of the table.
        head: The kind of target, which builds the head.
        settings: The `model` section.
        ensemble_size: Number of networks side by side whose outputs are averaged; each has its own initial weights and
            dropout.
        precision: The precision of the hidden layers' products: float32 or bfloat16.
        name: The name of the network.
    """
    names = [f"member_{number}" for number in range(1, ensemble_size + 1)] if ensemble_size > 1 else [name]
    networks = [_member(features, head, settings, MIXED[precision], member) for member in names]
    return averaged(networks, name) if ensemble_size > 1 else networks[0]


def _member(features: Features, head: TargetKind, settings: EmbeddingMlp, policy: str, name: str) -> keras.Model:
    inputs: dict[str, keras.KerasTensor] = {}
    if features.cardinalities:
        inputs["categorical"] = keras.Input((len(features.cardinalities),), dtype="int32", name="categorical")
    if features.quantiles:
        inputs["numeric"] = keras.Input((len(features.quantiles),), dtype="float32", name="numeric")
    if features.statistics:
        inputs[STATISTICS] = keras.Input((features.statistics,), dtype="float32", name=STATISTICS)
    encoded = _encoded(features, settings, inputs)
    values: keras.KerasTensor | None = None
    for number in range(1, settings.hidden_layers + 1):
        values = _dense(values, encoded, settings, settings.hidden_units, f"hidden_{number}", policy)
        if settings.batch_norm:
            values = keras.layers.BatchNormalization(name=f"batch_norm_{number}", dtype=policy)(values)
        values = keras.layers.Activation(settings.activation, name=f"activation_{number}", dtype=policy)(values)
        values = keras.layers.Dropout(settings.dropout, name=f"dropout_{number}", dtype=policy)(values)
    # The output has few units: float32 costs nothing here, and keeps sums from being rounded to three digits.
    if settings.ensemble > 1 and values is not None:
        values = _heads(values, settings.ensemble, head.units)
    else:
        values = _dense(values, encoded, settings, head.units, "output", "float32")
    if encoded.wide is not None:
        path = keras.layers.Dense(head.units, use_bias=False, name="wide", dtype="float32")(encoded.wide)
        values = keras.layers.Add(name="sum", dtype="float32")([values, path])
    output = head.head(values)
    return keras.Model(inputs, mean_of_members(output) if settings.ensemble > 1 else output, name=name)


@dataclass(frozen=True)
class _Encoded:
    """Encoded inputs: codes to embed and numbers for the first dense layer, and numbers for a linear path around it."""

    codes: keras.KerasTensor | None
    sizes: list[int]
    numbers: keras.KerasTensor | None = None
    wide: keras.KerasTensor | None = None


def _encoded(features: Features, settings: EmbeddingMlp, inputs: dict[str, keras.KerasTensor]) -> _Encoded:
    codes, sizes, statistics = inputs.get("categorical"), list(features.cardinalities), inputs.get(STATISTICS)
    if "numeric" not in inputs:
        return _Encoded(codes, sizes, statistics)
    layer = number_layer(features, settings)
    numbers = layer(inputs["numeric"])
    if settings.numeric_encoding == "wide":
        return _Encoded(codes, sizes, statistics, wide=numbers)
    if settings.numeric_encoding in ("none", "bin"):
        all_codes = (
            numbers if codes is None else keras.layers.Concatenate(name="codes", dtype="int32")([codes, numbers])
        )
        return _Encoded(all_codes, sizes + layer.cardinalities, statistics)
    if statistics is not None:
        numbers = keras.layers.Concatenate(name="numbers", dtype="float32")([numbers, statistics])
    return _Encoded(codes, sizes, numbers)


def _dense(
    values: keras.KerasTensor | None, encoded: _Encoded, settings: EmbeddingMlp, units: int, name: str, dtype: str
) -> keras.KerasTensor:
    if values is None and encoded.codes is not None:
        dims = dims_of(settings.embedding_dim, encoded.sizes)
        # One dropout draw per row and column, as in Keras 1, which dropped whole rows of the embedding table.
        first = EmbeddingDense(
            encoded.sizes, dims, units, settings.embedding_dropout, settings.ensemble, name=name, dtype=dtype
        )
        return first(encoded.codes, encoded.numbers)
    if values is None and settings.ensemble > 1:
        return MembersDense(settings.ensemble, units, name=name, dtype=dtype)(encoded.numbers)
    # With members, the values have an axis of members, whose hidden layers are shared.
    return keras.layers.Dense(units, name=name, dtype=dtype)(encoded.numbers if values is None else values)


def _heads(values: keras.KerasTensor, members: int, units: int) -> keras.KerasTensor:
    """Return the members' outputs, each from a dense layer of its own: shape (batch, members, units)."""
    layer = keras.layers.EinsumDense(
        EQUATION, output_shape=(members, units), bias_axes="mu", name="output", dtype="float32"
    )
    return layer(values)


def number_layer(features: Features, settings: EmbeddingMlp) -> keras.layers.Layer:
    """Return the layer that encodes the numeric columns."""
    if settings.numeric_encoding == "none":
        return ValueCodes(features.known, name="values", dtype="float32")
    inner = [bin_edges(grid, settings.bins) for grid in features.quantiles]
    if settings.numeric_encoding == "bin":
        return QuantileBins(inner, name="bins", dtype="float32")
    if settings.numeric_encoding == "piecewise":
        edges = [sorted({grid[0], *between, grid[-1]}) for grid, between in zip(features.quantiles, inner, strict=True)]
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
