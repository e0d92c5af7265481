"""All stages of one experiment, called within this process."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.tasks import Evaluation, Predictor, Scores, TrainingTask


class Stages:
    """What the commands make of a configuration; anything else is that of the training.

    Args:
        config: The configuration of the experiment.
    """

    def __init__(self, config: Config) -> None:
        self.config = config

    @cached_property
    def training(self) -> TrainingTask:
        task: TrainingTask = self.config.family.load("training")(self.config)
        return task

    def __getattr__(self, name: str) -> Any:
        return getattr(self.training, name)

    def preprocess(self) -> str:
        said: str = self.config.family.load("preprocess")(self.config).run()
        return said

    def baselines(self) -> Iterator[tuple[str, Scores]]:
        found: Iterator[tuple[str, Scores]] = self.config.family.load("baseline")(self.config).scores()
        return found

    def evaluate(self, folder: Path) -> Evaluation:
        evaluation: Evaluation = self.config.family.load("evaluation")(self.config).evaluate(folder)
        return evaluation

    def trained_predictor(self, folder: Path) -> Predictor:
        predictor: Predictor = self.config.family.load("predictor").load(folder)
        return predictor

    def untrained(self) -> Predictor:
        return self.predictor(self.combine([fold.build() for fold in self.folds()]))  # type: ignore[no-any-return]

    def encoded_samples(self, predictor: Any, networks: Mapping[str, Any]) -> Any:
        return self.config.family.load("exporting")(self.config).encoded_samples(predictor, networks)

    def exported_score(self, predictor: Any, exported: Any, networks: Mapping[str, Any]) -> Any:
        return self.config.family.load("exporting")(self.config).exported_score(predictor, exported, networks)
