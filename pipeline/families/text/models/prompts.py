"""Prompts and sampling settings that training and evaluation share."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.families.text.data.schema import TextSchema
from pipeline.families.text.models.sampling import Sampling
from pipeline.families.text.settings import TextEvaluate

PROMPT = 40
"""Number of characters before a held-out part that are the prompt of a sample, unless the window is wider."""


def prompt_before(schema: TextSchema, split: str, part: npt.NDArray[np.int32], window: int) -> str:
    """Return the text directly before a held-out part, as a prompt.

    Args:
        schema: The schema of the text.
        split: Name of the split.
        part: Context and characters of the split, as `load_part` returns them.
        window: Minimum number of characters that the network reads.
    """
    context = len(part) - schema.lengths[split]
    return schema.text(part[max(0, context - max(PROMPT, window)) : context])


def sampling_of(settings: TextEvaluate, seed: int) -> Sampling:
    """Return the sampling settings of the evaluation."""
    return Sampling(settings.temperature, settings.top_k, settings.top_p, seed)


def window_of(settings: Any) -> int:
    """Return the minimum length of a prompt for the configured network."""
    return int(getattr(settings, "window", 1))
