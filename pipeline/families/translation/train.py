"""Training of a translation network."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.families.translation.data.search_file import write_search
from pipeline.families.translation.data.sentences import Sentences
from pipeline.families.translation.models.translate import search_of
from pipeline.storage import PROCESSED
from pipeline.tasks import TrainingSpec, TrainingTask

if TYPE_CHECKING:
    import keras

    from pipeline.families.translation.models.translator import Translator
    from pipeline.tasks import Predictor


class TrainTranslation(TrainingTask):
    """Train an encoder-decoder with teacher forcing."""

    def build(self) -> "keras.Model":
        """Return the untrained network."""
        from pipeline.families.translation.models.common import Sizes
        from pipeline.families.translation.models.networks import translation_model
        from pipeline.models import resolved

        schema, settings = self.schema, self.config.model
        has_fixed_lengths = not getattr(settings, "mask", True)
        source_length, target_length = schema.lengths if has_fixed_lengths else (None, None)
        words = schema.words
        sizes = Sizes(words[0], words[1], source_length, target_length, schema.max_tokens + 2)
        return translation_model(sizes, settings, precision=resolved(self.config.train.precision))

    def spec(self, model: "keras.Model") -> TrainingSpec:
        """Return how to train on sentence pairs; validation scores greedy translations and next-word predictions."""
        from pipeline.families.translation.data.tokens import PADDING
        from pipeline.families.translation.models.examples import SentenceExamples
        from pipeline.families.translation.models.translator import Translator, is_trimmed
        from pipeline.models.losses import token_loss

        settings, trimmed = self.config.train, is_trimmed(model)
        train, val = Sentences.load(PROCESSED / "train"), Sentences.load(PROCESSED / "val")
        translator = Translator(self.schema, model)
        return TrainingSpec(
            SentenceExamples(*translator.widths(train), settings.batch_size, settings.batch_unit, trimmed=trimmed),
            token_loss(settings.label_smoothing, PADDING if trimmed else None),
            validate=lambda _network: self._validate(translator, val),
        )

    def write(self, model: "keras.Model", folder: Path) -> None:
        """Write the network, the schema and the search of the experiment."""
        super().write(model, folder)
        write_search(search_of(self.config.evaluate), folder)

    def predictor(self, model: "keras.Model") -> "Predictor":
        """Return a network that takes sentences."""
        found: Any = super().predictor(model)
        found.search = search_of(self.config.evaluate)
        return found  # type: ignore[no-any-return]

    def _validate(self, translator: "Translator", val: Sentences) -> tuple[dict[str, float], str]:
        from pipeline.families.translation.metrics.scoring import text_scores

        settings = self.config.train
        count, right, loss = translator.word_scores(*translator.widths(val)).sum(axis=1)
        decoded = slice(settings.decode_sentences)
        texts = translator.texts(val.source[decoded])
        score = text_scores(self.schema, self.config.data.bleu_tokens, texts, val.target_text[decoded])
        samples = [
            f"{val.source_text[row]}\n  → {texts[row]}\n  = {val.target_text[row]}"
            for row in range(min(settings.samples, len(texts)))
        ]
        words = {"token_accuracy": float(right / count), "loss": float(loss / count)}
        return {**score(np.ones(len(texts))), **words}, "\n".join(samples)
