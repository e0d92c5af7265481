"""The network of the Kaggle Red Hat forum: embeddings of every column, dense layers, a head.

Source: forum of the Kaggle competition predicting-red-hat-business-value.
"""

from collections.abc import Sequence

import keras

from pipeline.models.embedding import EmbeddingDense
from pipeline.models.heads import Head
from pipeline.models.numeric import QuantileBins, ValueAndFlag, bin_edges


def embedding_mlp(
    cardinalities: Sequence[int],
    quantiles: Sequence[Sequence[float]],
    head: Head,
    *,
    embedding_dim: int,
    embedding_dropout: float,
    hidden_layers: int,
    hidden_units: int,
    dropout: float,
    merge: str,
    bins: int,
) -> keras.Model:
    """Build the network.

    Inputs: `categorical`, int32 codes `(batch, columns)`; `numeric`, float32 `(batch, columns)`, standardised, NaN
    where missing. An input without columns is left out. Output: the head's.

    Args:
        cardinalities: Number of codes of each categorical column.
        quantiles: Quantile grid of each numeric column, in standardised units.
        head: What is predicted.
        embedding_dim: Width of each embedding.
        embedding_dropout: Share of whole embeddings dropped, one draw a row and column.
        hidden_layers: Dense layers.
        hidden_units: Units of each.
        dropout: After each dense layer.
        merge: `concat` (values and missing flags beside the embeddings) or `bin` (quantile bins as further columns).
        bins: Bins a numeric column for `merge="bin"`.
    """
    inputs: dict[str, keras.KerasTensor] = {}
    codes, sizes, beside = [], list(cardinalities), []
    if cardinalities:
        inputs["categorical"] = keras.Input((len(cardinalities),), dtype="int32", name="categorical")
        codes.append(inputs["categorical"])
    if quantiles:
        inputs["numeric"] = keras.Input((len(quantiles),), dtype="float32", name="numeric")
        if merge == "bin":
            edges = [bin_edges(grid, bins) for grid in quantiles]
            codes.append(QuantileBins(edges, name="bins")(inputs["numeric"]))
            sizes += [len(column) + 2 for column in edges]
        else:
            beside.append(ValueAndFlag(name="values")(inputs["numeric"]))
    widths = {f"hidden_{number}": hidden_units for number in range(1, hidden_layers + 1)} | {"output": head.units}
    hidden: keras.KerasTensor | None = None
    for name, units in widths.items():
        if hidden is not None:
            values = keras.layers.Dense(units, name=name)(hidden)
        elif codes:
            # One draw a row and column, as Keras 1 dropped whole rows of its table.
            first = EmbeddingDense(sizes, embedding_dim, units, embedding_dropout, name=name)
            values = first(_concatenate(codes, "codes"), *beside)
        else:
            values = keras.layers.Dense(units, name=name)(beside[0])
        if name != "output":
            hidden = keras.layers.Activation("relu", name=f"relu_{name[7:]}")(values)
            hidden = keras.layers.Dropout(dropout, name=f"dropout_{name[7:]}")(hidden)
    return keras.Model(inputs, head(values), name="embedding_mlp")


def _concatenate(parts: list[keras.KerasTensor], name: str) -> keras.KerasTensor:
    return parts[0] if len(parts) == 1 else keras.layers.Concatenate(name=name)(parts)
