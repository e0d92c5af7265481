"""Networks and the layers that they are made of."""

import pipeline.models.backend  # noqa: F401  (must come first: loads Keras without its start-up messages)
from pipeline.models.embedding import EmbeddingDense, auto_dim, dims_of
from pipeline.models.layer_files import LayerFiles
from pipeline.models.members import averaged, before_mean, members_of
from pipeline.models.picture import figure as model_figure
from pipeline.models.picture import write_pictures
from pipeline.models.precision import resolved, to_float32
from pipeline.models.probe import Probe, layers_of, output_names, weights_of
from pipeline.models.recurrent import SequenceLSTM
from pipeline.models.saving import load_model, save_model
from pipeline.models.structure import parts_of, summary
from pipeline.models.target_statistics import STATISTICS, network_of, with_statistics

__all__ = [
    "STATISTICS",
    "EmbeddingDense",
    "LayerFiles",
    "Probe",
    "SequenceLSTM",
    "auto_dim",
    "averaged",
    "before_mean",
    "dims_of",
    "layers_of",
    "load_model",
    "members_of",
    "model_figure",
    "network_of",
    "output_names",
    "parts_of",
    "resolved",
    "save_model",
    "summary",
    "to_float32",
    "weights_of",
    "with_statistics",
    "write_pictures",
]
