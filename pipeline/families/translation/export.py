"""Checks of an exported translation network against Keras."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.families.translation.data.sentences import Sentences, fitted
from pipeline.families.translation.data.tokens import PADDING
from pipeline.families.translation.metrics.scoring import text_scores
from pipeline.families.translation.models.translate import search_of
from pipeline.storage import PROCESSED
from pipeline.tasks import SAMPLES, Batches, ExportTask

if TYPE_CHECKING:
    import keras

SCORED = 100
"""Number of validation sentences on which formats of reduced precision are scored."""
SAMPLE_STEPS = 8
"""Number of decoder steps on which formats are compared."""


class ExportTranslation(ExportTask):
    """Compare the encoder on test sentences and the decoder on their reference translations, word by word."""

    def predictor(self, folder: Path) -> Any:
        """Load the trained network, with the search of the experiment."""
        predictor = super().predictor(folder)
        predictor.search = search_of(self.config.evaluate)
        return predictor

    def encoded_samples(self, predictor: Any, networks: Mapping[str, "keras.Model"]) -> Batches:
        """Return test sentences for the encoder, and words with the preceding states for the decoder."""
        from pipeline.exporting import graph_in_keras

        encoder, decoder = graph_in_keras(networks["encoder"]), graph_in_keras(networks["decoder"])
        test = Sentences.load(PROCESSED / "test")
        width = networks["encoder"].inputs[0].shape[1] or int((test.source[:SAMPLES] != PADDING).sum(axis=1).max())
        source, target = fitted(test.source[:SAMPLES], width), test.target[:SAMPLES]
        state = {name: np.asarray(array) for name, array in encoder({"source": source}).items()}
        steps: list[dict[str, npt.NDArray[Any]]] = []
        for position in range(min(SAMPLE_STEPS, target.shape[1])):
            steps.append({"token": target[:, position : position + 1], **state})
            outputs = decoder(steps[-1])
            state = {name: np.asarray(outputs.get(name, array)) for name, array in state.items()}
        return {"encoder": [{"source": source}], "decoder": steps}

    def exported_score(self, predictor: Any, exported: Any, networks: Mapping[str, Any]) -> tuple[str, float, int]:
        """Return the BLEU score of greedy translations of validation sentences."""
        val = Sentences.load(PROCESSED / "val")
        count = min(SCORED, len(val.source_text))
        translated = [best[0][0] if best else "" for best in exported(val.source_text[:count], beam=1)]
        score = text_scores(self.schema, self.config.data.bleu_tokens, translated, val.target_text[:count])
        return "bleu", score(np.ones(count))["bleu"], count
