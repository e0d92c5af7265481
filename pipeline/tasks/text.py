"""Texts, character by character: ties text, network, loop and writing together."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.config import TEXT_MONITORS, TextData, TextEvaluate, TextTrain
from pipeline.data.texts import UNKNOWN, TextSchema, TextSettings, load_part, prepare_text
from pipeline.storage import AUDIT, PROCESSED, RAW, write_json, write_text
from pipeline.tasks.predictor import Batches, Predictor, TaskError
from pipeline.tasks.task import SAMPLES, Column, Evaluation, Lesson, Scores, Task
from pipeline.tasks.text_predictor import TextPredictor

if TYPE_CHECKING:
    import keras

    from pipeline.metrics import TextScores
    from pipeline.training import Examples

PROMPT = 40
"""Characters of the validation or test part with which a sample begins."""
SCORED = 2_000
"""Characters of the validation part on which formats of fewer bits are scored."""
SAMPLE_LENGTH = 100
"""Characters on which formats of a network are compared that reads on and on."""


class TextTask(Task):
    """Networks that write texts."""

    @cached_property
    def schema(self) -> TextSchema:
        """Facts that preprocess found."""
        return TextSchema.load(PROCESSED)

    @property
    def monitors(self) -> tuple[str, ...]:
        return TEXT_MONITORS

    def preprocess(self) -> str:
        data: TextData = self.config.data
        settings = TextSettings(
            file=data.file,
            lowercase=data.lowercase,
            min_count=data.min_count,
            validation_fraction=data.validation_fraction,
            test_fraction=data.test_fraction,
        )
        prepared = data.model_dump(mode="json")
        schema, warnings = prepare_text(settings, prepared, RAW, PROCESSED, self.config.task)
        facts = {"sha256": schema.sha256, "characters": len(schema.characters), "lengths": schema.lengths}
        write_json(AUDIT, {**facts, "rare": schema.rare, "warnings": warnings})
        write_text(AUDIT.with_suffix(".md"), _page(self.config.name, schema, warnings))
        for each in warnings:
            print(f"preprocess: warning: {each['subject']}: {each['text']}", flush=True)
        lengths = ", ".join(f"{split} {count:,}" for split, count in schema.lengths.items())
        return f"{len(schema.characters):,} different characters; {lengths}"

    def build(self) -> "keras.Model":
        from pipeline import models

        settings, precision = self.config.model, models.resolved(self.config.train.precision)
        return models.writer(len(self.schema.characters), precision=precision, **settings.model_dump())

    def check(self) -> None:
        """Refuse a text that is too short for the network or the batch.

        Raises:
            TaskError: Saying by how much.
        """
        model, count = self.config.model, self.schema.lengths["train"]
        if model.name == "char_window":
            if count <= model.window:
                raise TaskError(
                    f"model.window: a window of {model.window:,} characters and the one behind it do not fit into the "
                    f"{count:,} of the training text; set it lower"
                )
        elif count <= self.config.train.batch_size:
            raise TaskError(
                f"train.batch_size: the training text of {count:,} characters cannot be read at "
                f"{self.config.train.batch_size:,} places side by side; set it lower"
            )

    def lesson(self, model: "keras.Model") -> Lesson:
        from pipeline.models import character_loss

        settings: TextTrain = self.config.train
        predictor, val = TextPredictor(self.schema, model), load_part(PROCESSED, "val")
        return Lesson(
            self._examples(model),
            loss=character_loss(settings.label_smoothing),
            validate=lambda _network: self._validate(predictor, val),
            optimizer=settings.optimizer,
        )

    def evaluate(self, folder: Path) -> Evaluation:
        predictor = TextPredictor.load(folder)
        scores, tables, curves = {}, {}, {}
        for split in ("test", "val"):
            text, count = load_part(PROCESSED, split), self.schema.lengths[split]
            print(f"evaluate: {split}: {count:,} characters", flush=True)
            losses, right = predictor.writer.losses(text, len(text) - count)
            scores[split], score = self._scores(losses, right)
            tables[split] = _table(self.schema, text[len(text) - count :], losses, right)
            if split == "test":
                curves = {"bits_by_place": score.by_place()}
        return Evaluation(scores, curves, tables, write_besides=partial(self._write_sample, predictor))

    def baselines(self) -> Iterator[tuple[str, Scores]]:
        from pipeline.tasks import text_baselines

        train, test = load_part(PROCESSED, "train"), load_part(PROCESSED, "test")
        context = len(test) - self.schema.lengths["test"]
        for name, baseline in text_baselines.BASELINES.items():
            found = baseline(train, test, context, len(self.schema.characters))
            yield name, self._scores(found.losses, found.right)[0]

    @classmethod
    def predictor(cls, folder: Path) -> Predictor:
        return TextPredictor.load(folder)

    def untrained(self) -> Predictor:
        return TextPredictor(self.schema, self.build())

    def columns(self) -> list[Column]:
        return [Column("prompt", False)]

    def outputs(self) -> list[Column]:
        return [Column("text", False)]

    def example(self) -> list[dict[str, Any]]:
        return [{"prompt": self._prompt("test", load_part(PROCESSED, "test"))}]

    def encoded_samples(self, predictor: Any, networks: Mapping[str, "keras.Model"]) -> Batches:
        from pipeline.models import state_widths

        part = load_part(PROCESSED, "test")
        found: Batches = {}
        for name, network in networks.items():
            window = next(tensor.shape[1] for tensor in network.inputs if tensor.name == "text")
            zeros = {state: np.zeros((SAMPLES, units), np.float32) for state, units in state_widths(network).items()}
            found[name] = []
            # The last is what a written character takes.
            for width in [window] if window else [min(SAMPLE_LENGTH, len(part)), 1]:
                starts = np.linspace(0, len(part) - width, SAMPLES).astype(np.int64)
                found[name].append({"text": part[starts[:, None] + np.arange(width)], **zeros})
        return found

    def score_of(self, predictor: Any, asked: Any, _networks: Mapping[str, Any]) -> tuple[str, float, int]:
        text = load_part(PROCESSED, "val")
        # It begins with what stands before it in the text: read, not scored.
        begin = max(len(text) - self.schema.lengths["val"], predictor.writer.window or 1)
        losses: list[float] = []
        logits, state = asked.start(text[:begin])
        for number in text[begin : begin + SCORED].tolist():
            moved = np.asarray(logits, np.float64) - np.max(logits)
            losses.append(float(np.log(np.exp(moved).sum()) - moved[number]))
            logits, state = asked.step(state, number)
        return "bits_per_char", float(np.mean(losses) / np.log(2)), len(losses)

    def _examples(self, model: "keras.Model") -> "Examples":
        from pipeline.models import state_widths
        from pipeline.training import StreamExamples, WindowExamples

        network, train, text = self.config.model, self.config.train, load_part(PROCESSED, "train")
        if network.name == "char_window":
            return WindowExamples(text, network.window, network.step, train.batch_size)
        return StreamExamples(text, train.batch_size, train.sequence, state_widths(model))

    def _validate(self, predictor: TextPredictor, val: npt.NDArray[np.int32]) -> tuple[dict[str, float], str]:
        from pipeline.metrics import TextScores

        settings: TextTrain = self.config.train
        score = TextScores(*predictor.writer.losses(val, len(val) - self.schema.lengths["val"]))
        length, prompt = settings.sample_length, self._prompt("val", val)
        return score(np.ones(len(score))), self._sample(predictor, prompt, length) if length else ""

    def _scores(self, losses: npt.NDArray[Any], right: npt.NDArray[np.bool_]) -> tuple[Scores, "TextScores"]:
        from pipeline.metrics import TextScores, intervals

        settings: TextEvaluate = self.config.evaluate
        score = TextScores(losses, right)
        ranges = intervals(score, np.arange(len(score)), settings.bootstrap_samples, settings.confidence)
        return Scores(score(np.ones(len(score))), ranges), score

    def _prompt(self, split: str, part: npt.NDArray[np.int32]) -> str:
        """Return what stands before a held-out part, and has been read by the network."""
        context = len(part) - self.schema.lengths[split]
        length = max(PROMPT, getattr(self.config.model, "window", 1))
        return self.schema.text(part[max(0, context - length) : context])

    def _sample(self, predictor: TextPredictor, prompt: str, length: int) -> str:
        """Return a prompt and what follows it, drawn as the evaluation is told to."""
        from pipeline.decoding import Sampling

        settings: TextEvaluate = self.config.evaluate
        sampling = Sampling(settings.temperature, settings.top_k, settings.top_p, self.config.seed)
        return prompt + "".join(predictor.written(prompt, length, sampling))

    def _write_sample(self, predictor: TextPredictor, out: Path) -> str:
        settings: TextEvaluate = self.config.evaluate
        prompt = self._prompt("test", load_part(PROCESSED, "test"))
        text = self._sample(predictor, prompt, settings.sample_length)
        (out / "sample.txt").write_text(f"{text}\n", encoding="utf-8", newline="")
        return f"sample.txt: {settings.sample_length:,} characters after the last {len(prompt)} before the test part"


def _table(
    schema: TextSchema, text: npt.NDArray[np.int32], losses: npt.NDArray[Any], right: npt.NDArray[np.bool_]
) -> pa.Table:
    characters = pa.array(list(schema.characters)).take(pa.array(text))
    bits = (losses / np.log(2)).astype(np.float32)
    return pa.table({"character": characters, "bits": bits, "right": right})


def _page(name: str, schema: TextSchema, warnings: Sequence[dict[str, str]]) -> str:
    lines = [f"# {name}: the text", "", "| split | characters |", "|---|---|"]
    lines += [f"| {split} | {count:,} |" for split, count in schema.lengths.items()]
    lines += ["", f"{len(schema.characters):,} different characters. sha256 of the text: {schema.sha256}.", ""]
    if schema.rare:
        lines += [f"{schema.rare:,} characters are rare and stand for {UNKNOWN}.", ""]
    lines += [f"- {each['subject']}: {each['text']}" for each in warnings]
    return "\n".join(lines).rstrip() + "\n"
