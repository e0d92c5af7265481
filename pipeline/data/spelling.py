"""One spelling for each value, whether it comes from a CSV file, a Parquet file or Python.

A number that is whole is written without a fraction, a truth value as `true` or `false`, and a date without a time of
midnight; text is in Unicode's composed form (NFC), without blanks at its ends. Upper and lower case are kept apart.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.cells import LARGEST_WHOLE, MIDNIGHT, as_json, float_text, plain_number, readable
from pipeline.data.file_format import FileFormat, numbers_of

TEXT = pa.dictionary(pa.int32(), pa.string())
"""Text is read as codes into the distinct values of its batch, so that work on text is done once per value."""
INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d.*"
TRUTH = r"(?i)^(true|false)$"


def spelled(texts: pa.Array, form: FileFormat) -> pa.Array:
    """Return texts in the one spelling of their values, null where they mean: no value."""
    absent = pa.array([*_spelled(pa.array(form.missing, pa.string()), form).to_pylist(), ""], pa.string())
    found = _spelled(texts, form)
    return pc.if_else(pc.is_in(found, value_set=absent), None, found)


def _spelled(texts: pa.Array, form: FileFormat) -> pa.Array:
    found = pc.utf8_trim_whitespace(texts)
    if not pc.all(pc.string_is_ascii(found)).as_py():  # Arrow's utf8_normalize decomposes where NFC is asked for
        composed = [text if text is None else unicodedata.normalize("NFC", text) for text in found.to_pylist()]
        found = pa.array(composed, pa.string())
    mark = re.escape(form.decimal)
    whole = rf"([+-]?\d+){mark}0+"
    if not pc.any(pc.match_substring_regex(found, rf"(?i)^({whole}|-0|true|false|{MIDNIGHT}|{INSTANT})$")).as_py():
        return found
    found = pc.replace_substring_regex(found, rf"^{whole}$", r"\1")
    found = pc.replace_substring_regex(found, "^-0$", "0")
    found = pc.replace_substring_regex(found, r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)", r"\1 \2")
    found = pc.replace_substring_regex(found, f"^{MIDNIGHT}$", r"\1")
    return pc.if_else(pc.match_substring_regex(found, TRUTH), pc.utf8_lower(found), found)


def as_texts(values: pa.Array, form: FileFormat) -> pa.DictionaryArray:
    """Return values of any type as codes into their distinct texts; see `spelled`.

    Lists and structures count as one value; bytes that are not UTF-8 as hexadecimal digits.
    """
    is_text = pa.types.is_dictionary(values.type) and values.type.value_type == pa.string()
    encoded = values if is_text else _written(values, form).dictionary_encode()
    texts = spelled(encoded.dictionary, form)
    if texts.equals(encoded.dictionary):
        return encoded.cast(TEXT)
    known = texts.dictionary_encode()
    return pa.DictionaryArray.from_arrays(known.indices.take(encoded.indices), known.dictionary).cast(TEXT)


def _written(values: pa.Array, form: FileFormat) -> pa.Array:
    """Return values as text, null where missing."""
    kind, types = values.type, pa.types
    if types.is_dictionary(kind):
        return _written(values.dictionary_decode(), form)
    if types.is_nested(kind):  # as a CSV file has it: lists and structures are JSON
        return pa.array([None if value is None else as_json(value) for value in values.to_pylist()], pa.string())
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return pa.array([value if value is None else readable(value) for value in values.to_pylist()], pa.string())
    if types.is_duration(kind):
        values, kind = _seconds(values), pa.float64()
    if types.is_timestamp(kind) or types.is_time(kind):
        # As a CSV file has it: the time of the clock on the wall, without the zone.
        values = pc.local_timestamp(values) if types.is_timestamp(kind) and kind.tz else values
        return pc.replace_substring_regex(values.cast(pa.string()), r"\.0+$", "")
    if types.is_floating(kind):
        return _floating(values, form)
    texts = values.cast(pa.string())
    return pc.replace_substring(texts, ".", form.decimal) if types.is_decimal(kind) else texts


def _floating(values: pa.Array, form: FileFormat) -> pa.Array:
    numbers = values.cast(pa.float64())
    is_whole = pc.and_(pc.equal(numbers, pc.floor(numbers)), pc.less(pc.abs(numbers), LARGEST_WHOLE))
    whole = pc.if_else(is_whole, numbers, None).cast(pa.int64()).cast(pa.string())
    # Half-precision numbers have no text of their own; those of single precision have shorter ones than as doubles.
    single = values.cast(pa.float32()) if pa.types.is_float16(values.type) else values
    texts = single.cast(pa.string())
    if form.decimal != ".":
        texts = pc.replace_substring(texts, ".", form.decimal)
    # Arrow writes numbers from 1e-6 on without an exponent, Python from 1e-4 on.
    is_tiny = pc.and_(pc.less(pc.abs(numbers), 1e-4), pc.invert(is_whole))
    if pc.any(is_tiny).as_py():
        tiny = [float_text(value, form.decimal) for value in single.filter(is_tiny).to_numpy(zero_copy_only=False)]
        texts = pc.replace_with_mask(texts, pc.fill_null(is_tiny, False), pa.array(tiny, pa.string()))
    return pc.if_else(pc.is_nan(numbers), None, pc.if_else(is_whole, whole, texts))


def conformed(rows: pa.Table, columns: Sequence[str], form: FileFormat) -> pa.Table:
    """Return columns of rows with values of any type as a file is read: as texts in their one spelling."""
    names = dict.fromkeys(columns)
    return pa.table(
        {name: pa.chunked_array([as_texts(chunk, form) for chunk in rows[name].chunks], TEXT) for name in names}
    )


def as_numbers(values: pa.Array, form: FileFormat) -> tuple[pa.Array, pa.Array]:
    """Read values of any type as numbers: durations and times of day as seconds, texts as in `numbers_of`.

    A number that is listed as missing is missing, however it is written.

    Returns:
        float64, null where a value is missing or cannot be read; and a mask of the values that cannot be read.

    Raises:
        ArrowInvalid: They are dates, lists, structures or maps.
    """
    kind, types = values.type, pa.types
    if types.is_dictionary(kind):
        numbers, unreadable = as_numbers(values.dictionary, form)
        taken = pc.fill_null(unreadable.take(values.indices), False)
        return numbers.take(values.indices), taken
    if types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind) or types.is_large_binary(kind):
        words = _spelled(pa.array(form.missing_numbers, pa.string()), form).to_pylist()
        spelt = replace(form, missing_numbers=[*form.missing_numbers, *words])
        numbers, unreadable = numbers_of(_spelled(values.cast(pa.string()), form), spelt)
    elif types.is_temporal(kind) and not (types.is_duration(kind) or types.is_time(kind)):
        raise pa.ArrowInvalid(f"holds dates ({kind}), not numbers; list it in data.calendar or data.drop")
    elif types.is_nested(kind):
        raise pa.ArrowInvalid(f"holds values of the type {kind}, which are several values each; list it in data.drop")
    else:
        numbers = (_seconds(values) if types.is_temporal(kind) else values).cast(pa.float64(), safe=False)
        unreadable = pa.repeat(pa.scalar(False), len(numbers))
    absent = absent_numbers(form)
    if len(absent):
        numbers = pc.if_else(pc.is_in(numbers, value_set=pa.array(absent)), None, numbers)
    return numbers, unreadable


def absent_numbers(form: FileFormat) -> npt.NDArray[np.float64]:
    """Return the numbers that mean: no value. A text like 17% stands for itself only, not for 17."""
    numbers = [plain_number(text, form.decimal) for text in (*form.missing, *form.missing_numbers)]
    return np.unique([number for number in numbers if number is not None])


def _seconds(values: pa.Array) -> pa.Array:
    units = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
    whole = pa.int32() if pa.types.is_time32(values.type) else pa.int64()
    return pc.divide(values.cast(whole).cast(pa.float64(), safe=False), units[values.type.unit])
