"""The comparison of several runs with one reference."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.metrics import Difference, IncomparableError, difference, for_all, slice_differences
from pipeline.metrics.slices import Slice
from pipeline.storage import PipelineError
from pipeline.tracking import ScoredRun


class ComparisonError(PipelineError):
    """Runs cannot be compared."""


@dataclass(frozen=True)
class Compared:
    """One run, compared with the reference.

    Attributes:
        run: The run.
        difference: How much better it is on the test examples.
        slices: How much better it is in each slice that both were scored on.
    """

    run: ScoredRun
    difference: Difference
    slices: Sequence[tuple[Slice, Difference]]


@dataclass(frozen=True)
class Comparison:
    """Runs and the reference that they are compared with.

    Attributes:
        reference: The run that all others are compared with.
        others: The other runs.
        confidence: The confidence level at which all intervals of the others hold together.
    """

    reference: ScoredRun
    others: Sequence[Compared]
    confidence: float

    @property
    def runs(self) -> list[ScoredRun]:
        """All runs, the reference first."""
        return [self.reference, *(each.run for each in self.others)]

    @property
    def differing(self) -> dict[str, list[str]]:
        """Settings, data and code that are not the same in all runs: name → value of each run."""
        keys = dict.fromkeys(key for run in self.runs for key in run.params)
        values = {key: [run.params.get(key, "") for run in self.runs] for key in keys}
        values |= {"data": [run.data for run in self.runs], "code": [run.code for run in self.runs]}
        return {key: each for key, each in values.items() if len(set(each)) > 1}

    @property
    def best(self) -> Compared | None:
        """The best of the runs that are better than the reference beyond chance; None if none is."""
        better = [each for each in self.others if each.difference.verdict == "better"]
        return max(better, key=lambda each: each.difference.gain, default=None)


def compared(reference: ScoredRun, others: Sequence[ScoredRun], confidence: float) -> Comparison:
    """Compare runs with a reference on the same test examples.

    Of several runs the best is chosen, which may be the best by chance. Therefore each interval is so much wider that
    all of them hold together at the given confidence (Bonferroni).

    Raises:
        ComparisonError: A run was scored on other test examples, or by another score.
    """
    each_confidence = for_all(confidence, len(others))
    found = []
    for run in others:
        try:
            gain = difference(reference.scores, run.scores, each_confidence)
        except IncomparableError as error:
            raise ComparisonError(
                f"run {reference.run_id} ({reference.name}) and run {run.run_id} ({run.name}) cannot be compared: "
                f"{error}"
            ) from error
        # Slices show where to look; they decide nothing, and their intervals hold one by one.
        found.append(Compared(run, gain, slice_differences(reference.scores, run.scores, confidence)))
    return Comparison(reference, found, confidence)
