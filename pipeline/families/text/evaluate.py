"""Evaluation of a character language model on held-out text."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.families.text.data.schema import TextSchema, load_part
from pipeline.families.text.metrics.scores import TextScores
from pipeline.families.text.models.prompts import prompt_before, sampling_of, window_of
from pipeline.families.text.predictor import TextPredictor
from pipeline.storage import PROCESSED
from pipeline.tasks import Evaluation, EvaluationTask, Scores

if TYPE_CHECKING:
    from pipeline.metrics import Slice

MOST_WORST, SHOWN = 50, 200
"""Largest number of pieces in the table of the worst ones, and the number of characters that it shows of each."""


class EvaluateText(EvaluationTask):
    """Compute bits per character, and write a sample."""

    def evaluate(self, folder: Path) -> Evaluation:
        """Score the test and validation parts."""
        predictor = TextPredictor.load(folder)
        scores, tables, curves, worst, slices = {}, {}, {}, None, []
        for split in ("test", "val"):
            text, count = load_part(PROCESSED, split), self.schema.lengths[split]
            print(f"evaluate: {split}: {count:,} characters", flush=True)
            losses, right = predictor.generator.writer.losses(text, len(text) - count)
            score = TextScores(losses, right)
            scores[split] = Scores.resampled(score, np.arange(len(score)), self.config.evaluate)
            tables[split] = _table(self.schema, text[len(text) - count :], losses, right)
            if split == "test":
                curves = {"bits_by_place": score.by_place()}
                worst = self._worst(text[len(text) - count :], score)
                slices = self._slices(score)
        return Evaluation(
            scores,
            curves,
            tables,
            write_extras=partial(self._write_sample, predictor),
            slices=slices,
            worst=worst,
            identity=("character",),
            parameters=predictor.model.count_params(),
        )

    def facts(self) -> dict[str, str]:
        """Return the number of characters."""
        schema = self.schema
        return {
            "characters": f"{len(schema.characters)} different ones",
            "text": ", ".join(f"{split} {count:,} characters" for split, count in schema.lengths.items()),
        }

    def _slices(self, score: TextScores) -> "list[Slice]":
        from pipeline.metrics import by_number, restricted, score_slices

        starts = score.starts.astype(np.float64)
        return score_slices(
            [by_number("first character of the piece", starts)],
            partial(restricted, score),
            np.arange(len(score)),
            self.headline,
            self.config.evaluate.confidence,
        )

    def _worst(self, text: npt.NDArray[np.int32], score: TextScores) -> pa.Table:
        """Return the pieces with the most bits per character, with their beginnings as the network saw them."""
        bits = np.array(score.by_place()["bits_per_char"])
        order = np.argsort(-bits, kind="stable")[:MOST_WORST]
        beginnings = [text[start : start + SHOWN] for start in score.starts[order].tolist()]
        return pa.table(
            {
                "character": score.starts[order],
                "bits_per_char": bits[order],
                "text": ["".join(self.schema.characters[code] for code in codes) for codes in beginnings],
            }
        )

    def _write_sample(self, predictor: TextPredictor, out: Path) -> str:
        settings, part = self.config.evaluate, load_part(PROCESSED, "test")
        prompt = prompt_before(self.schema, "test", part, window_of(self.config.model))
        sampling = sampling_of(settings, self.config.seed)
        text = predictor.generator.sample(prompt, settings.sample_length, sampling)
        (out / "sample.txt").write_text(f"{text}\n", encoding="utf-8", newline="")
        return (
            f"sample.txt: {settings.sample_length:,} characters, continuing the last {len(prompt)} characters before "
            "the test part"
        )


def _table(
    schema: TextSchema, text: npt.NDArray[np.int32], losses: npt.NDArray[Any], right: npt.NDArray[np.bool_]
) -> pa.Table:
    characters = pa.array(list(schema.characters)).take(pa.array(text))
    bits = (losses / np.log(2)).astype(np.float32)
    return pa.table({"character": characters, "bits": bits, "right": right})
