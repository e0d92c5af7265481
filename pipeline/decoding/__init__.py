"""Search for translations with a network of Keras."""

from pipeline.decoding.keras_decoder import KerasDecoder
from pipeline.decoding.translate import SearchSettings, translate
from pipeline.portable.search import Translation

__all__ = ["KerasDecoder", "SearchSettings", "Translation", "translate"]
