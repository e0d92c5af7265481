"""Scoring of translations of a prepared corpus."""

import re
from collections.abc import Sequence
from typing import Any

from pipeline.families.translation.data.schema import CorpusSchema
from pipeline.families.translation.metrics.scores import TranslationScores

BY_CHARACTER = ("ja", "jpn", "zh", "zho", "cmn", "yue", "th", "tha")
"""Languages that write no spaces between words."""


def text_scores(
    schema: CorpusSchema, tokens: str, translations: Sequence[str], references: Sequence[str], words: Any = None
) -> TranslationScores:
    """Return the scores of translations.

    Args:
        schema: The schema of the corpus.
        tokens: The setting `data.bleu_tokens`.
        translations: One translation for each reference.
        references: The reference translations.
        words: Next-word scores, as `Translator.word_scores` returns them; None to score only the texts.
    """
    tokenizer = bleu_tokenizer(schema, tokens)
    return TranslationScores(translations, references, tokenizer, lowercase=schema.lowercase, words=words)


def bleu_tokenizer(schema: CorpusSchema, tokens: str) -> str:
    """Return the name of sacrebleu's tokenizer; `auto` depends on the target language."""
    if tokens != "auto":
        return tokens
    if schema.tokenizers[1] == "whitespace":
        return "none"
    language = re.split("[-_]", schema.languages[1].lower())[0]
    return "char" if language in BY_CHARACTER else "13a"
