"""Compare the scores of two networks on the same test examples, by the paired bootstrap.

Source: Efron and Tibshirani: An Introduction to the Bootstrap (1993); Koehn: Statistical Significance Tests for Machine
Translation Evaluation (2004). Every evaluation resamples the groups of its test examples in the same order, so that the
scores of two networks can be subtracted sample by sample.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from pipeline.metrics.bootstrap import interval
from pipeline.metrics.slices import Slice

Verdict = Literal["better", "worse", "cannot be told apart"]
FORMAT = 1
"""Version of the file that `TestScores.to_bytes` makes."""
MOST_TIMES = 1000
"""The largest multiple of the test examples that `Difference.needed` reports."""


class IncomparableError(ValueError):
    """Two networks were not scored on the same examples by the same score."""


@dataclass(frozen=True)
class TestScores:
    """The scores of a network on the test examples, with those of each bootstrap sample.

    Attributes:
        digest: Hash of the test examples.
        examples: The number of test examples.
        groups: The number of groups that are resampled.
        headline: Name of the main score.
        higher_is_better: Whether a higher main score is better.
        values: Name → score.
        samples: Name → the score of each bootstrap sample, shape (samples,).
        slices: The main score of parts of the test examples.
    """

    __test__ = False  # not a test, although pytest would collect it by its name

    digest: str
    examples: int
    groups: int
    headline: str
    higher_is_better: bool
    values: Mapping[str, float]
    samples: Mapping[str, npt.NDArray[np.float64]]
    slices: Sequence[Slice] = ()

    def to_bytes(self) -> bytes:
        """Return the content of a NumPy archive."""
        facts = {
            "format": FORMAT,
            "digest": self.digest,
            "examples": self.examples,
            "groups": self.groups,
            "headline": self.headline,
            "higher_is_better": self.higher_is_better,
            "values": dict(self.values),
            "slices": [each.row for each in self.slices],
        }
        arrays: dict[str, Any] = {f"samples/{name}": values for name, values in self.samples.items()}
        arrays |= {f"slices/{number}": each.samples for number, each in enumerate(self.slices)}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, facts=np.array(json.dumps(facts)), **arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read what `to_bytes` made.

        Raises:
            ValueError: The content is damaged, or was made by another version.
        """
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            facts = json.loads(str(archive["facts"]))
            if facts.pop("format") != FORMAT:
                raise ValueError("it was written by another version of this program; evaluate the run again")
            rows = facts.pop("slices")
            slices = [Slice.of(row, archive[f"slices/{number}"]) for number, row in enumerate(rows)]
            prefix = "samples/"
            samples = {name.removeprefix(prefix): archive[name] for name in archive.files if name.startswith(prefix)}
        return cls(**facts, samples=samples, slices=slices)


@dataclass(frozen=True)
class Difference:
    """How much better a network is than another one, on the same examples.

    Attributes:
        gain: By how much the main score is better; negative if it is worse, whichever direction is better.
        low: Lower end of the confidence interval of the gain.
        high: Upper end of the confidence interval of the gain.
        examples: The number of examples behind it.
    """

    gain: float
    low: float
    high: float
    examples: int

    @property
    def verdict(self) -> Verdict:
        """Whether it is better or worse beyond chance."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "cannot be told apart"

    @property
    def needed(self) -> int | None:
        """About how many examples would tell a difference of this size; None if far too many.

        The width of the interval falls with the square root of their number.
        """
        if self.gain == 0:
            return None
        times = ((self.high - self.low) / 2 / abs(self.gain)) ** 2
        return round(self.examples * times) if times <= MOST_TIMES else None


def difference(reference: TestScores, other: TestScores, confidence: float) -> Difference:
    """Compare the main scores of two networks.

    Args:
        reference: The scores of the network to compare with.
        other: The scores of the network that may be better.
        confidence: The confidence level; for the best of several comparisons pass one that holds for all of them.

    Raises:
        IncomparableError: The scores are those of different examples, or of different kinds.
    """
    if reference.digest != other.digest:
        raise IncomparableError(
            f"they were scored on different test examples ({reference.examples:,} and {other.examples:,})"
        )
    if reference.headline != other.headline:
        raise IncomparableError(f"their main scores are {reference.headline} and {other.headline}")
    name, sign = reference.headline, 1 if reference.higher_is_better else -1
    ends = _ends(sign, reference.samples[name], other.samples[name], confidence)
    return Difference(sign * (other.values[name] - reference.values[name]), *ends, reference.examples)


def slice_differences(reference: TestScores, other: TestScores, confidence: float) -> list[tuple[Slice, Difference]]:
    """Compare the main scores in each slice that both networks were scored on; each interval holds by itself."""
    sign = 1 if reference.higher_is_better else -1
    known, found = _by_place(reference.slices), []
    for place, each in _by_place(other.slices).items():
        before = known.get(place)
        if before is not None and each.examples == before.examples and np.isfinite([before.value, each.value]).all():
            ends = _ends(sign, before.samples, each.samples, confidence)
            found.append((each, Difference(sign * (each.value - before.value), *ends, each.examples)))
    return found


def _by_place(slices: Sequence[Slice]) -> dict[tuple[str, int], Slice]:
    """Return slices by column and position: their names contain numbers that are rounded in another way each time."""
    columns = [each.column for each in slices]
    return {(each.column, columns[:place].count(each.column)): each for place, each in enumerate(slices)}


def _ends(
    sign: int, reference: npt.NDArray[np.float64], other: npt.NDArray[np.float64], confidence: float
) -> tuple[float, float]:
    # Samples are drawn in the same order, whatever their number.
    count = min(len(reference), len(other))
    return interval(sign * (other[:count] - reference[:count]), confidence)
