"""Formats of a network: each is written, run and compared with Keras on the same inputs."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from pipeline.exporting.bundle import Portable, write_bundle
from pipeline.exporting.errors import ExportError
from pipeline.portable import bundle
from pipeline.portable.runtime import Network
from pipeline.storage import write_json

Inputs = Mapping[str, Any]
Array = npt.NDArray[np.float64]
Runner = Callable[[Inputs], Any]
"""Inputs by name → an array, or arrays by name."""
CLOSE = 1e-4
"""Largest difference to Keras that passes, by the largest number of the output: sums in float32, in another order."""
ADVICE = "Nothing is exported; export.formats=[] goes on without, and this network is worth a report"
REPEATS = 20
EXAMPLE = "example.json"


def _numpy(portable: Portable, folder: Path) -> dict[str, Runner]:
    write_bundle(portable, folder)

    def runner(network: Network) -> Runner:
        return lambda inputs: network(**inputs)

    return {name: runner(network) for name, network in bundle.networks(folder).items()}


@dataclass(frozen=True)
class Format:
    """How a network is written.

    Attributes:
        write: Writes it into a folder that exists, and returns what runs each network as it was written.
        answers: Asks what was written with raw input.
    """

    write: Callable[[Portable, Path], dict[str, Runner]]
    answers: Callable[[Path, Any], Any]


FORMATS = {"numpy": Format(_numpy, lambda folder, given: bundle.load(folder)(given))}


def export(
    portable: Portable, samples: Mapping[str, Sequence[Inputs]], example: Any, formats: Sequence[str], folder: Path
) -> dict[str, Any]:
    """Write a network in some formats, and compare each with Keras.

    Args:
        portable: The networks, and what raw input takes.
        samples: Inputs of each network, batches of several examples.
        example: What the network is asked with raw input, and what Keras answers, as JSON: `input` and `output`;
            written beside it.
        formats: Keys of `FORMATS`.
        folder: A subfolder each.

    Returns:
        A report: by format and network the largest difference to Keras, by the largest number that Keras puts out; the
        milliseconds of a call for one row of the last batch, and those of Keras' compiled graph; bytes of all files.

    Raises:
        ExportError: A layer that a format does not know, or outputs that are not those of Keras.
    """
    in_keras = {name: graph_in_keras(model) for name, model in portable.networks.items()}
    expected = {name: [_named(run(each)) for each in samples[name]] for name, run in in_keras.items()}
    report: dict[str, Any] = {
        "task": portable.task,
        "networks": {
            name: {
                "parameters": model.count_params(),
                "compared_rows": sum(len(next(iter(each.values()))) for each in samples[name]),
                "keras_milliseconds": _milliseconds(in_keras[name], samples[name][-1]),
            }
            for name, model in portable.networks.items()
        },
        "formats": {},
    }
    for form in formats:
        (folder / form).mkdir()
        runners = FORMATS[form].write(portable, folder / form)
        write_json(folder / form / EXAMPLE, example)
        report["formats"][form] = {
            "raw_input_agrees": _agree(FORMATS[form].answers(folder / form, example["input"]), example["output"]),
            "bytes": sum(path.stat().st_size for path in (folder / form).rglob("*") if path.is_file()),
            "networks": {
                name: {
                    "largest_difference": _compared(form, name, run, samples[name], expected[name]),
                    "milliseconds": _milliseconds(run, samples[name][-1]),
                }
                for name, run in runners.items()
            },
        }
    return report


def graph_in_keras(model: keras.Model) -> Runner:
    """Return what Keras has that is fastest for one example at a time."""
    import tensorflow as tf

    specs = {tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in model.inputs}
    graph = tf.function(lambda inputs: model(inputs, training=False), input_signature=[specs], autograph=False)
    return lambda inputs: graph({name: tf.constant(array, specs[name].dtype) for name, array in inputs.items()})


def _compared(form: str, name: str, run: Runner, samples: Sequence[Inputs], expected: Sequence[Any]) -> float:
    largest = 0.0
    for inputs, wanted in zip(samples, expected, strict=True):
        found = _named(run(inputs))
        for output, array in wanted.items():
            if output not in found or found[output].shape != array.shape:
                received = found[output].shape if output in found else "nothing"
                raise ExportError(
                    f"{form}: {name}: {output} should have the shape {array.shape}, is {received}. {ADVICE}"
                )
            largest = max(largest, _difference(found[output], array))
    if largest > CLOSE:
        raise ExportError(
            f"{form}: {name}: differs from Keras by {largest:.2g} of its largest output, of which at most {CLOSE:g} is "
            f"float32's. {ADVICE}"
        )
    return largest


def _difference(found: Array, wanted: Array) -> float:
    """Return the largest difference by the largest number; where Keras gives none, the format must give none either."""
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    finite = np.abs(wanted[np.isfinite(wanted)])
    scale = finite.max(initial=0.0) or 1.0
    with np.errstate(invalid="ignore"):
        differences = np.where(same, 0.0, np.abs(found - wanted) / scale)
    return float(np.nan_to_num(differences, nan=np.inf).max(initial=0.0))


def _agree(answer: Any, expected: Any) -> bool:
    """Compare an answer with what JSON holds of Keras' one: numbers as `CLOSE` has it, texts to the letter."""
    if isinstance(expected, str):
        return "".join(answer) == expected
    if isinstance(expected, list):
        return len(answer) == len(expected) and all(map(_agree, answer, expected))
    return bool(abs(float(answer) - expected) <= CLOSE * max(1.0, abs(expected)))


def _named(outputs: Any) -> dict[str, Any]:
    named = outputs if isinstance(outputs, Mapping) else {"output": outputs}
    return {name: np.asarray(each, np.float64) for name, each in named.items()}


def _milliseconds(run: Runner, inputs: Inputs) -> float:
    """Return how long the first example of a batch takes, by itself: the median of several times."""
    one = {name: array[:1] for name, array in inputs.items()}
    run(one)
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        run(one)
        taken.append(time.perf_counter() - began)
    return round(1000 * median(taken), 4)
