"""Run a network on encoded rows."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.crossing import Cross, with_crosses

if TYPE_CHECKING:
    import keras

PREDICT_BATCH = 8192
Output = npt.NDArray[np.float32]


def inputs_with(crosses: Sequence[Cross], arrays: Arrays, rows: int | None = None) -> dict[str, npt.NDArray[Any]]:
    """Return the inputs of a network for the first `rows` rows, or for all."""
    codes = with_crosses(np.asarray(arrays.categorical[:rows]), crosses)
    return {"categorical": codes, "numeric": np.asarray(arrays.numeric[:rows])}


def outputs(model: "keras.Model", inputs: Mapping[str, npt.NDArray[Any]]) -> Output:
    """Return the network's output for each row, shape (rows, units).

    Args:
        model: A network of the table family.
        inputs: The arrays `categorical` and `numeric`; those that the network does not take are ignored.
    """
    used = inputs_of(model, inputs)
    rows = len(next(iter(used.values())))
    parts = [
        model.predict_on_batch({name: array[start : start + PREDICT_BATCH] for name, array in used.items()})
        for start in range(0, rows, PREDICT_BATCH)
    ]
    return np.concatenate(parts) if parts else np.empty((0, model.output_shape[-1]), dtype=np.float32)


def inputs_of(model: "keras.Model", inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that the network takes, by the names of its inputs."""
    # The network of a table without numeric columns does not have that input.
    return {tensor.name: inputs[tensor.name] for tensor in model.inputs}
