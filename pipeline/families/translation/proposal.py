"""Proposal of configs for translation, from aligned files or one file of pairs."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipeline.data import DataError
from pipeline.data.utf8 import read_lines
from pipeline.families.translation.data.pairs import Corpus, read_pairs
from pipeline.families.translation.data.tokenizing import PLAIN, tokenizer_for
from pipeline.tasks import Proposal, Proposer, Request

LANGUAGE = re.compile(r"(?:^|[._-])([A-Za-z]{2,3}(?:-[A-Za-z]{4}|-[A-Za-z]{2}|_[A-Z][a-z]{3}|_[A-Z]{2})?)$")
"""The end of a file name that names its language: en, deu, zh-TW, sr_Latn."""
ENDINGS = (".gz", ".zip", ".txt", ".tok", ".tsv", ".csv")
"""Endings of file names that say nothing about the language or the part."""
NO_LANGUAGES = {"val", "dev", "tst", "src", "tgt", "trg", "tok", "txt", "tsv", "csv"}
PARTS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "development": "val",
    "test": "test",
    "tst": "test",
}
"""Words in file names → the part of the corpus."""
SEPARATE = re.compile(r"\w[.,!?;:。、]")
"""A punctuation mark directly after a word: the text is not tokenized yet."""
FEWEST = 20
"""Smallest number of different pairs to learn from."""
MANY, MEDIUM = 20_000, 5_000
"""Numbers of pairs from which on more subword pieces, and a larger network, are worth their cost."""
UNSPACED = 0.05
"""Share of spaces below which a language is taken to write no spaces between words."""
UNKNOWN = 0.005
"""Share of the words of held-out sentences that training may lack; from here on, subword pieces are proposed."""
HELD_OUT = 10
"""One of so many sentences is held out to count unknown words."""
LENGTHS = (50, 100, 200, 400, 800)
"""Maximum numbers of tokens that are proposed: the first that nearly no sentence exceeds."""
LONGER = 0.001
"""Share of the sentences that may be longer."""
LOOKED_AT = 200
"""Number of lines from which a file of pairs is recognised."""
LEAST_LETTERS = 10
"""Mean number of characters from which on a column may be one of sentences."""
SHOWN = 3


@dataclass(frozen=True)
class Choice:
    """The tokenizer of a language, why, and the largest number of tokens of nearly all its sentences."""

    tokenizer: str
    reason: str
    longest: int


class TranslationProposer(Proposer):
    """Propose a translation network for aligned files, or one file of pairs."""

    review = "languages, tokenizer, split"

    def rank(self, files: Sequence[Path], target: str | None) -> int:
        """Rank two, four or six files, or one file of tab-separated pairs of sentences, if there is no target."""
        if target:
            return 0
        if len(files) == 1:
            return 4 if sentence_columns(files[0]) else 0
        return 1 if len(files) in (2, 4, 6) else 0

    def propose(self, request: Request) -> Proposal:
        """Propose configs by the languages, the spacing and the number of pairs.

        Raises:
            DataError: If the files cannot be read or are not aligned, or their names do not say which belong together.
        """
        return propose_translation(request.name, request.files, request.folder)


def propose_translation(name: str, files: Sequence[Path], folder: str) -> Proposal:
    """Propose configs for a corpus; see `TranslationProposer.propose`."""
    columns = sentence_columns(files[0]) if len(files) == 1 else None
    if columns is None:
        languages, parts = grouped(files)
        places = {part: {language: path.name for language, path in paths.items()} for part, paths in parts.items()}
        train = {language: str(path) for language, path in parts["train"].items()}
    else:
        languages = ("source", "target")
        train, places = dict.fromkeys(languages, str(files[0])), {"train": dict.fromkeys(languages, files[0].name)}
    numbers = dict(zip(languages, columns, strict=True)) if columns else None
    corpus = read_pairs(Path(), train, languages, numbers, once=True)
    pairs = len(corpus.pairs)
    if pairs < FEWEST:
        raise DataError(
            f"{' and '.join(dict.fromkeys(train.values()))}: too few different pairs to learn from: expected "
            f"{FEWEST} at least, received {pairs} ({corpus.lines:,} with repetitions)"
        )
    choices = [_choice([pair[side] for pair in corpus.pairs]) for side in (0, 1)]
    # From 100 to 1000 sentences: more would hardly narrow the confidence interval.
    share = float(f"{min(0.2, min(1000, max(100, pairs // 20)) / pairs):.2g}")
    longest = max(choice.longest for choice in choices)
    content = {
        "source": {"name": "own", "folder": folder, "files": dict.fromkeys(path.name for path in files)},
        "source_lang": languages[0],
        "target_lang": languages[1],
        "train": places["train"],
        "val": places.get("val"),
        "test": places.get("test"),
        "columns": numbers,
        "missing": [""],
        "leave_out": None,
        "tokenizer": dict(zip(languages, (choice.tokenizer for choice in choices), strict=True)),
        "lowercase": False,
        "max_tokens": next((length for length in LENGTHS if length >= longest), LENGTHS[-1]),
        "vocabulary_size": _vocabulary_size(pairs, choices),
        "min_count": 1,
        "vocabulary_of": "training",
        "bleu_tokens": "char" if _is_unspaced([pair[1] for pair in corpus.pairs]) else "auto",
        "split": "sentences",
        "validation_fraction": share,
        "test_fraction": share,
        "split_seed": 1,
    }
    reasons = [f"# {language}: {choice.reason}" for language, choice in zip(languages, choices, strict=True)]
    head = [
        f"# Written by `python -m pipeline.new {name}`: {pairs:,} pairs; left out: {corpus.empty:,} empty, "
        f"{corpus.doubled:,} duplicate.",
        *reasons,
        "# conf/data/enja.yaml documents each key.",
    ]
    body = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None)
    named = " to ".join(dict.fromkeys(places["train"].values()))
    experiment = EXPERIMENT.format(name=name, files=named, pairs=f"{pairs:,}", **_network(pairs))
    return Proposal(_report(corpus, languages, choices), "\n".join([*head, body]), experiment)


EXPERIMENT = """\
# @package _global_
# {files}: {pairs} pairs.
defaults:
  - override /data: {name}
  - override /model: {model}
  - override /train: translation
  - override /evaluate: translation

name: {name}
task: translation
model: {{{settings}}}
train: {{{loop}}}
"""


def _vocabulary_size(pairs: int, choices: Sequence[Choice]) -> int:
    if pairs >= MANY:
        return 8000
    are_pieces = all(choice.tokenizer == "unigram" for choice in choices)
    return 4000 if pairs >= MEDIUM or not are_pieces else 1000  # words and characters are unknown beyond it


def _network(pairs: int) -> dict[str, str]:
    """Return the network, its settings and those of the training loop, by the number of pairs."""
    if pairs < MEDIUM:
        return {
            "model": "attention",
            "settings": "hidden_units: 256",
            "loop": "batch_size: 64, batch_unit: sentences, label_smoothing: 0.1",
        }
    size = "batch_size: 100, epochs: 20" if pairs >= MANY else "batch_size: 64, epochs: 30"
    return {
        "model": "transformer",
        "settings": "dropout: 0.2" if pairs >= MANY else "embedding_dim: 192, hidden_units: 768, dropout: 0.3",
        "loop": f"{size}, batch_unit: sentences, learning_rate: 0.001, schedule: linear, warmup: 0.05, "
        "label_smoothing: 0.1, patience: 0",
    }


def grouped(files: Sequence[Path]) -> tuple[tuple[str, str], dict[str, dict[str, Path]]]:
    """Return the languages, and the file of each language for each part of the corpus, by the names of the files.

    Raises:
        DataError: The names do not say which files belong together.
    """
    languages = [_language(path) for path in files]
    if len(set(languages)) != 2 or "" in languages:
        if len(files) == 2:
            return ("source", "target"), {"train": dict(zip(("source", "target"), files, strict=True))}
        raise DataError(_UNCLEAR.format(names=", ".join(path.name for path in files)))
    order = (languages[0], next(language for language in languages if language != languages[0]))
    parts: dict[str, dict[str, Path]] = {}
    for path, language in zip(files, languages, strict=True):
        part = "train" if len(files) == 2 else _part(path)
        if language in parts.setdefault(part, {}):
            raise DataError(_UNCLEAR.format(names=", ".join(path.name for path in files)))
        parts[part][language] = path
    if "train" not in parts or any(len(paths) != 2 for paths in parts.values()):
        raise DataError(_UNCLEAR.format(names=", ".join(path.name for path in files)))
    return order, parts


_UNCLEAR = (
    "{names}: the names do not say which files belong together; expected two languages of each part, such as train.en, "
    "train.de, val.en, val.de, test.en and test.de"
)


def _stem(path: Path) -> str:
    name = path.name
    while name.lower().endswith(ENDINGS):
        name = name.rpartition(".")[0]
    return name


def _language(path: Path) -> str:
    """Return the language that ends a file name, as in `train.en`, `train.EN.txt` or `corpus.zh-TW`; empty if none."""
    found = LANGUAGE.search(_stem(path))
    if found is None or found[1].lower() in NO_LANGUAGES:
        return ""
    language, mark, region = re.match(r"([A-Za-z]+)([-_]?)(.*)", found[1]).groups()  # type: ignore[union-attr]
    return f"{language.lower()}{mark}{region.title() if len(region) > 2 else region.upper()}"


def _part(path: Path) -> str:
    words = re.split(r"[^a-z]+", _stem(path).lower())
    return next((PARTS[word] for word in words if word in PARTS), "train")


def sentence_columns(path: Path) -> tuple[int, int] | None:
    """Return the two columns of sentences of a file of tab-separated pairs, numbered from 1; None for other files."""
    try:
        lines = [line.split("\t") for line in read_lines(path)[:LOOKED_AT] if line.strip()]
    except DataError:
        return None
    width, count = Counter(map(len, lines)).most_common(1)[0] if lines else (0, 0)
    if width < 2 or count < 0.9 * len(lines):
        return None
    rows = [line for line in lines if len(line) == width]
    texts = []
    for number, column in enumerate(zip(*rows, strict=True), start=1):
        letters = sum(map(len, column)) / len(column)
        has_spaces = sum(text.count(" ") for text in column) >= len(column)
        are_sentences = has_spaces or not any(text.isascii() for text in column)
        if letters >= LEAST_LETTERS and are_sentences and len(set(column)) > len(column) / 2:
            texts.append(number)
    # Further columns hold sources and scores.
    return (texts[0], texts[1]) if len(texts) >= 2 and texts[:2] == [1, 2] else None


def _spaces(sentences: Sequence[str]) -> float:
    return sum(sentence.count(" ") for sentence in sentences) / max(1, sum(map(len, sentences)))


def _is_unspaced(sentences: Sequence[str]) -> bool:
    return _spaces(sentences) < UNSPACED


def _choice(sentences: Sequence[str]) -> Choice:
    spaces = _spaces(sentences)
    untokenized = sum(bool(SEPARATE.search(sentence)) for sentence in sentences) / len(sentences)
    name, reason = "word", "word: held-out sentences have few words that the others lack"
    if spaces > 0.1 and untokenized < 0.02:
        name, reason = "whitespace", "whitespace: punctuation is already separated from words"
    elif spaces < UNSPACED:
        name, reason = "character", "character: no spaces between words"
    tokenized = [PLAIN[name]().tokens(sentence) for sentence in sentences]
    unknown = _unknown(tokenized)
    lengths = sorted(map(len, tokenized))
    longest = lengths[int((1 - LONGER) * (len(lengths) - 1))]
    if name == "character" and len(sentences) < MEDIUM:
        return Choice(name, f"{reason}, and too few sentences to learn subword pieces", longest)
    if unknown >= UNKNOWN or name == "character":
        words = "characters" if name == "character" else "words"
        reason = f"unigram: {unknown:.1%} of the {words} of held-out sentences do not occur in the others"
        # A word has two pieces at most, nearly always; a piece has one character at least.
        return Choice("unigram", reason, longest if name == "character" else 2 * longest)
    return Choice(name, reason, longest)


def _unknown(sentences: Sequence[Sequence[str]]) -> float:
    """Return the share of the words of held-out sentences that the other sentences lack."""
    known = {word for row, sentence in enumerate(sentences) if row % HELD_OUT for word in sentence}
    held = [word for sentence in sentences[::HELD_OUT] for word in sentence]
    return sum(word not in known for word in held) / max(len(held), 1)


def _report(corpus: Corpus, languages: Sequence[str], choices: Sequence[Choice]) -> str:
    lines = [f"{corpus.lines:,} lines; left out: {corpus.empty:,} empty and {corpus.doubled:,} duplicate pairs"]
    for side, (language, choice) in enumerate(zip(languages, choices, strict=True)):
        name = choice.tokenizer if choice.tokenizer in PLAIN else "word"
        tokenizer = tokenizer_for(name, Path())
        counts = sorted(len(tokenizer.tokens(pair[side])) for pair in corpus.pairs)
        unit = "characters" if name == "character" else "words"
        lines.append(
            f"{language}: median {counts[len(counts) // 2]} {unit} per sentence, maximum {counts[-1]}; {choice.reason}"
        )
    lines += [f"  {source}  =  {target}" for source, target in corpus.pairs[:SHOWN]]
    return "\n".join(lines)
