"""Read aligned sentences: two files with a sentence a line, or columns of one TSV."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.data.errors import DataError
from pipeline.data.utf8 import read_lines, read_text

Pair = tuple[str, str]


@dataclass(frozen=True)
class Corpus:
    """Pairs of sentences, and what was left out on the way to them.

    Attributes:
        pairs: Source and target, in the order of the file, without spaces at the ends.
        lines: Of the file.
        empty: Lines without a sentence on one side at least.
        doubled: Pairs that stood there before.
    """

    pairs: list[Pair]
    lines: int
    empty: int
    doubled: int


def read_pairs(
    folder: Path,
    files: Mapping[str, str],
    languages: tuple[str, str],
    columns: Mapping[str, int | str] | None,
    missing: Collection[str] = ("",),
    *,
    once: bool,
) -> Corpus:
    """Read a corpus; empty pairs are left out and counted.

    Args:
        folder: That holds the files.
        files: Language → file.
        languages: Source and target.
        columns: Of a TSV that holds both languages, language → number of its column, from 1, or its name in the first
            line; None for a sentence a line.
        missing: Texts that mean: no sentence.
        once: Leave out doubled pairs too, and count them.

    Raises:
        DataError: No such file, text that is no UTF-8, a column that is not there, sides of different length, or no
            pair at all.
    """
    names = [files[language] for language in languages]
    if columns is None or names[0] != names[1]:
        source, target = (read_sentences(folder / name) for name in names)
        if len(source) != len(target):
            raise DataError(
                f"{names[0]} has {len(source):,} lines and {names[1]} {len(target):,}: the n-th lines of both must be "
                "translations of each other; the first pairs that do not fit show where a line is missing"
            )
        rows = list(zip(source, target, strict=True))
    else:
        chosen = [columns[language] for language in languages]
        lines = [line.split("\t") for line in read_text(folder / names[0]).split("\n") if line]
        header = lines.pop(0) if lines and any(isinstance(column, str) for column in chosen) else []
        sides = [_column(folder / names[0], lines, header, column) for column in chosen]
        rows = list(zip(*sides, strict=True))
    filled = [pair for pair in rows if not {*pair} & {"", *missing}]
    pairs = list(dict.fromkeys(filled)) if once else filled
    if not pairs:
        raise DataError(f"{' and '.join(dict.fromkeys(names))}: no pair of sentences ({len(rows):,} lines)")
    return Corpus(pairs, len(rows), len(rows) - len(filled), len(filled) - len(pairs))


def read_sentences(path: Path) -> list[str]:
    """Read the lines of a UTF-8 file, without spaces at the ends.

    Raises:
        DataError: No such file, or a line that is no UTF-8.
    """
    return [line.strip() for line in read_lines(path)]


def _column(path: Path, rows: list[list[str]], header: list[str], column: int | str) -> list[str]:
    if isinstance(column, str) and column not in header:
        raise DataError(f"{path}: no column {column!r} in the first line ({', '.join(header) or 'empty'})")
    place = header.index(column) if isinstance(column, str) else column - 1
    widest = max(map(len, rows), default=0)
    if place >= widest:
        raise DataError(f"{path}: no column {column}; the widest line has {widest}")
    return [row[place].strip() if len(row) > place else "" for row in rows]
