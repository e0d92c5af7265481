"""Formats of a network: each is written, run and compared with Keras on the same inputs."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from pipeline.exporting.bundle import write_bundle, write_files
from pipeline.exporting.errors import ExportError
from pipeline.models.bundle_spec import BundleSpec
from pipeline.portable import bundle
from pipeline.portable.errors import BundleError
from pipeline.storage import write_json

Inputs = Mapping[str, Any]
Samples = Mapping[str, Sequence[Inputs]]
Array = npt.NDArray[np.float64]
Runner = Callable[[Inputs], Any]
"""Inputs by name → an array, or arrays by name."""
CLOSE = 1e-4
"""Largest difference to Keras that passes, by the largest number of the output: sums in float32, in another order."""
ADVICE = "Nothing is exported; export.formats=[] goes on without, and this network is worth a report"
REPEATS = 20
EXAMPLE = "example.json"


SUFFIX = {"onnx": ".onnx", "litert": ".tflite"}


@dataclass(frozen=True)
class Format:
    """How a network is written, and run.

    Attributes:
        write: Writes a bundle into a folder that exists.
        exact: It must give what Keras gives; of others it is told what they cost.
        fixed: Lengths may not vary.
    """

    write: Callable[[BundleSpec, Path], None]
    exact: bool = True
    fixed: bool = False


def _onnx(weights: str) -> Format:
    def write(spec: BundleSpec, folder: Path) -> None:
        from pipeline.exporting.reduced import reduced
        from pipeline.exporting.to_onnx import to_onnx

        models = {name: to_onnx(model) for name, model in spec.networks.items()}
        short = models if weights == "float32" else {name: reduced(each, weights) for name, each in models.items()}
        written = {name: each.SerializeToString(deterministic=True) for name, each in short.items()}
        write_files(spec, folder, written, SUFFIX["onnx"], single=False)

    return Format(write, exact=weights == "float32")


def _litert(weights: str) -> Format:
    def write(spec: BundleSpec, folder: Path) -> None:
        from pipeline.exporting.to_litert import to_litert

        written = {name: to_litert(model, weights) for name, model in spec.networks.items()}
        write_files(spec, folder, written, SUFFIX["litert"], single=True)

    return Format(write, exact=weights == "float32", fixed=True)


def _write_page(spec: BundleSpec, folder: Path) -> None:
    from pipeline.exporting.to_web import write_page

    write_page(spec, folder)


FORMATS = {
    "numpy": Format(write_bundle),
    "onnx": _onnx("float32"),
    "onnx_float16": _onnx("float16"),
    "onnx_int8": _onnx("int8"),
    "web": Format(_write_page),
    "litert": _litert("float32"),
    "litert_float16": _litert("float16"),
    "litert_int8": _litert("int8"),
}


def export(
    spec: BundleSpec,
    samples: Callable[[Mapping[str, keras.Model]], Samples],
    example: Any,
    formats: Sequence[str],
    folder: Path,
    score: Callable[[Any, Mapping[str, Any]], tuple[str, float, int]],
) -> dict[str, Any]:
    """Write a network in some formats, and compare each with Keras.

    Args:
        spec: The networks, and what raw input takes.
        samples: Networks → inputs of each, batches of several examples.
        example: What the network is asked with raw input, and what Keras answers, as JSON: `input` and `output`;
            written beside it.
        formats: Keys of `FORMATS`.
        folder: A subfolder each.
        score: What was written, as `bundle.load` and `bundle.networks` read it → name and value of the score that it
            reaches on validation examples, and on how many. Asked where weights have fewer bits, and once of full ones.

    Returns:
        A report: by format and network the largest difference to Keras, by the largest number that Keras puts out; the
        milliseconds of a call for one row of the last batch, and those of Keras' compiled graph; bytes of all files;
        of formats with fewer bits the score, and that with all of them.

    Raises:
        ExportError: A layer that a format does not know, or outputs that are not those of Keras.
    """
    report: dict[str, Any] = {"task": spec.task, "networks": {}, "formats": {}}
    compared: dict[bool, _Compared] = {}
    for form in formats:
        kind = FORMATS[form]
        if kind.fixed not in compared:
            networks = spec.fixed if kind.fixed and spec.fixed else spec
            compared[kind.fixed] = _Compared(networks, samples(networks.networks), example)
        report["formats"][form] = compared[kind.fixed].written(form, folder / form)
        if not kind.exact:
            name, value, count = score(bundle.load(folder / form), bundle.networks(folder / form))
            whole = compared[kind.fixed].with_all_bits(form, folder, score)
            numbers = {"value": value, "with_all_bits": whole}
            # A score that is no number (of one class alone) is none in JSON.
            known = {key: each if np.isfinite(each) else None for key, each in numbers.items()}
            report["formats"][form]["score"] = {"name": name, "examples": count, **known}
    for each in compared.values():
        report["networks"] = report["networks"] or each.networks()
    return report


class _Compared:
    """Networks, and what Keras makes of the samples."""

    def __init__(self, spec: BundleSpec, samples: Samples, example: Any) -> None:
        self._spec, self._samples, self._example = spec, samples, example
        self._in_keras = {name: graph_in_keras(model) for name, model in spec.networks.items()}
        self._expected = {name: [_named(run(each)) for each in samples[name]] for name, run in self._in_keras.items()}
        self._keras_milliseconds = {name: _milliseconds(run, samples[name][-1]) for name, run in self._in_keras.items()}
        self._whole: float | None = None

    def networks(self) -> dict[str, Any]:
        """Return what is the same for all formats."""
        return {
            name: {
                "parameters": model.count_params(),
                "compared_rows": sum(len(next(iter(each.values()))) for each in self._samples[name]),
            }
            for name, model in self._spec.networks.items()
        }

    def written(self, form: str, folder: Path) -> dict[str, Any]:
        """Write a format, and compare it."""
        kind = FORMATS[form]
        folder.mkdir()
        try:
            kind.write(self._spec, folder)
            runners = bundle.networks(folder)
        except (ImportError, BundleError) as error:
            raise ExportError(
                f"{form}: {error}; `uv pip install '.[export]'` brings the packages of all formats"
            ) from error
        write_json(folder / EXAMPLE, self._example)
        compared = {
            name: {
                "largest_difference": _compared(form, name, run, self._samples[name], self._expected[name]),
                "milliseconds": _milliseconds(_runner(run), self._samples[name][-1]),
                "keras_milliseconds": self._keras_milliseconds[name],
            }
            for name, run in runners.items()
        }
        asked = bundle.load(folder)
        return {
            "raw_input_agrees": _agree(asked(self._example["input"]), self._example["output"]),
            "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
            "networks": compared,
        }

    def with_all_bits(self, form: str, folder: Path, score: Callable[[Any, Any], tuple[str, float, int]]) -> float:
        """Return the score of the same networks, of the same lengths, with all bits."""
        if self._whole is None:
            # The first part of its name says of which format it is.
            whole = FORMATS[form.partition("_")[0]]
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                whole.write(self._spec, Path(scratch))
                self._whole = score(bundle.load(scratch), bundle.networks(scratch))[1]
        return self._whole


def _runner(network: Any) -> Runner:
    return lambda inputs: network(**inputs)


def graph_in_keras(model: keras.Model) -> Runner:
    """Return what Keras has that is fastest for one example at a time."""
    import tensorflow as tf

    specs = {tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in model.inputs}
    graph = tf.function(lambda inputs: model(inputs, training=False), input_signature=[specs], autograph=False)
    return lambda inputs: graph({name: tf.constant(array, specs[name].dtype) for name, array in inputs.items()})


def _compared(form: str, name: str, network: Any, samples: Sequence[Inputs], expected: Sequence[Any]) -> float:
    largest = 0.0
    for inputs, wanted in zip(samples, expected, strict=True):
        found = _named(network(**inputs))
        for output, array in wanted.items():
            if output not in found or found[output].shape != array.shape:
                received = found[output].shape if output in found else "nothing"
                raise ExportError(
                    f"{form}: {name}: {output} should have the shape {array.shape}, is {received}. {ADVICE}"
                )
            largest = max(largest, _difference(found[output], array))
    if largest > CLOSE and (FORMATS[form].exact or not np.isfinite(largest)):
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
