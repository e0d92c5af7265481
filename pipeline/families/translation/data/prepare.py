"""From raw files to splits of numbers: clean, split, count words, encode."""

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
from pipeline.storage import new_folder, write_bytes

Cut = tuple[list[str], list[str]]


def prepare_corpus(
    settings: TranslationData, prepared: dict[str, Any], folder: Path, out: Path, task: str
) -> tuple[CorpusSchema, list[dict[str, str]]]:
    """Write `out`, whole or not at all: a folder a split, schema, vocabularies.

    Args:
        settings: The `data` section.
        prepared: The same as a dictionary, for the schema.
        folder: The folder of the raw files.
        out: The folder to write.
        task: Name of the family.

    Returns:
        What was found, and warnings: kind, subject, text.

    Raises:
        DataError: Files that cannot be read or do not fit, or a split without a pair.
    """
    left_out: dict[str, int] = {}
    splits = _splits(settings, folder, left_out)
    _refuse_empty(splits, left_out, "data.leave_out, data.split and the fractions")
    cutters = _cutters(settings, splits)
    cut = {name: [_cut(pair, cutters, settings.lowercase) for pair in pairs] for name, pairs in splits.items()}
    of_file = [*cut["train"], *([] if settings.val or settings.vocabulary_of != "file" else cut["val"])]
    longest = [max(len(words[side]) for words in of_file) for side in (0, 1)]
    kept = [max(map(len, words)) <= settings.max_tokens for words in cut["train"]]
    left_out["longer than max_tokens"] = kept.count(False)
    splits["train"] = [pair for pair, is_kept in zip(splits["train"], kept, strict=True) if is_kept]
    cut["train"] = [words for words, is_kept in zip(cut["train"], kept, strict=True) if is_kept]
    _refuse_empty(splits, left_out, "data.max_tokens")
    counted = of_file if (settings.vocabulary_of == "file") else cut["train"]
    vocabularies = tuple(
        Vocabulary.of((words[side] for words in counted), _size(settings, side), settings.min_count) for side in (0, 1)
    )
    with new_folder(out) as scratch:
        for name in SPLITS:
            # As at prediction; only sentences of validation and test can be longer still.
            numbers = [
                padded([vocabularies[side].numbers(words[side][: settings.max_tokens]) for words in cut[name]])
                for side in (0, 1)
            ]
            texts = [[pair[side] for pair in splits[name]] for side in (0, 1)]
            Sentences(numbers[0], numbers[1], texts[0], texts[1]).save(scratch / name)
        for each, vocabulary, cutter in zip(SIDES, vocabularies, cutters, strict=True):
            vocabulary.save(scratch / f"{each}.vocabulary.txt")
            if cutter.learned is not None:
                write_bytes(scratch / f"{each}.pieces", cutter.learned)
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
    return CorpusSchema.load(out), _warnings(splits, cut, vocabularies, settings.languages)


def _splits(settings: TranslationData, folder: Path, left_out: dict[str, int]) -> dict[str, list[Pair]]:
    given: dict[str, list[Pair]] = {}
    for name, files in (("train", settings.train), ("val", settings.val), ("test", settings.test)):
        if files is None:
            continue
        # What is scored is scored as it is, doubled pairs included.
        corpus = read_pairs(folder, files, settings.languages, settings.columns, settings.missing, once=name == "train")
        given[name] = corpus.pairs
        for reason, count in (("empty", corpus.empty), ("doubled", corpus.doubled)):
            left_out[f"{reason} in {name}"] = count
    if settings.leave_out:
        unwanted = [
            {_letters(text) for text in read_sentences(folder / settings.leave_out[language])}
            if language in settings.leave_out
            else set()
            for language in settings.languages
        ]
        for name in [each for each in ("train", "val") if each in given]:
            clean = [p for p in given[name] if not any(_letters(p[side]) in unwanted[side] for side in (0, 1))]
            left_out[f"in leave_out, of {name}"] = len(given[name]) - len(clean)
            given[name] = clean
    wanted = {
        name: share
        for name, share in (("test", settings.test_fraction), ("val", settings.validation_fraction))
        if name not in given
    }
    return {**given, **_held_out(given["train"], wanted, settings)} if wanted and given["train"] else given


def _held_out(pairs: list[Pair], wanted: Mapping[str, float], settings: TranslationData) -> dict[str, list[Pair]]:
    found: dict[str, list[Pair]] = {}
    if settings.split == "last":
        left = pairs
        for name, share in wanted.items():
            # As Keras' validation_split does: what comes before is rounded down.
            border = int(len(pairs) * (1 - share)) - (len(pairs) - len(left))
            left, found[name] = left[:border], left[border:]
        return {"train": left, **found}
    groups = _groups(pairs)
    order = np.random.default_rng(settings.split_seed).permutation(max(groups) + 1)
    sizes = np.bincount(groups)[order]
    # Groups are drawn until a share of the pairs is reached; the largest stay for training.
    sizes_so_far, place = np.cumsum(np.where(sizes <= max(1, len(pairs) // 200), sizes, 0)), np.argsort(order)
    begin = 0.0
    side_of = np.full(len(order), "train", dtype="<U5")
    for name, share in wanted.items():
        chosen = (
            (sizes_so_far > begin) & (sizes_so_far <= begin + share * len(pairs)) & (sizes <= max(1, len(pairs) // 200))
        )
        side_of[chosen] = name
        begin += share * len(pairs)
    sides = side_of[place][groups]
    return {name: [p for p, side in zip(pairs, sides, strict=True) if side == name] for name in ("train", *wanted)}


def _groups(pairs: Sequence[Pair]) -> list[int]:
    """Number the pairs so that those which share a sentence on either side have one number."""
    parent = list(range(len(pairs)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    seen: dict[tuple[int, str], int] = {}
    for place, pair in enumerate(pairs):
        for side in (0, 1):
            other = seen.setdefault((side, _letters(pair[side])), place)
            parent[root(place)] = root(other)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(root(place), len(numbers)) for place in range(len(pairs))]


def _letters(text: str) -> str:
    """Return what is left of a sentence without spaces, punctuation and case: spellings of one and the same."""
    # Marks that belong to a letter are vowels in many scripts.
    found = "".join(c for c in text.casefold() if c.isalnum() or unicodedata.category(c)[0] == "M")
    return found or text


def _cutters(settings: TranslationData, splits: Mapping[str, list[Pair]]) -> tuple[Tokenizer, Tokenizer]:
    source, target = (
        learned(
            name,
            (pair[side].lower() if settings.lowercase else pair[side] for pair in splits["train"]),
            settings.vocabulary_size,
            settings.split_seed,
        )
        for side, name in enumerate(settings.tokenizers)
    )
    return source, target


def _size(settings: TranslationData, side: int) -> int:
    # Of pieces there are as many as were asked for already; the four of our own come on top.
    is_learned = settings.tokenizers[side] in ("unigram", "bpe")
    return 0 if is_learned or not settings.vocabulary_size else settings.vocabulary_size + len(SPECIAL)


def _cut(pair: Pair, cutters: tuple[Tokenizer, Tokenizer], lowercase: bool) -> Cut:
    source, target = (
        cutter.tokens(text.lower() if lowercase else text) for cutter, text in zip(cutters, pair, strict=True)
    )
    return source, target


def _refuse_empty(splits: Mapping[str, list[Pair]], left_out: Mapping[str, int], look_at: str) -> None:
    counts = {name: len(splits.get(name, [])) for name in SPLITS}
    if empty := [name for name, count in counts.items() if not count]:
        left = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        raise DataError(f"no {empty[0]} pair is left ({left}; left out: {_told(left_out)}); look at {look_at}")


def _told(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in left_out.items() if count) or "nothing"


def _warnings(
    splits: Mapping[str, list[Pair]],
    cut: Mapping[str, list[Cut]],
    vocabularies: Sequence[Vocabulary],
    languages: tuple[str, str],
) -> list[dict[str, str]]:
    found = []
    known = [{_letters(pair[side]) for pair in splits["train"]} for side in (0, 1)]
    for name in ("test", "val"):
        pairs = splits[name]
        for side, language in enumerate(languages):
            share = sum(_letters(pair[side]) in known[side] for pair in pairs) / len(pairs)
            if share > 0.01:
                text = f"{share:.1%} of the {name} sentences stand among the training sentences too"
                found.append({"kind": "doubles", "subject": f"{name}.{language}", "text": text})
    for side, language in enumerate(languages):
        words = [word for sentences in cut["test"] for word in sentences[side]]
        share = sum(vocabularies[side].number(word) == UNKNOWN for word in words) / max(1, len(words))
        if share > 0.05:
            text = f"{share:.1%} of the words of the test sentences are unknown; try data.tokenizer.{language}=unigram"
            found.append({"kind": "unknown", "subject": f"test.{language}", "text": text})
    lengths = [len(a) / max(1, len(b)) for a, b in cut["train"]]
    usual = float(np.median(lengths))
    odd = sum(not usual / 4 < ratio < usual * 4 for ratio in lengths) / len(lengths)
    if odd > 0.01:
        text = f"{odd:.1%} of the training pairs have a side that is four times as long as usual: are they aligned?"
        found.append({"kind": "lengths", "subject": "train", "text": text})
    return found
