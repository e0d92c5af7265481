"""Write text character by character, drawing from what a network holds probable. NumPy alone.

Sources: temperature: Ackley, Hinton, Sejnowski: A Learning Algorithm for Boltzmann Machines (1985); the most probable
few: Fan, Lewis, Dauphin: Hierarchical Neural Story Generation (2018); the nucleus: Holtzman et al.: The Curious Case of
Neural Text Degeneration (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

State = Any


class Writer(Protocol):
    """A network that goes on from a state by one character."""

    def start(self, numbers: Any) -> tuple[Any, State]:
        """Read a prompt `(characters,)`; return the logits of the next character `(size,)` and the state after it."""
        ...

    def step(self, state: State, number: int) -> tuple[Any, State]:
        """Read one character more; return as `start` does."""
        ...


@dataclass(frozen=True)
class Sampling:
    """How characters are drawn.

    Attributes:
        temperature: Divides the logits: below 1 the probable becomes more probable.
        top_k: Only so many of the most probable are drawn from; 0 for all.
        top_p: Only the most probable ones that together reach this probability.
        seed: Of the drawing.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, received {self.temperature}; 0.01 takes nearly the best")
        if self.top_k < 0:
            raise ValueError(f"top_k must be at least 0, received {self.top_k}; 0 draws from all characters")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, received {self.top_p}")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, received {self.seed}")


def write(writer: Writer, prompt: Any, length: int, sampling: Sampling, never: int | None = None) -> Iterator[int]:
    """Give the numbers of the characters that follow a prompt.

    Args:
        writer: The network.
        prompt: Numbers, `(characters,)`, one at least.
        length: Characters to write.
        sampling: How. The same seed gives the same text.
        never: Number of a character that is not written.
    """
    random = np.random.default_rng(sampling.seed)
    logits, state = writer.start(np.asarray(prompt))
    for place in range(length):
        if never is not None:
            logits = np.where(np.arange(len(logits)) == never, -np.inf, logits)
        number = choose(logits, random.random(), sampling)
        yield number
        if place + 1 < length:
            logits, state = writer.step(state, number)


def choose(logits: Any, drawn: float, sampling: Sampling) -> int:
    """Return the character on which a number from 0 to 1 falls, where each has a stretch as long as its probability."""
    logits = np.asarray(logits, np.float64)
    # First the difference: divided by next to nothing, the highest would be infinite.
    with np.errstate(over="ignore"):
        weights = np.exp((logits - logits.max()) / sampling.temperature)
    if sampling.top_k or sampling.top_p < 1:
        order = np.argsort(-weights, kind="stable")
        so_far = np.cumsum(weights[order]) / weights.sum()
        # The one that reaches the share is the last.
        count = 1 + int(np.searchsorted(so_far, sampling.top_p)) if sampling.top_p < 1 else len(order)
        weights[order[min(count, sampling.top_k or count) :]] = 0.0
    ends = np.cumsum(weights)
    return min(int(np.searchsorted(ends, drawn * ends[-1], side="right")), int(np.flatnonzero(weights)[-1]))
