"""What contradicts the prepared data, before anything is trained."""

from pipeline.config import MONITORS, Config
from pipeline.data import Schema
from pipeline.storage import PROCESSED
from pipeline.tasks.table_crosses import faults_of_crosses


def faults_of(config: Config, schema: Schema) -> list[str]:
    """Return a line for each setting that does not go with the data, and what to set instead."""
    merge, train, faults = config.model.merge, config.train, []
    if not schema.numeric and merge not in ("concat", "none"):
        faults.append(
            f"model.merge: {merge!r} is a way for numeric columns to enter, and {PROCESSED} has none; list some in "
            "data.numeric, or set model.merge to concat"
        )
    if not schema.categorical and merge == "wide":
        faults.append(
            "model.merge: 'wide' leaves nothing for the hidden layers where no column is categorical; list some in "
            "data.categorical, or set model.merge to concat"
        )
    if config.train.monitor not in ("auto", *MONITORS[schema.kind]):
        faults.append(
            f"train.monitor: {train.monitor!r} is no score of a {schema.kind} target; set it to auto, or to one of "
            f"{', '.join(MONITORS[schema.kind])}"
        )
    if schema.kind == "regression":
        faults += [
            f"train.{key}: {value!r} is for classes, and {schema.target!r} is an amount; set it to {neutral}"
            for key, value, neutral in (
                ("label_smoothing", train.label_smoothing, 0.0),
                ("class_weights", train.class_weights, "none"),
            )
            if value != neutral
        ]
    if config.data.folds > 1 and train.save_every:
        faults.append(
            f"train.save_every: {train.save_every} keeps networks of single epochs, which those of "
            f"{config.data.folds} folds do not have in common; set it to 0, or data.folds to 1"
        )
    return [*faults, *faults_of_crosses(config.model, train.members, config.data.folds, schema)]
