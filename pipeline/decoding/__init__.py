"""Search for translations, and write texts, with a network of Keras."""

from pipeline.decoding.keras_decoder import KerasDecoder
from pipeline.decoding.keras_writer import KerasWriter
from pipeline.decoding.translate import SearchSettings, translate
from pipeline.portable.sampling import Sampling, write
from pipeline.portable.search import Translation

__all__ = ["KerasDecoder", "KerasWriter", "Sampling", "SearchSettings", "Translation", "translate", "write"]
