"""The kind of target and what depends on it: the network's head, the loss, the scores, the curves and the baselines."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from pipeline.tasks.column import Column

if TYPE_CHECKING:
    import keras
    import pyarrow as pa

    from pipeline.metrics import Curve, Score

Array = npt.NDArray[Any]
Loss = Callable[[Any, Any], Any]
"""Targets, shape (batch,), and outputs, shape (batch, units) → mean loss of the batch, shape ()."""


@dataclass(frozen=True)
class TargetKind(ABC):
    """A kind of target.

    Args:
        classes: Names of the classes by code; empty for a regression.
        mean: Mean of the training targets; only a regression uses it.
        std: Standard deviation of the training targets; only a regression uses it.

    Attributes:
        name: `binary`, `multiclass` or `regression`.
        boosting: LightGBM's objective and the metric that stops it.
    """

    classes: Sequence[str] = ()
    mean: float = 0.0
    std: float = 1.0
    name: ClassVar[str]
    boosting: ClassVar[Mapping[str, str]]

    @property
    def units(self) -> int:
        """Width of the network's last dense layer."""
        return 1

    @abstractmethod
    def head(self, values: "keras.KerasTensor") -> "keras.KerasTensor":
        """Turn the last dense layer into the prediction, shape (batch, units)."""

    @abstractmethod
    def loss(self, label_smoothing: float = 0.0, class_weights: Sequence[float] | None = None) -> Loss:
        """Return the loss function of a batch.

        Args:
            label_smoothing: Fraction of each target that is spread evenly over the classes.
            class_weights: Weight of each class; None for equal weights.
        """

    @abstractmethod
    def score(self, target: Array, output: Array) -> "Score":
        """Return the scores of predictions, as a function of row weights.

        Args:
            target: Targets, shape (rows,).
            output: Outputs of the network, shape (rows, units).
        """

    @abstractmethod
    def errors(self, target: Array, output: Array) -> Array:
        """Return how wrong each prediction is, shape (rows,); the arguments are those of `score`."""

    def confusion(self, target: Array, output: Array) -> npt.NDArray[np.int64] | None:
        """Return how many rows of each class are taken for which, shape (classes, classes); None without classes."""
        return None

    @abstractmethod
    def curves(self, target: Array, output: Array) -> "dict[str, Curve]":
        """Return the curves of predictions, to be plotted; the arguments are those of `score`."""

    @abstractmethod
    def columns(self) -> list[Column]:
        """Return the columns of a prediction; the first one is submitted."""

    def predictions(self, output: Array) -> "pa.Table":
        """Return a table with the columns of `columns` from outputs, shape (rows, units)."""
        import pyarrow as pa

        return pa.table([pa.array(output[:, i]) for i in range(output.shape[1])], names=self._names())

    def written_target(self, target: Array) -> Array:
        """Return targets as they are written next to predictions: class codes as int32."""
        return target.astype(np.int32)

    @abstractmethod
    def indicators(self, target: Array) -> npt.NDArray[np.float64]:
        """Return the numbers whose means per category are the target statistics, shape (rows, numbers)."""

    @abstractmethod
    def constant(self, target: Array, rows: int) -> Array:
        """Return the best prediction without features, shape (rows, units).

        Args:
            target: Training targets.
            rows: Number of rows to predict.
        """

    @abstractmethod
    def linear(self, strength: float, features: Any, target: Array) -> Callable[[Any], Array]:
        """Fit a linear model; return its prediction function, from features to outputs, shape (rows, units).

        Args:
            strength: Inverse strength of the regularisation.
            features: Sparse matrix, shape (rows, features).
            target: Training targets.
        """

    @abstractmethod
    def quality(self, target: Array, output: Array) -> float:
        """Return the score that selects the linear model's regularisation; higher is better."""

    def _names(self) -> list[str]:
        return [column.name for column in self.columns()]


class Classes(TargetKind, ABC):
    """Base class of binary and multiclass targets."""

    def linear(self, strength: float, features: Any, target: Array) -> Callable[[Any], Array]:
        """Fit a logistic regression."""
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=strength, max_iter=100)
        with unconverged_is_fine():
            model.fit(features, target)
        return lambda rows: self._outputs(model.predict_proba(rows), model.classes_.astype(int))

    @abstractmethod
    def _outputs(self, probability: Array, fitted: Array) -> Array:
        """Return outputs, shape (rows, units), from probabilities that only have columns for the fitted classes."""


def counted(target: Array, predicted: Array, classes: int) -> npt.NDArray[np.int64]:
    """Return how many rows of each class are taken for which, shape (classes, classes)."""
    pairs = target.astype(np.int64) * classes + predicted.astype(np.int64)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def weighted_mean(losses: Any, target: Any, class_weights: Sequence[float] | None) -> Any:
    """Return the mean loss, shape (), weighted by class."""
    from keras import ops

    if class_weights is None:
        return ops.mean(losses)
    return ops.mean(losses * ops.take(np.asarray(class_weights, dtype="float32"), ops.cast(target, "int32")))


def unconverged_is_fine() -> Any:
    """Return a context that hides scikit-learn's convergence warnings: 100 iterations are enough for a baseline."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    return warnings.catch_warnings(action="ignore", category=ConvergenceWarning)
