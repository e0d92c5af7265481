"""Reads a bundle, and does the network's job on raw input: rows, points, sentences, prompts.

A bundle is a folder with `bundle.json` (networks, vocabularies, scales) and `weights.npz`. This folder of code beside
it, NumPy, and Python's standard library are all that it takes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from .runtime import Network
from .sampling import Sampling, write
from .search import END, PADDING, START, UNKNOWN, Translation, beam_search, greedy
from .tokenizing import tokenizer_for

FORMAT = 1
ABOUT, WEIGHTS = "bundle.json", "weights.npz"
Facts = dict[str, Any]


class BundleError(ValueError):
    """A bundle that is damaged or of another version, or input that it cannot take."""


def load(folder: str | Path) -> Bundle:
    """Read a bundle.

    Args:
        folder: With `bundle.json` and `weights.npz`.

    Raises:
        BundleError: It is not there, damaged, or of another version.
    """
    about, held = Path(folder) / ABOUT, Path(folder) / WEIGHTS
    try:
        content, raw = json.loads(about.read_text(encoding="utf-8")), held.read_bytes()
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder}: no bundle, or a damaged one ({error})") from error
    version = content.get("format") if isinstance(content, dict) else None
    if version != FORMAT:
        raise BundleError(
            f"{about}: of format {version}, and this runtime reads format {FORMAT}; take the runtime that came with it"
        )
    received = hashlib.sha256(raw).hexdigest()
    if received != content["sha256"]:
        raise BundleError(f"{held}: damaged: sha256 is {received}, expected {content['sha256']}; copy it anew")
    if checksum(content) != content["checksum"]:
        raise BundleError(f"{about}: damaged: its content is not what its checksum says; copy it anew")
    with np.load(held, allow_pickle=False) as archive:
        weights = dict(archive)
    networks = {name: Network(graph, weights) for name, graph in content["networks"].items()}
    found: Bundle = KINDS[content["task"]](networks, content["facts"], Path(folder))
    return found


def checksum(content: Mapping[str, Any]) -> str:
    """Return the sha256 of a bundle's description, its own checksum left out."""
    rest = {name: each for name, each in content.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _moment(texts: Sequence[Any]) -> datetime:
    """Return the date in one text (2013-12-31, 2013-12-31T23 …) or in three: year, month, day."""
    try:
        if len(texts) == 3:
            year, month, day_of_month = (int(text) for text in texts)
            return datetime(year, month, day_of_month)
        day, hour = texts[0][:10], texts[0][11:13]
        return datetime.strptime(f"{day} {hour or '00'}", "%Y-%m-%d %H")
    except ValueError as error:
        raise BundleError(f"expected a date like 2013-12-31, received {' '.join(texts)!r}") from error


PARTS: dict[str, Callable[[datetime], int]] = {
    "year": lambda moment: moment.year,
    "month": lambda moment: moment.month,
    "day": lambda moment: moment.day,
    "weekday": lambda moment: moment.weekday(),
    "day_of_year": lambda moment: moment.timetuple().tm_yday,
    "week": lambda moment: moment.isocalendar()[1],
    "hour": lambda moment: moment.hour,
    "days": lambda moment: (moment - datetime(1970, 1, 1)).days,
}
"""As `pipeline/data/calendar.py` has them."""


class Points:
    """Tells on which side of a threshold points are."""

    def __init__(self, networks: Mapping[str, Network], facts: Facts, _folder: Path) -> None:
        self._network, self.names = networks["network"], facts["names"]

    def __call__(self, points: Any) -> Any:
        """Return the output for points `(points, dimensions)`, `(points,)`: above 0 means +1.

        Raises:
            BundleError: Another number of coordinates.
        """
        given = np.asarray(points, np.float32)
        if given.ndim != 2 or given.shape[1] != len(self.names):
            raise BundleError(f"expected points of {len(self.names)} coordinates, received an array {given.shape}")
        return self._network(point=given)[:, 0]


class Rows:
    """Predicts from rows of a table, as Python has them: text, numbers, None where there is no value."""

    def __init__(self, networks: Mapping[str, Network], facts: Facts, _folder: Path) -> None:
        self._network, self._facts = networks["network"], facts
        self.columns: list[str] = facts["columns"]
        """What a row is asked for."""
        self._missing = set(facts["missing"])
        self._codes = [
            (column["name"], {category: code for code, category in enumerate(column["categories"], start=1)})
            for column in facts["categorical"]
        ]

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        """Return the network's output for each row, `(rows, units)`: a probability, one a class, or an amount.

        A category that training did not see is unknown, as a missing one.

        Raises:
            BundleError: A row lacks a column, or holds text where a number is wanted.
        """
        for place, row in enumerate(rows):
            if lacking := [name for name in self.columns if name not in row]:
                raise BundleError(f"row {place}: no {', '.join(lacking)}; a value that is not known is None")
        rows = [{**row, **self._derived(row)} for row in rows]
        inputs: dict[str, Any] = {}
        if self._codes:
            codes = [[numbers.get(self._text(row[name]), 0) for name, numbers in self._codes] for row in rows]
            inputs["categorical"] = np.array(codes, np.int32).reshape(len(rows), len(self._codes))
        if numeric := self._facts["numeric"]:
            values = np.array(
                [[self._number(row[column["name"]], column["name"]) for column in numeric] for row in rows]
            ).reshape(len(rows), len(numeric))
            means, stds = (np.array([column[key] for column in numeric]) for key in ("mean", "std"))
            inputs["numeric"] = ((values - means) / stds).astype(np.float32)
        # A network takes no input that has no columns.
        return self._network(**{name: array for name, array in inputs.items() if name in self._network.inputs})

    def _derived(self, row: Mapping[str, Any]) -> Facts:
        """Return what hangs on the row's dates."""
        found: Facts = {}
        for calendar in self._facts["calendars"]:
            texts = [self._text(row[name]) for name in calendar["columns"]]
            for part in calendar["parts"]:
                known = None not in texts
                found[f"{calendar['name']}_{part}"] = PARTS[part](_moment(texts)) if known else None
        return found

    def _text(self, value: Any) -> str | None:
        if value is None or (isinstance(value, float) and value != value):
            return None
        text = str(value)
        return None if text in self._missing else text

    def _number(self, value: Any, name: str) -> float:
        text = self._text(value)
        try:
            found = float("nan") if text is None else float(text)
        except ValueError as error:
            raise BundleError(f"{name}: expected a number, received {value!r}") from error
        return found if np.isfinite(found) else float("nan")


class Texts:
    """Goes on from prompts."""

    def __init__(self, networks: Mapping[str, Network], facts: Facts, _folder: Path) -> None:
        self._network = networks["network"]
        self._characters, self._lowercase, self._window = facts["characters"], facts["lowercase"], facts["window"]
        self._state, unknown = facts["state"], facts["unknown"]
        self._never = None if unknown is None else self._characters.index(unknown)
        self._numbers = {character: number for number, character in enumerate(self._characters)}

    def __call__(self, prompt: str, length: int = 500, **sampling: Any) -> Iterator[str]:
        """Give the characters that follow a prompt.

        Args:
            prompt: To go on from.
            length: Characters to write.
            sampling: `temperature`, `top_k`, `top_p`, `seed`.

        Raises:
            BundleError: The prompt is too short, or has characters that the network does not know.
        """
        text = prompt.lower() if self._lowercase else prompt
        numbers = [self._numbers.get(character, self._never) for character in text]
        if None in numbers:
            unknown = "".join(dict.fromkeys(c for c in text if c not in self._numbers))
            raise BundleError(f"characters that the network does not know: {unknown[:10]!r}")
        least = self._window or 1
        if len(numbers) < least:
            raise BundleError(f"the prompt has {len(numbers)} characters, and the network reads {least} first")
        found = write(self, numbers, length, Sampling(**{"temperature": 0.7, **sampling}), self._never)
        return (self._characters[number] for number in found)

    def start(self, numbers: Any) -> tuple[Any, Any]:
        """Read a prompt: `Writer.start`."""
        if self._window:
            return self._read_window(np.asarray(numbers)[-self._window :])
        return self._read_on(np.asarray(numbers), {n: np.zeros((1, u), np.float32) for n, u in self._state.items()})

    def step(self, state: Any, number: int) -> tuple[Any, Any]:
        """Read one character more: `Writer.step`."""
        if self._window:
            return self._read_window(np.append(state[1:], number))
        return self._read_on(np.array([number]), state)

    def _read_window(self, window: Any) -> tuple[Any, Any]:
        return self._network(text=window[None])["logits"][0], window

    def _read_on(self, numbers: Any, state: Any) -> tuple[Any, Any]:
        found = self._network(text=numbers[None], **state)
        return found["logits"][0, -1], {name: found[name] for name in state}


class Sentences:
    """Translates."""

    def __init__(self, networks: Mapping[str, Network], facts: Facts, folder: Path) -> None:
        self._encoder, self._decoder = networks["encoder"], networks["decoder"]
        self._source, self._target = facts["vocabularies"]
        self._numbers = {word: number for number, word in enumerate(self._source)}
        self._lowercase, self._max_tokens = facts["lowercase"], facts["max_tokens"]
        self._length, self._penalty = facts["source_length"], facts["length_penalty"]
        source, target = facts["tokenizers"]
        self._cutter = tokenizer_for(source, folder / "source.pieces")
        self._joiner = tokenizer_for(target, folder / "target.pieces")
        # What hangs on the source alone is not among what the decoder puts out.
        self._changing = set(facts["changing"])

    def __call__(self, sentences: Sequence[str], beam: int = 5, best: int = 1) -> list[list[tuple[str, float]]]:
        """Translate sentences.

        Args:
            sentences: As text.
            beam: Translations followed at a time; 1 for greedy.
            best: Wanted a sentence, at most `beam`.

        Returns:
            Of each sentence its translations with their scores, the best first; none of an empty one.
        """
        words = [self._cut(sentence) for sentence in sentences]
        filled = [place for place, each in enumerate(words) if each]
        found: list[list[tuple[str, float]]] = [[] for _ in sentences]
        if not filled:
            return found
        numbers = [[START, *(self._number(word) for word in words[place]), END] for place in filled]
        source = np.full((len(numbers), self._length or max(map(len, numbers))), PADDING, np.int32)
        for place, each in enumerate(numbers):
            source[place, : len(each)] = each
        longest = np.array([2 * (len(each) - 2) + 10 for each in numbers])
        for place, translations in enumerate(self._search(source, longest, beam, best)):
            found[filled[place]] = [(self._text(each.words), each.score) for each in translations]
        return found

    def start(self, source: Any) -> Any:
        """Read sentences: `Decoder.start`."""
        return self._encoder(source=source)

    def step(self, state: Any, words: Any, count: int) -> tuple[Any, Any, Any, Any]:
        """Write a word in each row: `Decoder.step`."""
        found = self._decoder(token=np.asarray(words)[:, None], **state)
        logits = found["logits"][:, -1]
        logits = logits - logits.max(axis=1, keepdims=True)
        scores = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        scores[:, [PADDING, START]] = -np.inf
        # In the order of their places: of equals the first wins.
        few = np.sort(np.argpartition(-scores, min(count, scores.shape[1]) - 1, axis=1)[:, :count], axis=1)
        order = np.argsort(-np.take_along_axis(scores, few, axis=1), axis=1, kind="stable")
        numbers = np.take_along_axis(few, order, axis=1)
        after = {name: found[name] for name in self._changing}
        looked = found["attention"][:, -1] if "attention" in found else None
        return np.take_along_axis(scores, numbers, axis=1), numbers, {**state, **after}, looked

    def take(self, state: Any, rows: Any, same_sentences: bool) -> Any:
        """Return the state of some rows: `Decoder.take`."""
        return {
            name: array if same_sentences and name not in self._changing else array[rows]
            for name, array in state.items()
        }

    def _search(self, source: Any, longest: Any, beam: int, best: int) -> list[list[Translation]]:
        if beam == 1:
            return [[each] for each in greedy(self, source, longest=longest, shortest=1)]
        options = {"shortest": 1, "best": min(best, beam), "length_penalty": self._penalty}
        return beam_search(self, source, beam=beam, longest=longest, **options)

    def _cut(self, sentence: str) -> list[str]:
        limit = self._length - 2 if self._length else self._max_tokens
        return self._cutter.tokens(sentence.lower() if self._lowercase else sentence)[:limit]

    def _number(self, word: str) -> int:
        # A word that is spelled as one of the first four is unknown.
        found: int = self._numbers.get(word, UNKNOWN)
        return found if found > END else UNKNOWN

    def _text(self, words: Sequence[int]) -> str:
        return self._joiner.text([self._target[number] for number in words])


Bundle = Rows | Points | Sentences | Texts
KINDS: dict[str, Any] = {"table": Rows, "threshold": Points, "translation": Sentences, "text": Texts}
