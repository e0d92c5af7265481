"""Training speed of the `enja` network: this pipeline against the original method in Keras' `fit`.

Both have the same network (23,437,898 parameters), 64 sentences per batch, and the same random sentences with the
lengths of small_parallel_enja (or the corpus itself if it is in the folder PIPELINE_MIRROR). The original method: all
sentences padded to 18 and 17 words, a softmax layer, integer targets (the original one-hot targets would be slower),
float32, Adam. Ours as committed: batches of similar length, logits, `train.precision=auto`, deterministic operations, a
checkpoint per epoch; figures that end in `_float32` use `train.precision=float32`. Each contender runs in its own
process, interleaved; the second epoch is timed. The rate is target tokens per second, without padding.

`loss_ratio`: validation loss after two epochs, as committed relative to float32 (with --loss, on the whole corpus).
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks._rates import Comparison
from benchmarks._settings import committed, train_settings
from pipeline.storage import PROJECT

WORDS, LENGTHS, BATCH = (6638, 8778), (18, 17), 64
Sentences = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]


def corpus(count: int) -> Sentences:
    """Return source and target sentences as numbers, shape (count, 18) each."""
    random = np.random.default_rng(0)
    folder = Path(os.environ.get("PIPELINE_MIRROR", "")) / "small_parallel_enja"
    if folder.is_dir():
        lines = [(folder / f"train.{side}").read_text(encoding="utf-8").splitlines() for side in ("en", "ja")]
        rows = random.permutation(len(lines[0]))[:count]
        lengths = [np.array([len(side[row].split()) for row in rows]) for side in lines]
    else:
        source = random.integers(4, 17, size=count)
        lengths = [source, np.clip(source + random.integers(-1, 5, size=count), 3, 16)]
    return tuple(_sentences(random, size, words) for size, words in zip(lengths, WORDS, strict=True))  # type: ignore[return-value]


def _sentences(random: np.random.Generator, lengths: npt.NDArray[Any], words: int) -> npt.NDArray[np.int32]:
    found = np.zeros((len(lengths), 18), np.int32)
    for row, length in zip(found, lengths.tolist(), strict=True):
        # Frequent words have small numbers, as in a vocabulary.
        row[1 : length + 1] = 4 + ((words - 4) * random.random(length) ** 3).astype(np.int32)
        row[0], row[length + 1] = 2, 3
    return found


def ours(count: int, precision: str) -> float:
    """Return the target tokens per second in the second epoch."""
    from pipeline.families.translation.data.tokens import PADDING
    from pipeline.families.translation.models.common import Sizes
    from pipeline.families.translation.models.examples import SentenceExamples
    from pipeline.families.translation.models.networks import translation_model
    from pipeline.families.translation.settings import Seq2Seq
    from pipeline.models import resolved
    from pipeline.models.losses import token_loss
    from pipeline.training import Checkpoints, Objective, Training, make_deterministic

    make_deterministic(1)
    source, target = corpus(count)
    settings = Seq2Seq(**committed("model/seq2seq.yaml"))
    model = translation_model(Sizes(*WORDS, None, None, 100), settings, precision=resolved(precision))
    objective = Objective(token_loss(0.0, PADDING), lambda _: ({"loss": 0.0}, ""), "loss", False)
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        Training(
            model,
            SentenceExamples(source, target, BATCH, "sentences", trimmed=True),
            objective,
            train_settings(2),
            1,
            Checkpoints(Path(scratch) / "c"),
            on_epoch=lambda _: ends.append(time.monotonic()),
            save_network=lambda _: None,
        ).run(None)
    return float((target != 0).sum() - count) / (ends[1] - ends[0])


def seed(count: int) -> float:
    """Return the target tokens per second in the second epoch of the original method."""
    import pipeline.models.backend  # noqa: F401  (loads Keras without its start-up messages)

    import keras  # isort: skip

    keras.utils.set_random_seed(1)
    source, target = corpus(count)
    words = [keras.Input((length,)) for length in LENGTHS]
    read = keras.layers.Embedding(WORDS[0], 256)(words[0])
    _, *state = keras.layers.LSTM(1024, return_state=True)(read)
    written = keras.layers.Embedding(WORDS[1], 256)(words[1])
    written = keras.layers.LSTM(1024, return_sequences=True)(written, initial_state=state)
    model = keras.Model(words, keras.layers.Dense(WORDS[1], activation="softmax")(written))
    if model.count_params() != 23_437_898:
        sys.exit(f"not the same network: {model.count_params():,} parameters")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    given = [source, target[:, :-1]]
    model.fit(given, target[:, 1:], batch_size=BATCH, epochs=1, verbose=0)
    began = time.monotonic()
    model.fit(given, target[:, 1:], batch_size=BATCH, epochs=1, verbose=0)
    return float((target != 0).sum() - count) / (time.monotonic() - began)


def loss(precision: str) -> float:
    """Return the validation loss of the `enja` experiment after two epochs."""
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch) / "clone"
        subprocess.run(["git", "clone", "-q", str(PROJECT), str(clone)], check=True)
        shared = ["experiment=enja", "train.epochs=2", "train.decode_sentences=10", f"train.precision={precision}"]
        for stage in ("fetch", "preprocess", "train"):
            command = [sys.executable, "-m", f"pipeline.{stage}", *shared, "tracking.log_model=false"]
            subprocess.run(command, cwd=clone, check=True, stdout=sys.stderr)
        rows = (clone / "models" / "history.csv").read_text(encoding="utf-8").splitlines()
        return float(rows[-1].split(",")[rows[0].split(",").index("val_loss")])


CONTENDERS = {
    "ours": lambda count: ours(count, "auto"),
    "ours_float32": lambda count: ours(count, "float32"),
    "seed": seed,
}


def main() -> None:
    """Compare the contenders and print the figures."""
    comparison = Comparison("train_translation", "target tokens", (1280, 6400), CONTENDERS)
    parser = comparison.arguments(__doc__)
    parser.add_argument(
        "--loss",
        action="store_true",
        help="also compare the losses of auto and float32 precision: two epochs each, half an hour",
    )
    given = parser.parse_args()
    comparison.run(given, lambda: {"loss_ratio": round(loss("auto") / loss("float32"), 4)} if given.loss else {})


if __name__ == "__main__":
    main()
