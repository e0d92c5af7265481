"""Rows for CSV files that spreadsheets open."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.storage import FORMULAS, no_formula

FORMULA = f"^[{''.join(map(re.escape, FORMULAS))}]"


def without_formulas(rows: pa.Table) -> pa.Table:
    """Return rows whose texts no spreadsheet takes as formulas; see `no_formula`."""
    for place, field in enumerate(rows.schema):
        if field.type == pa.string() and pc.any(pc.match_substring_regex(rows.column(place), FORMULA)).as_py():
            texts = [no_formula(text) for text in rows.column(place).to_pylist()]
            rows = rows.set_column(place, field, pa.array(texts, pa.string()))
    return rows
