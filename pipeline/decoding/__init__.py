"""Search for translations, and write texts, with a network of Keras."""

from pipeline.decoding.keras_decoder import KerasDecoder
from pipeline.decoding.keras_writer import KerasWriter
from pipeline.portable.sampling import Sampling, write
from pipeline.portable.search import Translation
from pipeline.portable.translate import SearchSettings, translate

__all__ = ["KerasDecoder", "KerasWriter", "Sampling", "SearchSettings", "Translation", "translate", "write"]
