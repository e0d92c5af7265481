"""The networks that translate, by name: how each is built, with what axes, and how it is used."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from pipeline.models.attention import AttentionSettings, attention, attention_inference
from pipeline.models.seq2seq import Seq2SeqSettings, seq2seq, seq2seq_inference
from pipeline.models.transformer import TransformerSettings, transformer, transformer_inference
from pipeline.models.translating import Inference, Sizes


@dataclass(frozen=True)
class _Translator:
    build: Callable[..., keras.Model]
    settings: Callable[..., Any]
    inference: Callable[[keras.Model, tuple[int, int] | None], Inference]


_TRANSLATORS = {
    "seq2seq": _Translator(seq2seq, Seq2SeqSettings, seq2seq_inference),
    "attention": _Translator(attention, AttentionSettings, attention_inference),
    "transformer": _Translator(transformer, TransformerSettings, transformer_inference),
}


def translator(sizes: Sizes, name: str, *, precision: str, **axes: Any) -> keras.Model:
    """Make a network that translates.

    Args:
        sizes: Of vocabularies and sentences.
        name: Of the network: a file of `conf/model`.
        precision: `float32` or `bfloat16`, of the products.
        axes: The file's other keys.
    """
    network = _TRANSLATORS[name]
    return network.build(sizes, network.settings(**axes), precision=precision)


def inference_of(model: keras.Model, lengths: tuple[int, int] | None = None) -> Inference:
    """Return the two networks of inference of one that `translator` made.

    Args:
        model: The one that was trained.
        lengths: Words of each sentence, and room for those of its translation, where no length may vary; one word is
            written at a time then.
    """
    return _TRANSLATORS[model.name].inference(model, lengths)
