"""Prompts and sampling that training and evaluation share."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.families.text.data.schema import TextSchema
from pipeline.families.text.models.sampling import Sampling
from pipeline.families.text.settings import TextEvaluate

PROMPT = 40
"""Characters of the context of a held-out part with which a sample begins."""


def prompt_before(schema: TextSchema, split: str, part: npt.NDArray[np.int32], window: int) -> str:
    """Return the text before a held-out part, which the network may read.

    Args:
        schema: The schema of the text.
        split: Name of the part.
        part: Its context and characters, as `load_part` returns them.
        window: Characters that the network reads at least.
    """
    context = len(part) - schema.lengths[split]
    return schema.text(part[max(0, context - max(PROMPT, window)) : context])


def sampling_of(settings: TextEvaluate, seed: int) -> Sampling:
    """Return how the evaluation draws characters."""
    return Sampling(settings.temperature, settings.top_k, settings.top_p, seed)


def window_of(settings: Any) -> int:
    """Return how many characters the configured network reads before it writes."""
    return int(getattr(settings, "window", 1))
