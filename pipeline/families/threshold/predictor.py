"""A trained network of the threshold family, its predictions and their calculation step by step."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as csv

from pipeline.config import no_such
from pipeline.families.threshold.data.points import Points, PointsSchema, points_of, read_points
from pipeline.storage import new_file
from pipeline.tasks.column import Column
from pipeline.tasks.predictor import Embedding, Predictor
from pipeline.tasks.task import MODEL, TaskError

if TYPE_CHECKING:
    import keras

    from pipeline.models.bundle_spec import BundleSpec

BY_HAND = 1000
"""Maximum number of weights for which the calculation is written out."""
Vector = npt.NDArray[np.float32]


class ThresholdPredictor(Predictor):
    """A network that predicts on which side of a threshold a point is.

    Args:
        schema: The schema of the points that the network was trained on.
        model: The network.
    """

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load what `TrainingTask.save` wrote."""
        from pipeline.models import load_model

        return cls(PointsSchema.load(folder), load_model(folder / MODEL))

    def columns(self) -> list[Column]:
        return [Column(name, True) for name in self.schema.names]

    def outputs(self) -> list[Column]:
        return [Column("side", True), Column("output", True)]

    def example(self, processed: Path) -> list[dict[str, Any]]:
        points = Points.load(processed / "test").points[:3].tolist()
        return [dict(zip(self.schema.names, point, strict=True)) for point in points]

    def output(self, points: Vector) -> Vector:
        """Return the network's output for each point, shape (points,)."""
        from pipeline.families.threshold.models.tanh_mlp import outputs

        return outputs(self.model, points)

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Return the side and the output of each row."""
        return _table(self.output(points_of(rows, self.schema.names, "rows")))

    def predict_file(self, source: Path, output: Path, options: Mapping[str, Any]) -> int:
        points = read_points(source, self.schema.names)
        predictions = _table(self.output(points))
        columns = {name: points[:, index] for index, name in enumerate(self.schema.names)}
        with new_file(output) as target:
            csv.write_csv(
                pa.table({**columns, **{name: predictions[name] for name in predictions.column_names}}), target
            )
        return len(points)

    def batches(self, source: Path, size: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
        from pipeline.families.threshold.models.tanh_mlp import parts

        for part in parts(read_points(source, self.schema.names), size):
            yield {"point": part}

    def bundle(self) -> "BundleSpec":
        from pipeline.models.bundle_spec import BundleSpec

        return BundleSpec(self.schema.task, {"network": self.model}, {"names": self.schema.names})

    def bundle_example(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        points = points_of(pa.Table.from_pylist(rows), self.schema.names, "rows")
        return {"input": points.tolist(), "output": self.output(points).tolist()}

    def by_hand(self, source: Path) -> str | None:
        points = read_points(source, self.schema.names)
        if not len(points):
            raise TaskError(f"{source}: no points; expected at least one row")
        return calculation(self.model, points[0])

    def embedded(self) -> list[str]:
        return []

    def unit_names(self) -> dict[str, list[str]]:
        return {}

    def embedding(self, name: str) -> Embedding:
        raise TaskError(f"no embedding {no_such([name], [])}")


def calculation(model: "keras.Model", point: Vector) -> str | None:
    """Return the calculation of the output for a point, one line per unit with its weighted sum and activation.

    Return None if the network has more than `BY_HAND` weights.
    """
    if model.count_params() > BY_HAND:
        return None
    values = np.asarray(point, np.float32)
    lines = [f"point: {', '.join(f'{value:.6g}' for value in values)}"]
    for layer in model.layers:
        if not layer.get_weights():
            continue
        kernel, bias = layer.get_weights()
        sums = values @ kernel + bias
        for unit, total in enumerate(sums.tolist()):
            terms = [f"{value:.6g}·{weight:.8g}" for value, weight in zip(values, kernel[:, unit], strict=True)]
            lines.append(
                f"{layer.name}[{unit}] = tanh({' + '.join([*terms, f'{bias[unit]:.8g}'])}) = tanh({total:.8g}) = "
                f"{np.tanh(np.float32(total)):.8g}"
            )
        values = np.tanh(sums)
    side = "+1: above 0" if values[0] > 0 else "-1: 0 or below"
    return "\n".join([*lines, f"side: {side}"])


def _table(outputs: Vector) -> pa.Table:
    return pa.table({"side": np.where(outputs > 0, 1, -1).astype(np.float32), "output": outputs})
