"""Text files."""

from pathlib import Path

from pipeline.data.errors import DataError


def decoded(content: bytes, name: str, first: int = 1) -> str:
    """Decode UTF-8; a mark at the beginning and carriage returns go.

    Args:
        content: To decode.
        name: Of where it comes from.
        first: Number of its first line.

    Raises:
        DataError: Naming the line that is none.
    """
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + first
        raise DataError(
            f"{name}, line {line:,}: no UTF-8 ({error.reason}, byte 0x{content[error.start]:02x}); convert the file, "
            "for example with `iconv -f ENCODING -t UTF-8`"
        ) from error


def read_lines(path: Path) -> list[str]:
    """Read the lines of a UTF-8 file as they are.

    Raises:
        DataError: No such file, or a line that is no UTF-8.
    """
    # Only line feeds end a line: str.splitlines would cut at characters that stand within lines, too.
    lines = read_text(path).split("\n")
    return lines if lines[-1] else lines[:-1]


def read_text(path: Path) -> str:
    """Read a UTF-8 file.

    Raises:
        DataError: No such file, or a line that is no UTF-8.
    """
    try:
        return decoded(path.read_bytes(), str(path))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
