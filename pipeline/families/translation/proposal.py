"""Proposal of configs for translation, from two aligned files."""

import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from pipeline.families.translation.data.pairs import Corpus, read_pairs
from pipeline.families.translation.data.tokenizing import tokenizer_for
from pipeline.tasks import Proposal, Proposer, Request

LANGUAGE = re.compile(r"[a-z]{2,3}")
SEPARATE = re.compile(r"\w[.,!?;:。、]")
"""A punctuation mark directly after a word: the text is not tokenized yet."""
MANY = 20_000
"""Number of pairs from which on subword pieces are worth learning."""
UNSPACED = 0.05
"""Share of spaces below which a language is taken to write no spaces between words."""
SHOWN = 3


class TranslationProposer(Proposer):
    """Propose a translation network for two aligned files."""

    review = "languages, tokenizer, split"

    def rank(self, files: Sequence[Path], target: str | None) -> int:
        """Return 1 for exactly two files without a target column, else 0."""
        return 1 if len(files) == 2 and not target else 0

    def propose(self, request: Request) -> Proposal:
        """Propose configs by the languages, the spacing and the number of pairs.

        Raises:
            DataError: If the files cannot be read or are not aligned.
        """
        return propose_translation(request.name, request.files, request.folder)


def propose_translation(name: str, files: Sequence[Path], folder: str) -> Proposal:
    """Propose configs for two aligned files; see `TranslationProposer.propose`."""
    languages = _languages(files)
    places = dict(zip(languages, (path.name for path in files), strict=True))
    paths = dict(zip(languages, (str(path) for path in files), strict=True))
    corpus = read_pairs(Path(), paths, languages, None, once=True)
    choices = [_tokenizer([pair[side] for pair in corpus.pairs]) for side in (0, 1)]
    pairs = len(corpus.pairs)
    # From 100 to 1000 sentences: more would hardly narrow the confidence interval.
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
        "tokenizer": dict(zip(languages, (tokenizer for tokenizer, _ in choices), strict=True)),
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
    reasons = [f"# {language}: {why}" for language, (_, why) in zip(languages, choices, strict=True)]
    head = [
        f"# Written by `python -m pipeline.new {name}`: {pairs:,} pairs; left out: {corpus.empty:,} empty, "
        f"{corpus.doubled:,} duplicate.",
        *reasons,
        "# conf/data/enja.yaml documents each key.",
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
    return Proposal(_report(corpus, languages, choices), "\n".join([*head, body]), experiment)


def _languages(files: Sequence[Path]) -> tuple[str, str]:
    """Return the files' suffixes if they name two languages, as in `train.en` and `train.ja`."""
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
    untokenized = sum(bool(SEPARATE.search(sentence)) for sentence in sentences) / len(sentences)
    if spaces > 0.1 and untokenized < 0.02:
        return "whitespace", "whitespace: punctuation is already separated from words"
    if len(sentences) >= MANY:
        return "unigram", f"unigram: {len(sentences):,} sentences are enough to learn subword pieces"
    if spaces < UNSPACED:
        return "character", "character: no spaces between words, and too few sentences to learn subword pieces"
    return "word", "word: too few sentences to learn subword pieces"


def _report(corpus: Corpus, languages: Sequence[str], choices: Sequence[tuple[str, str]]) -> str:
    lines = [f"{corpus.lines:,} lines; left out: {corpus.empty:,} empty and {corpus.doubled:,} duplicate pairs"]
    for side, (language, (name, why)) in enumerate(zip(languages, choices, strict=True)):
        tokenizer = tokenizer_for(name if name not in ("unigram", "bpe") else "word", Path())
        counts = sorted(len(tokenizer.tokens(pair[side])) for pair in corpus.pairs)
        lines.append(f"{language}: median {counts[len(counts) // 2]} words per sentence, maximum {counts[-1]}; {why}")
    lines += [f"  {source}  =  {target}" for source, target in corpus.pairs[:SHOWN]]
    return "\n".join(lines)
