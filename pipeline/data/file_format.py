"""How a file of rows is written, and how its texts are read as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

UNITS = "$€£¥₹%"
"""Signs before or after a number that are ignored."""
SPACES = " \u00a0\u202f"
"""Blank, no-break space and narrow no-break space, which may group the digits of a number."""
PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^(?i)[+-]?(nan|inf|infinity)$"
"""Texts that need no more than a conversion."""


@dataclass(frozen=True)
class FileFormat:
    """How a CSV file is written. Parquet files have types and an encoding of their own.

    Attributes:
        separator: The character between two values.
        decimal: The decimal mark: a point or a comma.
        encoding: Name of the encoding, as Python knows it.
        header: Whether the first line names the columns. Otherwise they are called column_1, column_2, …
        skip_lines: Number of lines before the header, or before the first row if there is no header.
        missing: Texts that mean: no value.
        missing_numbers: Further such texts in columns of numbers.
    """

    separator: str = ","
    decimal: str = "."
    encoding: str = "utf-8"
    header: bool = True
    skip_lines: int = 0
    missing: Sequence[str] = ("",)
    missing_numbers: Sequence[str] = ()


def numbers_of(texts: pa.Array, form: FileFormat) -> tuple[pa.Array, pa.Array]:
    """Read texts as numbers.

    Blanks around a number, one sign of `UNITS` before or after it, and marks that group its digits by three are
    ignored: `1,234.5`, `€ 3`, `45%` (45) and, if the decimal mark is a comma, `1.234,5` are numbers.

    Returns:
        float64, null where a value is missing or cannot be read; and a mask of the texts that cannot be read.
    """
    trimmed = pc.utf8_trim_whitespace(texts)
    absent = pc.is_in(trimmed, value_set=pa.array([*form.missing, *form.missing_numbers], pa.string()))
    present = pc.if_else(pc.or_(absent, pc.is_null(trimmed)), None, trimmed)
    plain = present
    if form.decimal == ",":  # a point then groups digits
        plain = pc.if_else(pc.match_substring(present, "."), "", pc.replace_substring(present, ",", "."))
    is_plain = pc.match_substring_regex(plain, PLAIN)
    if not pc.all(is_plain).as_py():
        plain = pc.if_else(is_plain, plain, _without_marks(present, form.decimal))
        is_plain = pc.match_substring_regex(plain, PLAIN)
    values = pc.cast(pc.if_else(is_plain, plain, None), pa.float64())
    return values, pc.fill_null(pc.invert(is_plain), False)


def _without_marks(texts: pa.Array, decimal: str) -> pa.Array:
    """Remove units and grouping marks from numbers; other texts become empty."""
    mark, grouping = (r"\.", ",") if decimal == "." else (",", r"\.")
    unit, blanks = f"[{UNITS}]?", f"[{SPACES}]*"
    grouped = rf"\d{{1,3}}(?:[{SPACES}'’]\d{{3}})+|\d{{1,3}}(?:{grouping}\d{{3}})+"
    number = rf"(?P<sign>[+-]?){blanks}{unit}{blanks}(?P<whole>\d+|{grouped}|)(?P<fraction>(?:{mark}\d*)?)"
    parts = pc.extract_regex(texts, f"^{unit}{blanks}{number}{blanks}{unit}$")
    whole = pc.replace_substring_regex(parts.field("whole"), r"\D", "")
    fraction = pc.replace_substring(parts.field("fraction"), ",", ".")
    joined = pc.binary_join_element_wise(parts.field("sign"), whole, fraction, "")
    return pc.if_else(pc.is_null(texts), None, pc.fill_null(joined, ""))
