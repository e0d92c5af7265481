"""Training speed on tables of Red Hat's shape: this pipeline against one Embedding layer per column in Keras' `fit`.

All contenders have the same columns, batch size, embedding and hidden widths and dropouts. Each runs in its own
process, interleaved; the second epoch is timed, so that compilation does not count. Ours trains as the train stage
does: with deterministic operations, a validation (of one batch) and a checkpoint per epoch, and with Adam that updates
only the rows of a batch; the Adam of the others updates whole tables. Ours computes as committed, with
`train.precision=auto`, the others in float32; figures that end in `_float32` use `train.precision=float32`.
`gemm_share` is our speed relative to that of the three products of the plain network's first layer alone in float32,
measured in the same run; in float32, a value above 1 means that ours does fewer multiplications. A plain PyTorch loop
takes part if PyTorch is installed (`uv pip install --require-hashes -r requirements/bench.lock`).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt

from benchmarks._machine import machine
from benchmarks._settings import committed, train_settings
from pipeline.storage import PROJECT

BATCH, DIM, UNITS = 1024, 32, 256
SHAPES = {
    "low": [50] * 52,
    # activity_category, char_1 … char_10, group_1, people's char_1 … char_9, two calendar columns, 28 flags;
    # each with one extra code for unknown values
    "redhat": [8, 52, 33, 12, 8, 8, 6, 9, 19, 20, 6516, 34225, 3, 4, 44, 26, 10, 8, 26, 9, 10, 13, 8, *[3] * 28],
}
NUMBERS = 3


def table(sizes: list[int], rows: int) -> tuple[dict[str, npt.NDArray[np.generic]], npt.NDArray[np.float32]]:
    """Return random rows; frequent categories have small codes, as in a vocabulary."""
    random = np.random.default_rng(0)
    codes = np.stack([(size * random.random(rows) ** 3).astype("int32") for size in sizes], axis=1)
    numbers = random.normal(size=(rows, NUMBERS)).astype("float32")
    return {"categorical": codes, "numeric": numbers}, (random.random(rows) < 0.44).astype("float32")


def ours(shape: str, rows: int, precision: str = "auto") -> float:
    """Return the rows per second in the second epoch."""
    from pipeline.families.table.metrics.binary import Binary
    from pipeline.families.table.models.embedding_mlp import Features, embedding_mlp
    from pipeline.families.table.settings import EmbeddingMlp
    from pipeline.models import resolved
    from pipeline.training import ArrayExamples, Checkpoints, Objective, Training, make_deterministic

    make_deterministic(1)
    inputs, target = table(SHAPES[shape], rows)
    kind = Binary()
    settings = EmbeddingMlp(**committed("model/embedding_mlp.yaml"))
    features = Features(SHAPES[shape], [list(np.linspace(-2, 2, 257))] * NUMBERS, [[0.0]] * NUMBERS)
    model = embedding_mlp(
        features,
        kind,
        settings,
        precision=resolved(precision),
    )
    few = {name: array[:BATCH] for name, array in inputs.items()}
    objective = Objective(
        loss=kind.loss(),
        validate=lambda network: ({"auc": float(np.mean(network.predict_on_batch(few)))}, ""),
        monitor="auc",
        higher_is_better=True,
    )
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        Training(
            model,
            ArrayExamples(inputs, target, BATCH),
            objective,
            train_settings(2),
            1,
            Checkpoints(Path(scratch) / "c"),
            on_epoch=lambda _: ends.append(time.monotonic()),
            save_network=lambda _: None,
            lazy=True,
        ).run(None)
    return rows / (ends[1] - ends[0])


def seed(shape: str, rows: int) -> float:
    """Return the rows per second in the second epoch of one Embedding layer per column, with `fit`."""
    import keras

    keras.utils.set_random_seed(1)
    inputs, target = table(SHAPES[shape], rows)
    codes = [keras.Input((1,), dtype="int32") for _ in SHAPES[shape]]
    numbers = keras.Input((2 * NUMBERS,))
    parts = []
    for size, code in zip(SHAPES[shape], codes, strict=True):
        embedded = keras.layers.Embedding(size, DIM)(code)
        embedded = keras.layers.Dropout(0.2, noise_shape=(None, 1, 1))(embedded)
        parts.append(keras.layers.Flatten()(embedded))
    hidden = keras.layers.Dense(UNITS, activation="relu")(keras.layers.Concatenate()([*parts, numbers]))
    output = keras.layers.Dense(1, activation="sigmoid")(keras.layers.Dropout(0.5)(hidden))
    model = keras.Model([*codes, numbers], output)
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
    ends: list[float] = []
    timer = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(time.monotonic()))
    missing = np.isnan(inputs["numeric"])
    beside = np.concatenate([np.where(missing, 0, inputs["numeric"]), missing], axis=1).astype("float32")
    columns = [*np.split(inputs["categorical"], len(codes), axis=1), beside]
    model.fit(columns, target, batch_size=BATCH, epochs=2, verbose=0, callbacks=[timer])
    return rows / (ends[1] - ends[0])


def torch(shape: str, rows: int) -> float:
    """Return the rows per second in the second epoch of a plain PyTorch loop: one table, same dropouts and Adam."""
    import torch
    from torch import nn

    torch.manual_seed(1)
    arrays, answers = table(SHAPES[shape], rows)
    sizes = torch.tensor(SHAPES[shape])
    codes = torch.from_numpy(arrays["categorical"]) + (sizes.cumsum(0) - sizes)
    numbers, target = torch.from_numpy(arrays["numeric"]), torch.from_numpy(answers)
    columns = len(sizes)
    embedding = nn.Embedding(int(sizes.sum()), DIM)
    hidden, output = nn.Linear(columns * DIM + 2 * NUMBERS, UNITS), nn.Linear(UNITS, 1)
    weights = [*embedding.parameters(), *hidden.parameters(), *output.parameters()]
    optimizer, loss_of = torch.optim.Adam(weights, lr=1e-3), nn.BCEWithLogitsLoss()
    ends = []
    for _ in range(2):
        for batch in torch.randperm(rows).split(BATCH):
            kept = nn.functional.dropout(torch.ones(len(batch), columns, 1), 0.2)
            values = numbers[batch]
            missing = values.isnan()
            beside = [torch.where(missing, 0.0, values), missing.float()]
            embedded = (embedding(codes[batch]) * kept).flatten(1)
            found = torch.relu(hidden(torch.cat([embedded, *beside], dim=1)))
            loss = loss_of(output(nn.functional.dropout(found, 0.5))[:, 0], target[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        ends.append(time.monotonic())
    return rows / (ends[1] - ends[0])


def gemm(shape: str, rows: int) -> float:
    """Return the rows per second of the three products of the first layer: output, kernel and input gradients."""
    import tensorflow as tf

    width = len(SHAPES[shape]) * DIM + 2 * NUMBERS
    features, kernel = tf.random.normal((BATCH, width)), tf.random.normal((width, UNITS))
    steps = rows // BATCH

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def products(count: tf.Tensor) -> tf.Tensor:
        def one(step: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            output = tf.matmul(features, kernel + 0.0 * found)
            by_kernel = tf.matmul(features, output, transpose_a=True)
            by_input = tf.matmul(output, kernel, transpose_b=True)
            return step + 1, by_kernel[0, 0] + by_input[0, 0]

        return tf.while_loop(lambda step, _: step < count, one, [0, tf.constant(0.0)], parallel_iterations=1)

    products(tf.constant(2))
    began = time.monotonic()
    products(tf.constant(steps))
    return steps * BATCH / (time.monotonic() - began)


def ours_in_float32(shape: str, rows: int) -> float:
    """Return the rows per second of ours with float32 products."""
    return ours(shape, rows, "float32")


CONTENDERS = {"ours": ours, "float32": ours_in_float32, "seed": seed, "gemm": gemm}
if find_spec("torch"):  # requirements/bench.lock
    CONTENDERS["torch"] = torch


def measured(contender: str, shape: str, rows: int) -> float:
    """Run a contender in its own process; return its rate."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.train_table",
            "--contender",
            contender,
            "--shape",
            shape,
            "--rows",
            str(rows),
        ],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    """Compare the contenders and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="run one round with few rows")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--shape", choices=SHAPES, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contender:
        print(CONTENDERS[given.contender](given.shape, given.rows))
        return
    rows, rounds = (20 * BATCH, 1) if given.quick else (150 * BATCH, 3)
    figures: dict[str, float] = {}
    for shape in SHAPES:
        found: dict[str, list[float]] = {name: [] for name in CONTENDERS}
        for _ in range(rounds):
            for name in CONTENDERS:
                found[name].append(measured(name, shape, rows))
                print(f"{shape}: {name} {found[name][-1]:,.0f} rows/s", file=sys.stderr)
        middle = {name: median(values) for name, values in found.items()}
        figures |= {
            f"rows_per_second_{shape}": round(middle["ours"]),
            f"seed_rows_per_second_{shape}": round(middle["seed"]),
        }
        for rival in sorted(middle.keys() & {"seed", "gemm", "torch"}):
            name = {"gemm": "gemm_share", "torch": "vs_pytorch"}.get(rival, f"vs_{rival}")
            figures[f"{name}_{shape}"] = round(middle["ours"] / middle[rival], 2)
            figures[f"{name}_{shape}_float32"] = round(middle["float32"] / middle[rival], 2)
    print(
        json.dumps(
            {
                "benchmark": "train_table",
                "batch": BATCH,
                **figures,
                **machine("keras", "tensorflow", *(["torch"] if "torch" in CONTENDERS else [])),
            }
        )
    )


if __name__ == "__main__":
    main()
