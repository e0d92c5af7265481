"""Train a network on a table."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from pipeline.config import Config
from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.data.crosses import fit_crosses
from pipeline.families.table.data.crossing import CROSSES, Cross, to_bytes
from pipeline.families.table.data.layout import SIDES, copy_side_tables
from pipeline.families.table.data.statistics import Statistics, statistics
from pipeline.families.table.data.training_rows import Rows, fold_name, rows_of_fold, rows_of_folds, rows_of_split
from pipeline.families.table.metrics.kinds import kind_of
from pipeline.families.table.metrics.target_kind import Loss, TargetKind
from pipeline.families.table.models.checks import faults_of, without_effect
from pipeline.families.table.models.crosses import crossed_columns, leaking_columns, summarize_crosses
from pipeline.families.table.models.outputs import inputs_of, outputs
from pipeline.storage import PROCESSED, write_bytes
from pipeline.tasks import TaskError, TrainingSpec, TrainingTask

if TYPE_CHECKING:
    import keras

    from pipeline.tasks import Predictor
    from pipeline.training import Checkpoint, Checkpoints, EpochRecord


class TrainTable(TrainingTask):
    """An embedding network for one table, or for one of its folds.

    Args:
        config: The configuration of the experiment.
        whole: The training that this one is a fold of.
        fold: Number of the fold, from 0.
    """

    def __init__(self, config: Config, whole: Self | None = None, fold: int = 0) -> None:
        super().__init__(config)
        self._whole, self._fold = whole, fold
        if fold:
            # Independent of neighbouring seeds: seed 2 must not repeat the folds of seed 1.
            self.seed = int(np.random.SeedSequence([self.seed, fold]).generate_state(1)[0])

    def folds(self) -> Sequence[Self]:
        """Return this training, or one per fold."""
        count = self.config.data.folds
        return [self] if count == 1 else [type(self)(self.config, self, fold) for fold in range(count)]

    @cached_property
    def kind(self) -> TargetKind:
        """The kind of the target."""
        return kind_of(self.schema)

    @cached_property
    def crosses(self) -> list[Cross]:
        """Crosses of columns, counted on the training rows; with folds, on the rows of all folds."""
        if self._whole:
            return self._whole.crosses
        chosen = crossed_columns(self.config.model, self.schema)
        if not chosen:
            return []
        rows = Arrays.load(PROCESSED / "train") if self.config.data.folds == 1 else rows_of_folds()
        codes = np.asarray(rows.categorical)
        return fit_crosses(codes, self.schema.cardinalities, chosen, self.config.model.cross_min_count)

    @property
    def cardinalities(self) -> list[int]:
        """Number of codes of each embedded column, crosses included."""
        return [*self.schema.cardinalities, *(cross.cardinality for cross in self.crosses)]

    @cached_property
    def rows(self) -> Rows:
        """The training and validation rows."""
        data, model = self.config.data, self.config.model
        if data.folds == 1:
            return rows_of_split(self.crosses)
        enough = [data.min_count] * len(self.schema.categorical) + [model.cross_min_count] * len(self.crosses)
        known = [
            (column.frequent, data.min_count) for column in self.schema.numeric if model.numeric_encoding == "none"
        ]
        return rows_of_fold(rows_of_folds(), self._fold, self.crosses, self.cardinalities, enough, known)

    @cached_property
    def statistics(self) -> Statistics | None:
        """Target statistics of each code in the training rows; None if the network does not use them."""
        if not (self.config.model.target_statistics and self.schema.categorical):
            return None
        rows = self.rows.learned
        codes, group = np.asarray(rows.categorical), np.asarray(rows.group)
        indicators = self.kind.indicators(np.asarray(rows.target, np.float64))
        return statistics(codes, indicators, group, self.cardinalities, self.seed)

    def check(self) -> None:
        """Refuse settings that contradict the table; print the crosses, and warn of leaks.

        Raises:
            TaskError: Some settings do not suit the table; the message names each and what to set instead.
        """
        if faults := faults_of(self.config, self.schema):
            raise TaskError("\n".join(faults))
        for message in without_effect(self.config, self.schema):
            print(f"train: {message}", flush=True)
        if chosen := crossed_columns(self.config.model, self.schema):
            print(f"train: {summarize_crosses(self.crosses, chosen, self.schema)}", flush=True)
        if self.config.model.target_statistics:
            for warning in leaking_columns(self.schema):
                print(f"train: warning: {warning}", flush=True)

    def build(self) -> "keras.Model":
        """Build the network."""
        from pipeline.families.table.models.embedding_mlp import Features, embedding_mlp
        from pipeline.models import resolved, with_statistics

        settings, train, fitted = self.config.model, self.config.train, self.statistics
        quantiles, known = ([getattr(c, name) for c in self.schema.numeric] for name in ("quantiles", "frequent"))
        features = Features(self.cardinalities, quantiles, known, fitted.rows.shape[1] if fitted else 0)
        name = fold_name(self._fold) if self._whole else settings.name
        network = embedding_mlp(
            features,
            self._head(),
            settings,
            ensemble_size=train.ensemble_size,
            precision=resolved(train.precision),
            # Within the model that looks up the statistics, the network keeps its usual name.
            name=settings.name if fitted else name,
        )
        if fitted is None:
            return network
        outer_name = name if self._whole else f"{name}_with_statistics"
        return with_statistics(network, self.cardinalities, fitted.tables, outer_name)

    def spec(self, model: "keras.Model") -> TrainingSpec:
        """Train on encoded rows; validate by the scores of the target's kind."""
        from pipeline.models import STATISTICS, before_mean, network_of
        from pipeline.training import ArrayExamples

        settings = self.config.train
        train, val = self.rows.learned, self.rows.validated
        network = network_of(model)
        arrays = train.inputs | ({STATISTICS: self.statistics.rows} if self.statistics else {})
        inputs = {name: np.asarray(array) for name, array in inputs_of(network, arrays).items()}

        def validate(_network: "keras.Model") -> tuple[dict[str, float], str]:
            # The whole model: it looks up the statistics that the trained part takes as an input.
            return self.kind.score(val.target, outputs(model, val.inputs))(np.ones(len(val))), ""

        return TrainingSpec(
            ArrayExamples(inputs, np.asarray(train.target), settings.batch_size),
            self._loss(train.target),
            validate,
            lazy=True,
            network=before_mean(network),
        )

    def train(
        self,
        model: "keras.Model",
        start: "Checkpoint | None",
        checkpoints: "Checkpoints",
        on_epoch: "Callable[[EpochRecord], None]",
    ) -> "Sequence[EpochRecord]":
        """Train in place; a fold's network then treats codes that its training rows lack as unknown."""
        history = super().train(model, start, checkpoints, on_epoch)
        if self.rows.unseen is not None:
            from pipeline.families.table.models.unknown import make_unknown

            # The data of the other folds has these codes, too.
            make_unknown(model, self.rows.unseen)
            # Free these copies of most of the table; the next fold makes its own.
            for name in ("rows", "statistics"):
                self.__dict__.pop(name, None)
        return history

    def write(self, model: "keras.Model", folder: Path) -> None:
        """Write the network, the schema, the crosses and the side tables."""
        super().write(model, folder)
        if self.crosses:
            write_bytes(folder / CROSSES, to_bytes(self.crosses))
        copy_side_tables(self.schema.layout, PROCESSED / SIDES, folder)

    def predictor(self, model: "keras.Model") -> "Predictor":
        """Return a network that takes raw rows."""
        predictor: Predictor = self.config.family.load("predictor")(self.schema, model, self.crosses)
        return predictor

    def _head(self) -> TargetKind:
        if not self._whole or self.schema.classes:
            return self.kind
        # A regression is scaled by the training rows of its own fold, not by the rows it will predict.
        amounts = self.rows.learned.target.astype(np.float64)
        return replace(self.kind, mean=float(amounts.mean()), std=float(amounts.std()) or 1.0)

    def _loss(self, target: npt.NDArray[Any]) -> Loss:
        """Return the mean loss of a batch; of members that share weights, the mean of their own losses."""
        members, units = self.config.model.ensemble, self.kind.units
        loss = self.kind.loss(self.config.train.label_smoothing, self._class_weights(target))
        if members == 1:
            return loss
        from keras import ops

        return lambda target, outputs: loss(ops.repeat(target, members), ops.reshape(outputs, (-1, units)))

    def _class_weights(self, target: npt.NDArray[Any]) -> list[float] | None:
        if self.config.train.class_weights == "none":
            return None
        counts = np.bincount(np.asarray(target).astype(np.int64), minlength=len(self.schema.classes))
        weights: list[float] = (len(target) / (len(counts) * np.maximum(counts, 1))).tolist()
        return weights
