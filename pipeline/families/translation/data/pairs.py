"""Reading of aligned sentences: two files with one sentence per line, or columns of one TSV file."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.data.errors import DataError
from pipeline.data.utf8 import read_lines, read_text
from pipeline.families.translation.data.tokenizing import is_written

Pair = tuple[str, str]


@dataclass(frozen=True)
class Corpus:
    """Sentence pairs, and counts of the lines that were left out.

    Attributes:
        pairs: Source and target sentences in file order, without surrounding whitespace.
        lines: Number of lines in the file.
        empty: Number of lines that lack a sentence on at least one side.
        doubled: Number of duplicate pairs.
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
        folder: The folder that holds the files.
        files: File name of each language.
        languages: Source and target languages.
        columns: Column of each language in a TSV file that holds both, as a number from 1 or as a name in the first
            line; None for files with one sentence per line.
        missing: Texts that stand for a missing sentence.
        once: Whether to leave out duplicate pairs as well, and count them.

    Raises:
        DataError: If a file or a column is missing, a file is not UTF-8, the files differ in length, or no pair is
            left.
    """
    names = [files[language] for language in languages]
    if columns is None or names[0] != names[1]:
        source, target = (read_sentences(folder / name) for name in names)
        if len(source) != len(target):
            raise DataError(
                f"{names[0]} has {len(source):,} lines and {names[1]} {len(target):,}: the n-th lines of both must be "
                "translations of each other; look for the first pair that does not match: a line is missing there"
            )
        rows = list(zip(source, target, strict=True))
    else:
        selected = [columns[language] for language in languages]
        lines = [line.split("\t") for line in read_text(folder / names[0]).split("\n") if line]
        header = lines.pop(0) if lines and any(isinstance(column, str) for column in selected) else []
        sides = [_column(folder / names[0], lines, header, column) for column in selected]
        rows = list(zip(*sides, strict=True))
    filled = [pair for pair in rows if all(map(is_written, pair)) and not {*pair} & {*missing}]
    pairs = list(dict.fromkeys(filled)) if once else filled
    if not pairs:
        raise DataError(f"{' and '.join(dict.fromkeys(names))}: no pair of sentences ({len(rows):,} lines)")
    return Corpus(pairs, len(rows), len(rows) - len(filled), len(filled) - len(pairs))


def read_sentences(path: Path) -> list[str]:
    """Return the lines of a UTF-8 file, without surrounding whitespace.

    Raises:
        DataError: If the file does not exist or a line is not UTF-8.
    """
    return [line.strip() for line in read_lines(path)]


def _column(path: Path, rows: list[list[str]], header: list[str], column: int | str) -> list[str]:
    if isinstance(column, str) and column not in header:
        raise DataError(f"{path}: no column {column!r} in the first line ({', '.join(header) or 'empty'})")
    index = header.index(column) if isinstance(column, str) else column - 1
    widest = max(map(len, rows), default=0)
    if index >= widest:
        raise DataError(f"{path}: no column {column}; the widest line has {widest}")
    return [row[index].strip() if len(row) > index else "" for row in rows]
