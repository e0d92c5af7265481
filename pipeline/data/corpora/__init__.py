"""Pairs of sentences: read, cleaned, cut into words, split, counted."""

from pipeline.data.corpora.pairs import Corpus, read_pairs, read_sentences
from pipeline.data.corpora.prepare import CorpusSettings, prepare_corpus
from pipeline.data.corpora.schema import SIDES, CorpusSchema
from pipeline.data.corpora.sentences import Sentences, fitted, padded
from pipeline.data.corpora.vocabulary import SPECIAL, Vocabulary
from pipeline.portable.search import END, PADDING, START, UNKNOWN
from pipeline.portable.tokenizing import Tokenizer, tokenizer_for

__all__ = [
    "END",
    "PADDING",
    "SIDES",
    "SPECIAL",
    "START",
    "UNKNOWN",
    "Corpus",
    "CorpusSchema",
    "CorpusSettings",
    "Sentences",
    "Tokenizer",
    "Vocabulary",
    "fitted",
    "padded",
    "prepare_corpus",
    "read_pairs",
    "read_sentences",
    "tokenizer_for",
]
