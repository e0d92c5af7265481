"""Text generation: sampling of characters from a network's probabilities. Uses only NumPy.

Sources: temperature: Ackley, Hinton, Sejnowski: A Learning Algorithm for Boltzmann Machines (1985); top-k: Fan, Lewis,
Dauphin: Hierarchical Neural Story Generation (2018); top-p (nucleus): Holtzman et al.: The Curious Case of Neural Text
Degeneration (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

State = Any


class Writer(Protocol):
    """A network that predicts the next character from a state."""

    def start(self, numbers: Any) -> tuple[Any, State]:
        """Read a prompt, shape (characters,); return the logits of the next character, shape (size,), and the state."""
        ...

    def step(self, state: State, number: int) -> tuple[Any, State]:
        """Read one more character; return the logits of the next character and the state, as `start` does."""
        ...


@dataclass(frozen=True)
class Sampling:
    """Settings of the sampling of characters.

    Attributes:
        temperature: Divisor of the logits; below 1, probable characters become more probable.
        top_k: Number of most probable characters to sample from; 0 for all.
        top_p: Probability that the characters to sample from reach together, taking the most probable first.
        seed: Seed of the random numbers.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError for settings out of range."""
        if not self.temperature > 0:
            raise ValueError(
                f"temperature must be above 0, received {self.temperature}; 0.01 almost always takes the most probable"
            )
        if self.top_k < 0:
            raise ValueError(f"top_k must be at least 0, received {self.top_k}; 0 samples from all characters")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, received {self.top_p}")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, received {self.seed}")


def write(writer: Writer, prompt: Any, length: int, sampling: Sampling, never: int | None = None) -> Iterator[int]:
    """Yield the numbers of the characters that follow a prompt.

    Args:
        writer: The network.
        prompt: Character numbers of the prompt, shape (characters,); at least one.
        length: Number of characters to write.
        sampling: Settings of the sampling; the same seed gives the same text.
        never: Number of a character that is never written; None if all may be written.
    """
    random = np.random.default_rng(sampling.seed)
    logits, state = writer.start(np.asarray(prompt))
    for index in range(length):
        if never is not None:
            logits = np.where(np.arange(len(logits)) == never, -np.inf, logits)
        number = choose(logits, random.random(), sampling)
        yield number
        if index + 1 < length:
            logits, state = writer.step(state, number)


def choose(logits: Any, drawn: float, sampling: Sampling) -> int:
    """Sample a character: return the number whose interval of cumulative probability contains `drawn`, from 0 to 1."""
    logits = np.asarray(logits, np.float64)
    # Subtract before dividing: with a tiny temperature, the highest logit would become infinite.
    with np.errstate(over="ignore"):
        weights = np.exp((logits - logits.max()) / sampling.temperature)
    if sampling.top_k or sampling.top_p < 1:
        order = np.argsort(-weights, kind="stable")
        cumulative = np.cumsum(weights[order]) / weights.sum()
        # The character with which the sum reaches top_p is included.
        count = 1 + int(np.searchsorted(cumulative, sampling.top_p)) if sampling.top_p < 1 else len(order)
        weights[order[min(count, sampling.top_k or count) :]] = 0.0
    ends = np.cumsum(weights)
    return min(int(np.searchsorted(ends, drawn * ends[-1], side="right")), int(np.flatnonzero(weights)[-1]))
