"""The kinds of target, by name."""

from pipeline.families.table.data.schema import Schema
from pipeline.families.table.metrics.binary import Binary
from pipeline.families.table.metrics.multiclass import Multiclass
from pipeline.families.table.metrics.regression import Regression
from pipeline.families.table.metrics.target_kind import TargetKind

KINDS: dict[str, type[TargetKind]] = {kind.name: kind for kind in (Binary, Multiclass, Regression)}


def kind_of(schema: Schema) -> TargetKind:
    """Return the kind of target of a prepared table."""
    return KINDS[schema.kind](schema.classes, schema.target_mean, schema.target_std)
