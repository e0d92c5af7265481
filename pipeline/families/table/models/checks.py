"""Checks of the settings against the prepared data, before anything is trained."""

from pipeline.config import Config
from pipeline.families.table.data.schema import Schema
from pipeline.families.table.models.crosses import faults_of_crosses
from pipeline.families.table.settings import MONITORS_OF


def without_effect(config: Config, schema: Schema) -> list[str]:
    """Return a message for each setting that changes nothing, because the table has no columns for it.

    They are no faults: a sweep tries them on any table.
    """
    model, messages = config.model, []
    if not schema.numeric and model.numeric_encoding not in ("concat", "none"):
        messages.append(f"model.numeric_encoding={model.numeric_encoding} has no effect: no column is numeric")
    if not schema.categorical and model.target_statistics:
        messages.append("model.target_statistics=true has no effect: no column is categorical")
    if len(schema.categorical) < 2 and model.crosses != "none":
        messages.append(f"model.crosses={model.crosses} has no effect: fewer than two columns are categorical")
    return messages


def faults_of(config: Config, schema: Schema) -> list[str]:
    """Return a message for each setting that contradicts the data, with what to set instead."""
    encoding, train, faults = config.model.numeric_encoding, config.train, []
    if not schema.categorical and encoding == "wide":
        faults.append(
            "model.numeric_encoding: 'wide' leaves nothing for the hidden layers if no column is categorical; list "
            "some in data.categorical, or set model.numeric_encoding to concat"
        )
    if config.model.ensemble > 1 and train.ensemble_size > 1:
        faults.append(
            f"train.ensemble_size: {train.ensemble_size} networks cannot be trained side by side if each has members "
            f"(model.ensemble={config.model.ensemble}); set one of the two to 1, or set data.folds instead"
        )
    if config.train.monitor not in ("auto", *MONITORS_OF[schema.kind]):
        faults.append(
            f"train.monitor: {train.monitor!r} is not a score of a {schema.kind} target; set it to auto, or to one of "
            f"{', '.join(MONITORS_OF[schema.kind])}"
        )
    if not schema.classes:
        faults += [
            f"train.{key}: {value!r} requires classes, but {schema.target!r} is numeric; set it to {neutral}"
            for key, value, neutral in (
                ("label_smoothing", train.label_smoothing, 0.0),
                ("class_weights", train.class_weights, "none"),
            )
            if value != neutral
        ]
    if config.data.folds > 1 and train.save_every:
        faults.append(
            f"train.save_every: {train.save_every} keeps networks of single epochs, but the epochs of "
            f"{config.data.folds} folds are separate; set it to 0, or data.folds to 1"
        )
    return [*faults, *faults_of_crosses(config.model, train.ensemble_size, config.data.folds, schema)]
