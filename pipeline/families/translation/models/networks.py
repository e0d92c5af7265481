"""Registry of the translation networks: how each is built, and how it is used for inference."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from pipeline.families.translation.models.attention import attention, attention_inference
from pipeline.families.translation.models.common import Inference, Sizes
from pipeline.families.translation.models.seq2seq import seq2seq, seq2seq_inference
from pipeline.families.translation.models.transformer import transformer, transformer_inference


@dataclass(frozen=True)
class _Network:
    build: Callable[..., keras.Model]
    inference: Callable[[keras.Model, tuple[int, int] | None], Inference]


_NETWORKS = {
    "seq2seq": _Network(seq2seq, seq2seq_inference),
    "attention": _Network(attention, attention_inference),
    "transformer": _Network(transformer, transformer_inference),
}


def translation_model(sizes: Sizes, settings: Any, *, precision: str) -> keras.Model:
    """Build a network that translates.

    Args:
        sizes: Sizes of the vocabularies and sentences.
        settings: The `model` section.
        precision: `float32` or `bfloat16`; precision of the matrix products.
    """
    return _NETWORKS[settings.name].build(sizes, settings, precision=precision)


def inference_of(model: keras.Model, lengths: tuple[int, int] | None = None) -> Inference:
    """Return the encoder and the decoder step of a network that `translation_model` built.

    Args:
        model: The trained network.
        lengths: Fixed length of source sentences and maximum number of decoder steps, for formats in which no length
            may vary; the decoder then takes one word at a time. None for variable lengths.
    """
    return _NETWORKS[model.name].inference(model, lengths)
