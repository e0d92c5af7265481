"""Training of a character language model."""

from typing import TYPE_CHECKING

import numpy as np

from pipeline.families.text.data.schema import load_part
from pipeline.families.text.models.generator import Generator
from pipeline.families.text.models.prompts import prompt_before, sampling_of, window_of
from pipeline.storage import PROCESSED
from pipeline.tasks import TaskError, TrainingSpec, TrainingTask

if TYPE_CHECKING:
    import keras

    from pipeline.training import Examples


class TrainText(TrainingTask):
    """Train a network to predict the next character."""

    def check(self) -> None:
        """Check that the text is long enough for the network and the batch size.

        Raises:
            TaskError: If the training text is too short.
        """
        model, count = self.config.model, self.schema.lengths["train"]
        if model.name == "char_window":
            if count <= model.window:
                raise TaskError(
                    f"model.window: the training text has {count:,} characters, too few for a window of "
                    f"{model.window:,} characters and the character after it; set it lower"
                )
        elif count <= self.config.train.batch_size:
            raise TaskError(
                f"train.batch_size: the training text of {count:,} characters is too short for "
                f"{self.config.train.batch_size:,} parallel streams; set it lower"
            )

    def build(self) -> "keras.Model":
        """Return the untrained network."""
        from pipeline.families.text.models.networks import language_model
        from pipeline.models import resolved

        precision = resolved(self.config.train.precision)
        return language_model(len(self.schema.characters), self.config.model, precision=precision)

    def spec(self, model: "keras.Model") -> TrainingSpec:
        """Return how to train on windows or streams of the text; validation scores bits per character."""
        from pipeline.families.text.metrics.scores import TextScores
        from pipeline.families.text.models.common import character_loss

        settings, schema = self.config.train, self.schema
        generator, val = Generator(schema, model), load_part(PROCESSED, "val")
        prompt = prompt_before(schema, "val", val, window_of(self.config.model))
        sampling = sampling_of(self.config.evaluate, self.config.seed)

        def validate(_network: "keras.Model") -> tuple[dict[str, float], str]:
            score = TextScores(*generator.writer.losses(val, len(val) - schema.lengths["val"]))
            length = settings.sample_length
            return score(np.ones(len(score))), generator.sample(prompt, length, sampling) if length else ""

        return TrainingSpec(
            self._examples(model), character_loss(settings.label_smoothing), validate, optimizer=settings.optimizer
        )

    def _examples(self, model: "keras.Model") -> "Examples":
        from pipeline.families.text.models.common import state_widths
        from pipeline.families.text.models.examples import StreamExamples, WindowExamples

        network, train, text = self.config.model, self.config.train, load_part(PROCESSED, "train")
        if network.name == "char_window":
            return WindowExamples(text, network.window, network.step, train.batch_size)
        return StreamExamples(text, train.batch_size, train.bptt_length, state_widths(model))
