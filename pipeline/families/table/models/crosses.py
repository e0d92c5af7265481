"""Which columns a configuration takes together, and what is wrong with that."""

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
    """Return the places of the categorical columns that are taken together."""
    names = _names(schema)
    return crossed(model.crosses, [[names.index(name) for name in each] for each in model.cross_columns], len(names))


def faults_of_crosses(model: EmbeddingMlp, ensemble_size: int, folds: int, schema: Schema) -> list[str]:
    """Return what contradicts the prepared data, or does not fit into memory.

    Args:
        model: The section.
        ensemble_size: Number of networks side by side.
        folds: Networks one after the other.
        schema: Of the data.
    """
    from pipeline.models import dims_of

    names, sizes = _names(schema), schema.cardinalities
    if not names and (model.target_statistics or model.crosses != "none"):
        return ["model.target_statistics, model.crosses: no column is categorical; set them to false and none"]
    faults = [
        f"model.cross_columns: {each}: no categorical column {no_such(unknown, names)}"
        for each in model.cross_columns
        if (unknown := [name for name in each if name not in names])
    ]
    if faults:
        return faults
    chosen = crossed_columns(model, schema)
    for each in chosen:
        if math.prod(sizes[column] for column in each) >= LARGEST:
            together = ", ".join(names[column] for column in each)
            faults.append(f"model.cross_columns: {together}: more combinations than can be numbered; leave one out")
    if faults or not (chosen or model.target_statistics):
        return faults
    rows = sum(len(Arrays.load(PROCESSED / split)) for split in (("train", "val") if folds > 1 else ("train",)))
    codes = [*sizes, *(most_codes(rows, sizes, each, model.cross_min_count) for each in chosen)]
    widths = dims_of(model.embedding_dim, codes)
    # Weights and Adam's two moments, and the weights of the folds before; of each row codes and statistics, which the
    # backend copies.
    told = 1 + max(1, len(schema.classes)) if model.target_statistics else 0
    wanted = (
        (12 + 4 * (folds - 1)) * ensemble_size * sum(size * width for size, width in zip(codes, widths, strict=True))
    )
    wanted += 2 * rows * len(codes) * (4 + 4 * told)
    free = psutil.virtual_memory().available
    if wanted > free:
        faults.append(
            f"model.crosses, model.target_statistics: {len(names)} columns and {len(chosen):,} crosses with up to "
            f"{sum(codes):,} codes take up to {wanted / 2**30:.1f} GB, and {free / 2**30:.1f} GB are free; take pairs, "
            "not triples, name a few in model.cross_columns, raise model.cross_min_count or lower model.embedding_dim"
        )
    return faults


def summarize_crosses(crosses: Sequence[Cross], chosen: Sequence[tuple[int, ...]], schema: Schema) -> str:
    """Say how many crosses there are, and which of the chosen ones are none."""
    names, there = _names(schema), {cross.columns for cross in crosses}
    lost = [" × ".join(names[column] for column in each) for each in chosen if each not in there]
    shown = f"; left out, as they tell nothing new: {', '.join(lost[:5])}" if lost else ""
    more = f" and {len(lost) - 5:,} more" if len(lost) > 5 else ""
    return f"{len(crosses):,} crosses with {sum(len(cross.known) for cross in crosses):,} combinations{shown}{more}"


def answers_among(schema: Schema) -> list[str]:
    """Return what the audit warns of columns whose statistics would be the answer."""
    if not AUDIT.is_file():
        return []
    warnings = json.loads(AUDIT.read_text(encoding="utf-8"))["warnings"]
    return [
        f"model.target_statistics: {each['subject']}: {each['text']}"
        for each in warnings
        if each["kind"] in ("leak", "group") and each["subject"] in _names(schema)
    ]


def _names(schema: Schema) -> list[str]:
    return [column.name for column in schema.categorical]
