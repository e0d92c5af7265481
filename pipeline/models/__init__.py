"""Networks, one a file, and the layers that they are made of."""

import pipeline.models.backend  # noqa: F401  (first: it loads Keras without its notices)
from pipeline.models.embedding import EmbeddingDense, auto_dim
from pipeline.models.embedding_mlp import Features, MlpSettings, embedding_mlp
from pipeline.models.heads import Head, loss_of
from pipeline.models.members import averaged, members_of
from pipeline.models.numeric import (
    PeriodicEmbedding,
    PiecewiseEmbedding,
    QuantileBins,
    ValueAndFlag,
    ValueCodes,
    bin_edges,
)
from pipeline.models.precision import resolved, to_float32
from pipeline.models.saving import load_model, save_model

__all__ = [
    "EmbeddingDense",
    "Features",
    "Head",
    "MlpSettings",
    "PeriodicEmbedding",
    "PiecewiseEmbedding",
    "QuantileBins",
    "ValueAndFlag",
    "ValueCodes",
    "auto_dim",
    "averaged",
    "bin_edges",
    "embedding_mlp",
    "load_model",
    "loss_of",
    "members_of",
    "resolved",
    "save_model",
    "to_float32",
]
