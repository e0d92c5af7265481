"""Checks of an exported character model against Keras."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.families.text.data.schema import load_part
from pipeline.storage import PROCESSED
from pipeline.tasks import SAMPLES, Batches, ExportTask

if TYPE_CHECKING:
    import keras

SCORED = 2_000
"""Number of validation characters on which formats of reduced precision are scored."""
SAMPLE_LENGTH = 100
"""Number of characters on which formats of a stateful network are compared."""


class ExportText(ExportTask):
    """Compare networks on windows of the test part, or on pieces of it that start from a zero state."""

    def encoded_samples(self, predictor: Any, networks: Mapping[str, "keras.Model"]) -> Batches:
        """Return pieces of the test part."""
        from pipeline.families.text.models.common import state_widths

        part = load_part(PROCESSED, "test")
        samples: Batches = {}
        for name, network in networks.items():
            window = next(tensor.shape[1] for tensor in network.inputs if tensor.name == "text")
            zeros = {state: np.zeros((SAMPLES, units), np.float32) for state, units in state_widths(network).items()}
            samples[name] = []
            # The last batch has single characters, as in text generation.
            for width in [window] if window else [min(SAMPLE_LENGTH, len(part)), 1]:
                starts = np.linspace(0, len(part) - width, SAMPLES).astype(np.int64)
                samples[name].append({"text": part[starts[:, None] + np.arange(width)], **zeros})
        return samples

    def exported_score(self, predictor: Any, exported: Any, networks: Mapping[str, Any]) -> tuple[str, float, int]:
        """Return bits per character of the first characters of the validation part."""
        text = load_part(PROCESSED, "val")
        # The network first reads the context, which is not scored.
        begin = max(len(text) - self.schema.lengths["val"], predictor.generator.writer.window or 1)
        losses: list[float] = []
        logits, state = exported.start(text[:begin])
        for number in text[begin : begin + SCORED].tolist():
            shifted = np.asarray(logits, np.float64) - np.max(logits)
            losses.append(float(np.log(np.exp(shifted).sum()) - shifted[number]))
            logits, state = exported.step(state, number)
        return "bits_per_char", float(np.mean(losses) / np.log(2)), len(losses)
