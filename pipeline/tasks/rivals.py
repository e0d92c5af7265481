"""The simpler models of the baseline stage, compared with the network."""

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.config import format_score
from pipeline.storage import CONF, REPORTS
from pipeline.tasks.evaluation import Evaluation, EvaluationTask

if TYPE_CHECKING:
    import numpy.typing as npt

BASELINE = REPORTS / "baseline.json"
ARRAYS = REPORTS / "baseline.npz"
"""Arrays that evaluation compares the network with: those of `SAMPLES` and of `VALIDATION` for each model."""
SAMPLES, VALIDATION = "samples/", "validation/"
"""Prefixes of a model's name: its headline in each bootstrap sample of the test rows; its outputs for the validation
rows."""
Baseline = dict[str, dict[str, float]]
"""Model → its scores by name."""


def read_baseline() -> Baseline:
    """Return the scores of the baseline stage; empty if it has not run."""
    if not BASELINE.is_file():
        return {}
    baseline: Baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    return baseline


def better_model(task: EvaluationTask, evaluation: Evaluation) -> str:
    """Return a line on the best simpler model if it is better than the network by more than chance; else nothing.

    Both are scored on the same bootstrap samples of the test rows, and the differences are compared.
    """
    from pipeline.metrics import for_all, interval

    config, network = task.config, evaluation.scores["test"].samples.get(task.headline)
    if network is None:
        return ""
    sign = 1 if config.family.monitors[task.headline] else -1
    gains = {
        name: sign * (samples - network)
        for name, samples in baseline_arrays(SAMPLES).items()
        if samples.shape == network.shape
    }
    # Of several models the best is named: each interval is wider, so that they hold together (Bonferroni).
    confidence = for_all(config.evaluate.confidence, len(gains))
    better = {name: gain for name, gain in gains.items() if interval(gain, confidence)[0] > 0}
    if not better:
        return ""
    name = max(better, key=lambda each: float(np.nanmean(better[each])))
    gain, ends = float(np.nanmean(better[name])), interval(better[name], confidence)
    low, high = map(format_score, ends)
    tries = [f"dvc exp run -S experiment={config.name} -S {setting}" for setting in task.suggestions()[:2]]
    if (CONF / "sweep" / f"{config.task}.yaml").is_file():
        tries.append(f"python -m pipeline.train --multirun +sweep={config.task} experiment={config.name}")
    advice = f"; try {' or '.join(f'`{each}`' for each in tries)}" if tries else ""
    return f"{name} is better than this network: {task.headline} by {format_score(gain)} ({low} to {high}){advice}"


def better_together(task: EvaluationTask, evaluation: Evaluation) -> str:
    """Return a line on the mean of the network's and a simpler model's outputs if it is better than both, or nothing.

    All three are scored on the validation rows, on the same bootstrap samples; the mean has to be better than each by
    more than chance. Neither model was fitted to these rows, but both stopped by them. The test rows decide nothing.
    """
    from pipeline.metrics import interval

    config, outputs, score = task.config, evaluation.validation_outputs, evaluation.score_validation
    if outputs is None or score is None:
        return ""
    sign, network = 1 if config.family.monitors[task.headline] else -1, evaluation.scores["val"]
    for name, others in baseline_arrays(VALIDATION).items():
        if others.shape != outputs.shape:
            continue  # made from other data
        mean, other = score((outputs + others) / 2), score(others)
        gains = [sign * (mean.samples[task.headline] - each.samples[task.headline]) for each in (other, network)]
        # Better than both: each interval holds by itself, so no correction is needed.
        if all(interval(gain, config.evaluate.confidence)[0] > 0 for gain in gains):
            values = [format_score(each.values[task.headline]) for each in (mean, other, network)]
            return (
                f"the mean of this network's outputs and {name}'s would be better than either: on the validation "
                f"rows, {task.headline} {values[0]}; {name} {values[1]}, this network {values[2]}"
            )
    return ""


def baseline_arrays(prefix: str) -> "dict[str, npt.NDArray[Any]]":
    """Return the arrays of each model of the baseline stage, of the kind `SAMPLES` or `VALIDATION`."""
    if not ARRAYS.is_file():
        return {}
    with np.load(ARRAYS, allow_pickle=False) as archive:
        return {name.removeprefix(prefix): archive[name] for name in archive.files if name.startswith(prefix)}
