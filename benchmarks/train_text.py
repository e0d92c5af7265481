"""Training speed of a character model: `char_rnn` against the original method in Keras' `fit`, with equal LSTM width.

The text is the first 400,000 characters of the King James Bible in lower case. The original method: windows of 3
characters with step 2, one-hot arrays in memory, an LSTM of 128 units, a softmax, integer targets (the original one-hot
targets would be slower), RMSprop, 128 windows per step, float32. Ours: the whole text read in 64 parallel streams with
100 characters per step and carried state, embeddings of 64, the same LSTM, Adam, `train.precision=auto`, deterministic
operations. Each contender runs in its own process, interleaved; the second epoch is timed. The rate is predicted
characters per second.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks._rates import Comparison
from benchmarks._settings import committed, train_settings

UNITS, CHARACTERS = 128, 400_000


def text() -> tuple[npt.NDArray[np.int32], int]:
    """Return the text as numbers, and the number of distinct characters."""
    from pipeline.data import fetch

    with tempfile.TemporaryDirectory() as scratch:
        fetch("king_james", {"bible.txt": None}, Path(scratch), Path(scratch) / "raw")
        found = (Path(scratch) / "raw" / "bible.txt").read_text(encoding="utf-8").lower()[:CHARACTERS]
    characters = sorted(set(found))
    numbers = {character: number for number, character in enumerate(characters)}
    return np.array([numbers[character] for character in found], np.int32), len(characters)


def ours(count: int) -> float:
    """Return the characters per second in the second epoch."""
    from pipeline.families.text.models.common import character_loss, state_widths
    from pipeline.families.text.models.examples import StreamExamples
    from pipeline.families.text.models.networks import language_model
    from pipeline.families.text.settings import CharRnn
    from pipeline.models import resolved
    from pipeline.training import Checkpoints, Objective, Training, make_deterministic

    make_deterministic(1)
    numbers, size = text()
    settings = CharRnn(**committed("model/char_rnn.yaml", embedding_dim=64, hidden_units=UNITS))
    model = language_model(size, settings, precision=resolved("auto"))
    examples = StreamExamples(numbers[:count], 64, 100, state_widths(model))
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        Training(
            model,
            examples,
            Objective(character_loss(0.0), lambda _: ({"loss": 0.0}, ""), "loss", False),
            train_settings(2),
            1,
            Checkpoints(Path(scratch) / "c"),
            on_epoch=lambda _: ends.append(time.monotonic()),
            save_network=lambda _: None,
        ).run(None)
    return examples.amount(np.arange(examples.rows, dtype=np.int32)) / (ends[1] - ends[0])


def seed(count: int) -> float:
    """Return the characters per second in the second epoch of the original method."""
    import pipeline.models.backend  # noqa: F401  (loads Keras without its start-up messages)

    import keras  # isort: skip

    keras.utils.set_random_seed(1)
    numbers, size = text()
    windows = np.lib.stride_tricks.sliding_window_view(numbers[:count], 4)[::2]
    given, wanted = np.eye(size, dtype=np.float32)[windows[:, :-1]], windows[:, -1]
    model = keras.Sequential(
        [keras.Input((3, size)), keras.layers.LSTM(UNITS), keras.layers.Dense(size, activation="softmax")]
    )
    model.compile(keras.optimizers.RMSprop(0.01), "sparse_categorical_crossentropy")
    model.fit(given, wanted, batch_size=128, epochs=1, verbose=0)
    began = time.monotonic()
    model.fit(given, wanted, batch_size=128, epochs=1, verbose=0)
    return len(windows) / (time.monotonic() - began)


if __name__ == "__main__":
    comparison = Comparison("train_text", "characters", (100_000, CHARACTERS), {"ours": ours, "seed": seed})
    comparison.run(comparison.arguments(__doc__).parse_args())
