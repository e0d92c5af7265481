"""Read UTF-8 text files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.data.errors import DataError
from pipeline.data.opening import unpacked

AT_ONCE = 64 * 1024
"""Bytes that are read from a stream at a time, at most."""


def decoded(content: bytes, name: str, first: int = 1) -> str:
    """Decode UTF-8, remove a byte order mark, and end lines with a line feed.

    Args:
        content: The bytes to decode.
        name: Name of their source, for errors.
        first: Number of the first line.

    Raises:
        DataError: A line is not valid UTF-8; the error names the line.
    """
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
        return text if "\n" in text else text.replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + first
        raise DataError(
            f"{name}, line {line:,}: not valid UTF-8 ({error.reason}, byte 0x{content[error.start]:02x}); convert the "
            "file, for example with `iconv -f ENCODING -t UTF-8`"
        ) from error


def waiting_lines(stream: Any, most: int) -> Iterator[list[bytes]]:
    """Yield the lines of a buffered stream as they arrive, those that wait already together.

    Args:
        stream: The stream of bytes.
        most: Maximum number of lines to yield together.
    """
    rest = b""
    while content := stream.read1(AT_ONCE):
        *lines, rest = (rest + content).split(b"\n")
        yield from (lines[start : start + most] for start in range(0, len(lines), most))
    if rest:
        yield [rest]


def read_lines(path: Path) -> list[str]:
    """Read the lines of a UTF-8 file unchanged.

    Raises:
        DataError: The file does not exist, or a line is not valid UTF-8.
    """
    # Only line feeds end a line: str.splitlines would also split at other characters that occur within lines.
    lines = read_text(path).split("\n")
    return lines if lines[-1] else lines[:-1]


def read_text(path: Path) -> str:
    """Read a UTF-8 file: plain, compressed with gzip, or the only one in a ZIP archive.

    Raises:
        DataError: The file does not exist or is corrupt, or a line is not valid UTF-8.
    """
    if not path.is_file():
        raise DataError(f"{path}: {'a folder; expected a file' if path.is_dir() else 'No such file or directory'}")
    try:
        with unpacked(path) as stream:
            return decoded(stream.read(), str(path))
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
