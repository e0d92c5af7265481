"""Networks, one a file, and the layers that they are made of."""

import pipeline.models.backend  # noqa: F401  (first: it loads Keras without its notices)
from pipeline.models.embedding import EmbeddingDense
from pipeline.models.embedding_mlp import embedding_mlp
from pipeline.models.heads import Head, loss_of
from pipeline.models.numeric import QuantileBins, ValueAndFlag, bin_edges
from pipeline.models.saving import load_model, save_model

__all__ = [
    "EmbeddingDense",
    "Head",
    "QuantileBins",
    "ValueAndFlag",
    "bin_edges",
    "embedding_mlp",
    "load_model",
    "loss_of",
    "save_model",
]
