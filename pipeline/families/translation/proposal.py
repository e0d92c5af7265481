"""Look at two aligned files and propose configs that learn to translate one into the other."""

import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from pipeline.families.translation.data.pairs import Corpus, read_pairs
from pipeline.families.translation.data.tokenizing import tokenizer_for
from pipeline.tasks import Proposal, Proposer, Request

LANGUAGE = re.compile(r"[a-z]{2,3}")
SEPARATE = re.compile(r"\w[.,!?;:。、]")
"""A mark that stands right behind a word: the text is not cut."""
MANY = 20_000
"""Pairs from which on pieces of words are worth learning."""
UNSPACED = 0.05
"""Share of spaces below which words are not apart."""
SHOWN = 3


class TranslationProposer(Proposer):
    """Proposes a translation network for two aligned files."""

    review = "languages, tokenizer, split"

    def rank(self, files: Sequence[Path], target: str | None) -> int:
        """Suit two files."""
        return 1 if len(files) == 2 and not target else 0

    def propose(self, request: Request) -> Proposal:
        """Look at the languages and the marks between words.

        Raises:
            DataError: The files cannot be read, or are not aligned.
        """
        return propose_translation(request.name, request.files, request.folder)


def propose_translation(name: str, files: Sequence[Path], folder: str) -> Proposal:
    """Propose configs for two aligned files; see `TranslationProposer.propose`."""
    languages = _languages(files)
    places = dict(zip(languages, (path.name for path in files), strict=True))
    paths = dict(zip(languages, (str(path) for path in files), strict=True))
    corpus = read_pairs(Path(), paths, languages, None, once=True)
    cutters = [_tokenizer([pair[side] for pair in corpus.pairs]) for side in (0, 1)]
    pairs = len(corpus.pairs)
    # A hundred sentences at least, a thousand at most: more make the interval little narrower.
    share = float(f"{min(0.2, min(1000, max(100, pairs // 20)) / pairs):.2g}")
    content = {
        "source": {"name": "own", "folder": folder, "files": dict.fromkeys(places.values())},
        "source_lang": languages[0],
        "target_lang": languages[1],
        "train": places,
        "val": None,
        "test": None,
        "columns": None,
        "missing": [""],
        "leave_out": None,
        "tokenizer": dict(zip(languages, (cutter for cutter, _ in cutters), strict=True)),
        "lowercase": False,
        "max_tokens": 100,
        "vocabulary_size": 8000 if pairs >= MANY else 4000,
        "min_count": 1,
        "vocabulary_of": "training",
        "bleu_tokens": "char" if _is_unspaced([pair[1] for pair in corpus.pairs]) else "auto",
        "split": "sentences",
        "validation_fraction": share,
        "test_fraction": share,
        "split_seed": 1,
    }
    reasons = [f"# {language}: {why}" for language, (_, why) in zip(languages, cutters, strict=True)]
    head = [
        f"# Written by `python -m pipeline.new {name}`: {pairs:,} pairs; left out: {corpus.empty:,} empty, "
        f"{corpus.doubled:,} doubled.",
        *reasons,
        "# conf/data/enja.yaml says what each key means.",
    ]
    body = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None)
    units = 512 if pairs >= MANY else 256
    experiment = (
        "# @package _global_\n"
        f"# {places[languages[0]]} to {places[languages[1]]}: {pairs:,} pairs.\n"
        "defaults:\n  - override /data: " + name + "\n  - override /model: attention\n"
        "  - override /train: translation\n  - override /evaluate: translation\n\n"
        f"name: {name}\ntask: translation\n"
        f"model: {{hidden_units: {units}}}{'' if pairs >= MANY else '   # half of the default: few pairs'}\n"
        "train: {batch_size: 64, batch_unit: sentences, label_smoothing: 0.1}\n"
    )
    return Proposal(_report(corpus, languages, cutters), "\n".join([*head, body]), experiment)


def _languages(files: Sequence[Path]) -> tuple[str, str]:
    """Return the files' suffixes where they name two languages, `train.en` and `train.ja`."""
    suffixes = [path.suffix.removeprefix(".") for path in files]
    if len(set(suffixes)) == 2 and all(
        LANGUAGE.fullmatch(suffix) and suffix not in ("txt", "tsv") for suffix in suffixes
    ):
        return suffixes[0], suffixes[1]
    return "source", "target"


def _spaces(sentences: Sequence[str]) -> float:
    return sum(sentence.count(" ") for sentence in sentences) / max(1, sum(map(len, sentences)))


def _is_unspaced(sentences: Sequence[str]) -> bool:
    return _spaces(sentences) < UNSPACED


def _tokenizer(sentences: Sequence[str]) -> tuple[str, str]:
    spaces = _spaces(sentences)
    separate = sum(bool(SEPARATE.search(sentence)) for sentence in sentences) / len(sentences)
    if spaces > 0.1 and separate < 0.02:
        return "whitespace", "whitespace: marks stand apart from words already"
    if len(sentences) >= MANY:
        return "unigram", f"unigram: {len(sentences):,} sentences are enough to learn pieces of words from"
    if spaces < UNSPACED:
        return "character", "character: words are not apart, and sentences are few for pieces of words"
    return "word", "word: sentences are few for pieces of words"


def _report(corpus: Corpus, languages: Sequence[str], cutters: Sequence[tuple[str, str]]) -> str:
    lines = [f"{corpus.lines:,} lines: {corpus.empty:,} empty and {corpus.doubled:,} doubled pairs are left out"]
    for side, (language, (name, why)) in enumerate(zip(languages, cutters, strict=True)):
        cutter = tokenizer_for(name if name not in ("unigram", "bpe") else "word", Path())
        counts = sorted(len(cutter.tokens(pair[side])) for pair in corpus.pairs)
        lines.append(
            f"{language}: {counts[len(counts) // 2]} words a sentence in the middle, {counts[-1]} at most; {why}"
        )
    lines += [f"  {source}  =  {target}" for source, target in corpus.pairs[:SHOWN]]
    return "\n".join(lines)
