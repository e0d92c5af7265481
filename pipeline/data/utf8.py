"""Read UTF-8 text files."""

from pathlib import Path

from pipeline.data.errors import DataError


def decoded(content: bytes, name: str, first: int = 1) -> str:
    """Decode UTF-8, and remove a byte order mark and carriage returns.

    Args:
        content: The bytes to decode.
        name: Name of their source, for errors.
        first: Number of the first line.

    Raises:
        DataError: A line is not valid UTF-8; the error names the line.
    """
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + first
        raise DataError(
            f"{name}, line {line:,}: not valid UTF-8 ({error.reason}, byte 0x{content[error.start]:02x}); convert the "
            "file, for example with `iconv -f ENCODING -t UTF-8`"
        ) from error


def read_lines(path: Path) -> list[str]:
    """Read the lines of a UTF-8 file unchanged.

    Raises:
        DataError: The file does not exist, or a line is not valid UTF-8.
    """
    # Only line feeds end a line: str.splitlines would also split at other characters that occur within lines.
    lines = read_text(path).split("\n")
    return lines if lines[-1] else lines[:-1]


def read_text(path: Path) -> str:
    """Read a UTF-8 file.

    Raises:
        DataError: The file does not exist, or a line is not valid UTF-8.
    """
    try:
        return decoded(path.read_bytes(), str(path))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
