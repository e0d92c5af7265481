"""Networks, one a file, and the layers that they are made of."""

import pipeline.models.backend  # noqa: F401  (first: it loads Keras without its notices)
from pipeline.models.embedding import EmbeddingDense, auto_dim, dims_of
from pipeline.models.embedding_mlp import Features, MlpSettings, embedding_mlp
from pipeline.models.heads import Head, loss_of
from pipeline.models.layer_files import LayerFiles
from pipeline.models.members import averaged, members_of
from pipeline.models.numeric import (
    PeriodicEmbedding,
    PiecewiseEmbedding,
    QuantileBins,
    ValueAndFlag,
    ValueCodes,
    bin_edges,
)
from pipeline.models.picture import figure, write_pictures
from pipeline.models.precision import resolved, to_float32
from pipeline.models.probe import Probe, layers_of, output_names, weights_of
from pipeline.models.recurrent import SequenceLSTM
from pipeline.models.saving import load_model, save_model
from pipeline.models.structure import parts_of, summary
from pipeline.models.tanh_mlp import TanhMlpSettings, hinge_loss, tanh_mlp
from pipeline.models.target_statistics import STATISTICS, network_of, with_statistics
from pipeline.models.translating import Inference, Sizes, word_loss
from pipeline.models.translators import inference_of, translator
from pipeline.models.unknown import make_unknown
from pipeline.models.writers import writer
from pipeline.models.writing import character_loss, one_at_a_time, state_widths

__all__ = [
    "STATISTICS",
    "EmbeddingDense",
    "Features",
    "Head",
    "Inference",
    "LayerFiles",
    "MlpSettings",
    "PeriodicEmbedding",
    "PiecewiseEmbedding",
    "Probe",
    "QuantileBins",
    "SequenceLSTM",
    "Sizes",
    "TanhMlpSettings",
    "ValueAndFlag",
    "ValueCodes",
    "auto_dim",
    "averaged",
    "bin_edges",
    "character_loss",
    "dims_of",
    "embedding_mlp",
    "figure",
    "hinge_loss",
    "inference_of",
    "layers_of",
    "load_model",
    "loss_of",
    "make_unknown",
    "members_of",
    "network_of",
    "one_at_a_time",
    "output_names",
    "parts_of",
    "resolved",
    "save_model",
    "state_widths",
    "summary",
    "tanh_mlp",
    "to_float32",
    "translator",
    "weights_of",
    "with_statistics",
    "word_loss",
    "write_pictures",
    "writer",
]
