"""Preparation of a corpus: cleaning, splitting, counting words and encoding."""

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.errors import DataError
from pipeline.data.splits import SPLITS
from pipeline.families.translation.data.pairs import Pair, read_pairs, read_sentences
from pipeline.families.translation.data.pieces import learned
from pipeline.families.translation.data.schema import SIDES, CorpusSchema
from pipeline.families.translation.data.sentences import Sentences, padded
from pipeline.families.translation.data.tokenizing import Tokenizer
from pipeline.families.translation.data.tokens import UNKNOWN
from pipeline.families.translation.data.vocabulary import SPECIAL, Vocabulary
from pipeline.families.translation.settings import TranslationData
from pipeline.storage import sealed_folder, write_bytes

Tokenized = tuple[list[str], list[str]]


def prepare_corpus(
    settings: TranslationData, prepared: dict[str, Any], folder: Path, out: Path, task: str
) -> tuple[CorpusSchema, list[dict[str, str]]]:
    """Write the prepared corpus to `out` atomically: one folder per split, the schema and the vocabularies.

    Args:
        settings: The `data` section.
        prepared: The `data` section as a dictionary, for the schema.
        folder: The folder of the raw files.
        out: The folder to write.
        task: Name of the family.

    Returns:
        The schema, and warnings with the keys `kind`, `subject` and `text`.

    Raises:
        DataError: If files cannot be read or do not match, or a split has no pair.
    """
    left_out: dict[str, int] = {}
    splits = _splits(settings, folder, left_out)
    _refuse_empty(splits, left_out, "data.leave_out, data.split and the fractions")
    tokenizers = _tokenizers(settings, splits)
    tokenized = {
        name: [_tokenize(pair, tokenizers, settings.lowercase) for pair in pairs] for name, pairs in splits.items()
    }
    whole_file = [*tokenized["train"], *([] if settings.val or settings.vocabulary_of != "file" else tokenized["val"])]
    longest = [max(len(words[side]) for words in whole_file) for side in (0, 1)]
    kept = [max(map(len, words)) <= settings.max_tokens for words in tokenized["train"]]
    left_out["longer than max_tokens"] = kept.count(False)
    splits["train"] = [pair for pair, is_kept in zip(splits["train"], kept, strict=True) if is_kept]
    tokenized["train"] = [words for words, is_kept in zip(tokenized["train"], kept, strict=True) if is_kept]
    _refuse_empty(splits, left_out, "data.max_tokens")
    counted = whole_file if (settings.vocabulary_of == "file") else tokenized["train"]
    vocabularies = tuple(
        Vocabulary.of((words[side] for words in counted), _size(settings, side), settings.min_count) for side in (0, 1)
    )
    with sealed_folder(out) as scratch:
        for name in SPLITS:
            # Truncated as at prediction; only validation and test sentences can still be longer.
            numbers = [
                padded([vocabularies[side].numbers(words[side][: settings.max_tokens]) for words in tokenized[name]])
                for side in (0, 1)
            ]
            texts = [[pair[side] for pair in splits[name]] for side in (0, 1)]
            Sentences(numbers[0], numbers[1], texts[0], texts[1]).save(scratch / name)
        for side_name, vocabulary, tokenizer in zip(SIDES, vocabularies, tokenizers, strict=True):
            vocabulary.save(scratch / f"{side_name}.vocabulary.txt")
            if tokenizer.learned is not None:
                write_bytes(scratch / f"{side_name}.pieces", tokenizer.learned)
        schema = CorpusSchema(
            folder=scratch,
            task=task,
            prepared=prepared,
            languages=settings.languages,
            tokenizers=settings.tokenizers,
            lowercase=settings.lowercase,
            words=(len(vocabularies[0]), len(vocabularies[1])),
            lengths=(min(longest[0], settings.max_tokens) + 2, min(longest[1], settings.max_tokens) + 1),
            pairs={name: len(pairs) for name, pairs in splits.items()},
            left_out={reason: count for reason, count in left_out.items() if count},
            max_tokens=settings.max_tokens,
        )
        schema.save_facts(scratch)
    return CorpusSchema.load(out), _warnings(splits, tokenized, vocabularies, settings.languages)


def _splits(settings: TranslationData, folder: Path, left_out: dict[str, int]) -> dict[str, list[Pair]]:
    given: dict[str, list[Pair]] = {}
    for name, files in (("train", settings.train), ("val", settings.val), ("test", settings.test)):
        if files is None:
            continue
        # Validation and test files are scored as they are, duplicate pairs included.
        corpus = read_pairs(folder, files, settings.languages, settings.columns, settings.missing, once=name == "train")
        given[name] = corpus.pairs
        for reason, count in (("empty", corpus.empty), ("doubled", corpus.doubled)):
            left_out[f"{reason} in {name}"] = count
    if settings.leave_out:
        unwanted = [
            {normalized(text) for text in read_sentences(folder / settings.leave_out[language])}
            if language in settings.leave_out
            else set()
            for language in settings.languages
        ]
        for name in [split for split in ("train", "val") if split in given]:
            clean = [p for p in given[name] if not any(normalized(p[side]) in unwanted[side] for side in (0, 1))]
            left_out[f"in leave_out, of {name}"] = len(given[name]) - len(clean)
            given[name] = clean
    wanted = {
        name: share
        for name, share in (("test", settings.test_fraction), ("val", settings.validation_fraction))
        if name not in given
    }
    return {**given, **_held_out(given["train"], wanted, settings)} if wanted and given["train"] else given


def _held_out(pairs: list[Pair], wanted: Mapping[str, float], settings: TranslationData) -> dict[str, list[Pair]]:
    held_out: dict[str, list[Pair]] = {}
    if settings.split == "last":
        left = pairs
        for name, share in wanted.items():
            # As in Keras' validation_split, the size of the part before the split is rounded down.
            border = int(len(pairs) * (1 - share)) - (len(pairs) - len(left))
            left, held_out[name] = left[:border], left[border:]
        return {"train": left, **held_out}
    groups = _groups(pairs)
    order = np.random.default_rng(settings.split_seed).permutation(max(groups) + 1)
    sizes = np.bincount(groups)[order]
    # Groups are drawn until the share of pairs is reached; the largest groups stay in training.
    sizes_so_far, position = np.cumsum(np.where(sizes <= max(1, len(pairs) // 200), sizes, 0)), np.argsort(order)
    begin = 0.0
    split_of_group = np.full(len(order), "train", dtype="<U5")
    for name, share in wanted.items():
        chosen = (
            (sizes_so_far > begin) & (sizes_so_far <= begin + share * len(pairs)) & (sizes <= max(1, len(pairs) // 200))
        )
        split_of_group[chosen] = name
        begin += share * len(pairs)
    split_names = split_of_group[position][groups]
    return {
        name: [pair for pair, split in zip(pairs, split_names, strict=True) if split == name]
        for name in ("train", *wanted)
    }


def _groups(pairs: Sequence[Pair]) -> list[int]:
    """Return a group number for each pair; pairs that share a sentence on either side are in the same group."""
    parent = list(range(len(pairs)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    seen: dict[tuple[int, str], int] = {}
    for row, pair in enumerate(pairs):
        for side in (0, 1):
            first = seen.setdefault((side, normalized(pair[side])), row)
            parent[root(row)] = root(first)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(root(row), len(numbers)) for row in range(len(pairs))]


def normalized(text: str) -> str:
    """Return a sentence without spaces, punctuation and case, so that different spellings of it compare equal."""
    # Combining marks are kept: they are vowels in many scripts.
    letters = "".join(c for c in text.casefold() if c.isalnum() or unicodedata.category(c)[0] == "M")
    return letters or text


def _tokenizers(settings: TranslationData, splits: Mapping[str, list[Pair]]) -> tuple[Tokenizer, Tokenizer]:
    source, target = (
        learned(
            name,
            (pair[side].lower() if settings.lowercase else pair[side] for pair in splits["train"]),
            settings.vocabulary_size,
            settings.split_seed,
            is_target=side == 1,
        )
        for side, name in enumerate(settings.tokenizers)
    )
    return source, target


def _size(settings: TranslationData, side: int) -> int:
    # sentencepiece already limits the number of pieces; otherwise the four special tokens are added to the limit.
    is_learned = settings.tokenizers[side] in ("unigram", "bpe")
    return 0 if is_learned or not settings.vocabulary_size else settings.vocabulary_size + len(SPECIAL)


def _tokenize(pair: Pair, tokenizers: tuple[Tokenizer, Tokenizer], lowercase: bool) -> Tokenized:
    source, target = (
        tokenizer.tokens(text.lower() if lowercase else text) for tokenizer, text in zip(tokenizers, pair, strict=True)
    )
    return source, target


def _refuse_empty(splits: Mapping[str, list[Pair]], left_out: Mapping[str, int], settings_to_check: str) -> None:
    counts = {name: len(splits.get(name, [])) for name in SPLITS}
    if empty := [name for name, count in counts.items() if not count]:
        left = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        raise DataError(
            f"no {empty[0]} pair is left ({left}; left out: {_summary(left_out)}); check {settings_to_check}"
        )


def _summary(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in left_out.items() if count) or "nothing"


def _warnings(
    splits: Mapping[str, list[Pair]],
    tokenized: Mapping[str, list[Tokenized]],
    vocabularies: Sequence[Vocabulary],
    languages: tuple[str, str],
) -> list[dict[str, str]]:
    warnings = []
    known = [{normalized(pair[side]) for pair in splits["train"]} for side in (0, 1)]
    for name in ("test", "val"):
        pairs = splits[name]
        for side, language in enumerate(languages):
            share = sum(normalized(pair[side]) in known[side] for pair in pairs) / len(pairs)
            if share > 0.01:
                text = f"{share:.1%} of the {name} sentences also occur in the training sentences"
                warnings.append({"kind": "doubles", "subject": f"{name}.{language}", "text": text})
    for side, language in enumerate(languages):
        words = [word for sentences in tokenized["test"] for word in sentences[side]]
        share = sum(vocabularies[side].number(word) == UNKNOWN for word in words) / max(1, len(words))
        if share > 0.05:
            text = f"{share:.1%} of the words in the test sentences are unknown; try data.tokenizer.{language}=unigram"
            warnings.append({"kind": "unknown", "subject": f"test.{language}", "text": text})
    ratios = [len(source) / max(1, len(target)) for source, target in tokenized["train"]]
    median = float(np.median(ratios))
    unusual = sum(not median / 4 < ratio < median * 4 for ratio in ratios) / len(ratios)
    if unusual > 0.01:
        text = (
            f"{unusual:.1%} of the training pairs have a length ratio (source to target) at least four times above or "
            "below the median; check that they are aligned"
        )
        warnings.append({"kind": "lengths", "subject": "train", "text": text})
    return warnings
