"""The crosses that a configuration asks for, and checks of them."""

import json
import math
from collections.abc import Sequence

import psutil

from pipeline.config import no_such
from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.crosses import LARGEST, crossed, most_codes
from pipeline.families.table.data.crossing import Cross
from pipeline.families.table.data.schema import Schema
from pipeline.families.table.settings import EmbeddingMlp
from pipeline.storage import AUDIT, PROCESSED


def crossed_columns(model: EmbeddingMlp, schema: Schema) -> list[tuple[int, ...]]:
    """Return the indices of the categorical columns of each cross."""
    names = _names(schema)
    return crossed(model.crosses, [[names.index(name) for name in cross] for cross in model.cross_columns], len(names))


def faults_of_crosses(model: EmbeddingMlp, ensemble_size: int, folds: int, schema: Schema) -> list[str]:
    """Return a message for each setting that contradicts the prepared data or does not fit into memory.

    Args:
        model: The `model` section.
        ensemble_size: Number of networks trained side by side.
        folds: Number of folds, whose networks are trained one after the other.
        schema: The schema of the data.
    """
    from pipeline.models import dims_of

    names, sizes = _names(schema), schema.cardinalities
    faults = [
        f"model.cross_columns: {cross}: no categorical column {no_such(unknown, names)}"
        for cross in model.cross_columns
        if (unknown := [name for name in cross if name not in names])
    ]
    if faults:
        return faults
    chosen = crossed_columns(model, schema)
    for cross in chosen:
        if math.prod(sizes[column] for column in cross) >= LARGEST:
            crossed_names = ", ".join(names[column] for column in cross)
            faults.append(
                f"model.cross_columns: {crossed_names}: more combinations than can be numbered; remove a column"
            )
    if faults or not (chosen or model.target_statistics):
        return faults
    rows = sum(len(Arrays.load(PROCESSED / split)) for split in (("train", "val") if folds > 1 else ("train",)))
    codes = [*sizes, *(most_codes(rows, sizes, cross, model.cross_min_count) for cross in chosen)]
    widths = dims_of(model.embedding_dim, codes)
    # The weights, Adam's two moments, and the weights of the earlier folds; then the codes and statistics of each row,
    # twice because the backend copies them.
    statistics = 1 + max(1, len(schema.classes)) if model.target_statistics else 0
    required = (
        (12 + 4 * (folds - 1)) * ensemble_size * sum(size * width for size, width in zip(codes, widths, strict=True))
    )
    required += 2 * rows * len(codes) * (4 + 4 * statistics)
    free = psutil.virtual_memory().available
    if required > free:
        faults.append(
            f"model.crosses, model.target_statistics: {len(names)} columns and {len(chosen):,} crosses with up to "
            f"{sum(codes):,} codes take up to {required / 2**30:.1f} GB, but {free / 2**30:.1f} GB are free; use pairs "
            "instead of triples, list a few in model.cross_columns, raise model.cross_min_count or lower "
            "model.embedding_dim"
        )
    return faults


def summarize_crosses(crosses: Sequence[Cross], chosen: Sequence[tuple[int, ...]], schema: Schema) -> str:
    """Return a line with the number of crosses, and the chosen ones that were left out."""
    names, kept = _names(schema), {cross.columns for cross in crosses}
    dropped = [" × ".join(names[column] for column in columns) for columns in chosen if columns not in kept]
    shown = f"; left out, as they add no information: {', '.join(dropped[:5])}" if dropped else ""
    more = f" and {len(dropped) - 5:,} more" if len(dropped) > 5 else ""
    return f"{len(crosses):,} crosses with {sum(len(cross.known) for cross in crosses):,} combinations{shown}{more}"


def leaking_columns(schema: Schema) -> list[str]:
    """Return the audit's warnings about columns whose target statistics would leak the target."""
    if not AUDIT.is_file():
        return []
    warnings = json.loads(AUDIT.read_text(encoding="utf-8"))["warnings"]
    return [
        f"model.target_statistics: {warning['subject']}: {warning['text']}"
        for warning in warnings
        if warning["kind"] in ("leak", "group") and warning["subject"] in _names(schema)
    ]


def _names(schema: Schema) -> list[str]:
    return [column.name for column in schema.categorical]
