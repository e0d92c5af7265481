"""Export formats: each one is written, run and compared with Keras on the same inputs."""

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
"""Function from inputs by name to an array, or to arrays by name."""
CLOSE = 1e-4
"""Largest accepted difference from Keras, relative to the largest output: float32 sums in another order."""
ADVICE = "Nothing is exported. Set export.formats=[] to continue without an export, and please report this network"
REPEATS = 20
EXAMPLE = "example.json"


SUFFIX = {"onnx": ".onnx", "litert": ".tflite"}


@dataclass(frozen=True)
class Format:
    """An export format.

    Attributes:
        write: The function that writes a bundle into an existing folder.
        exact: Whether the outputs must equal those of Keras; for other formats, the loss of score is reported.
        fixed: Whether the format needs fixed lengths.
    """

    write: Callable[[BundleSpec, Path], None]
    exact: bool = True
    fixed: bool = False


def _onnx(weights: str) -> Format:
    def write(spec: BundleSpec, folder: Path) -> None:
        from pipeline.exporting.reduced import reduced
        from pipeline.exporting.to_onnx import to_onnx

        models = {name: to_onnx(model) for name, model in spec.networks.items()}
        if weights != "float32":
            models = {name: reduced(model, weights) for name, model in models.items()}
        written = {name: model.SerializeToString(deterministic=True) for name, model in models.items()}
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
    """Export a network to some formats, and compare each with Keras.

    Args:
        spec: The content of the bundle.
        samples: Function from networks to the inputs of each, as batches of several examples.
        example: A raw input and the answer of Keras as JSON, `input` and `output`; written into each bundle.
        formats: The formats to write, keys of `FORMATS`.
        folder: The folder to write, with one subfolder per format.
        score: Function from an exported bundle, as read by `bundle.load` and `bundle.networks`, to the name and value
            of its score on validation examples and the number of examples. Called for formats with reduced weights, and
            once for full weights.

    Returns:
        A report. By format and network: the largest difference from Keras, relative to the largest output of Keras, and
        the milliseconds per call for one row of the last batch, also for Keras' compiled graph. By format: the bytes of
        all files and, for reduced weights, the score and the score with full weights.

    Raises:
        ExportError: A format does not support a layer, or its outputs differ from those of Keras.
    """
    report: dict[str, Any] = {"task": spec.task, "networks": {}, "formats": {}}
    compared: dict[bool, _Comparison] = {}
    for form in formats:
        kind = FORMATS[form]
        if kind.fixed not in compared:
            networks = spec.fixed if kind.fixed and spec.fixed else spec
            compared[kind.fixed] = _Comparison(networks, samples(networks.networks), example)
        report["formats"][form] = compared[kind.fixed].written(form, folder / form)
        if not kind.exact:
            name, value, count = score(bundle.load(folder / form), bundle.networks(folder / form))
            full = compared[kind.fixed].with_all_bits(form, folder, score)
            scores = {"value": value, "with_all_bits": full}
            # JSON has no NaN (the score of examples of only one class): such a score becomes null.
            known = {key: number if np.isfinite(number) else None for key, number in scores.items()}
            report["formats"][form]["score"] = {"name": name, "examples": count, **known}
    for comparison in compared.values():
        report["networks"] = report["networks"] or comparison.networks()
    return report


class _Comparison:
    """Networks and the outputs of Keras for the samples, to compare exported formats with."""

    def __init__(self, spec: BundleSpec, samples: Samples, example: Any) -> None:
        self._spec, self._samples, self._example = spec, samples, example
        self._in_keras = {name: graph_in_keras(model) for name, model in spec.networks.items()}
        self._expected = {name: [_named(run(batch)) for batch in samples[name]] for name, run in self._in_keras.items()}
        self._keras_milliseconds = {name: _milliseconds(run, samples[name][-1]) for name, run in self._in_keras.items()}
        self._full_score: float | None = None

    def networks(self) -> dict[str, Any]:
        """Return the part of the report that is the same for all formats."""
        return {
            name: {
                "parameters": model.count_params(),
                "compared_rows": sum(len(next(iter(batch.values()))) for batch in self._samples[name]),
            }
            for name, model in self._spec.networks.items()
        }

    def written(self, form: str, folder: Path) -> dict[str, Any]:
        """Write one format, compare it with Keras, and return its part of the report."""
        kind = FORMATS[form]
        folder.mkdir()
        try:
            kind.write(self._spec, folder)
            runners = bundle.networks(folder)
        except (ImportError, BundleError) as error:
            raise ExportError(
                f"{form}: {error}; `uv pip install '.[export]'` installs the packages of all formats"
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
        predict = bundle.load(folder)
        return {
            "raw_input_agrees": _agree(predict(self._example["input"]), self._example["output"]),
            "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
            "networks": compared,
        }

    def with_all_bits(self, form: str, folder: Path, score: Callable[[Any, Any], tuple[str, float, int]]) -> float:
        """Return the score of the same networks, with the same lengths, in full precision."""
        if self._full_score is None:
            # The first part of the name is the format with full weights.
            full = FORMATS[form.partition("_")[0]]
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                full.write(self._spec, Path(scratch))
                self._full_score = score(bundle.load(scratch), bundle.networks(scratch))[1]
        return self._full_score


def _runner(network: Any) -> Runner:
    return lambda inputs: network(**inputs)


def graph_in_keras(model: keras.Model) -> Runner:
    """Return the fastest Keras call for one example at a time, a compiled graph."""
    import tensorflow as tf

    specs = {tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in model.inputs}
    graph = tf.function(lambda inputs: model(inputs, training=False), input_signature=[specs], autograph=False)
    return lambda inputs: graph({name: tf.constant(array, specs[name].dtype) for name, array in inputs.items()})


def _compared(form: str, name: str, network: Any, samples: Sequence[Inputs], expected: Sequence[Any]) -> float:
    largest = 0.0
    for inputs, expected_outputs in zip(samples, expected, strict=True):
        outputs = _named(network(**inputs))
        for output, array in expected_outputs.items():
            if output not in outputs or outputs[output].shape != array.shape:
                received = f"shape {outputs[output].shape}" if output in outputs else "no such output"
                raise ExportError(f"{form}: {name}: {output} should have shape {array.shape}; got {received}. {ADVICE}")
            largest = max(largest, _difference(outputs[output], array))
    if largest > CLOSE and (FORMATS[form].exact or not np.isfinite(largest)):
        raise ExportError(
            f"{form}: {name}: differs from Keras by {largest:.2g} of its largest output; float32 rounding explains at "
            f"most {CLOSE:g}. {ADVICE}"
        )
    return largest


def _difference(outputs: Array, expected: Array) -> float:
    """Return the largest difference relative to the largest finite output; NaN equals only NaN."""
    same = (outputs == expected) | (np.isnan(outputs) & np.isnan(expected))
    finite = np.abs(expected[np.isfinite(expected)])
    scale = finite.max(initial=0.0) or 1.0
    with np.errstate(invalid="ignore"):
        differences = np.where(same, 0.0, np.abs(outputs - expected) / scale)
    return float(np.nan_to_num(differences, nan=np.inf).max(initial=0.0))


def _agree(answer: Any, expected: Any) -> bool:
    """Return whether an answer equals that of Keras, read from JSON: numbers within `CLOSE`, texts exactly."""
    if isinstance(expected, str):
        return "".join(answer) == expected
    if isinstance(expected, list):
        return len(answer) == len(expected) and all(map(_agree, answer, expected))
    return bool(abs(float(answer) - expected) <= CLOSE * max(1.0, abs(expected)))


def _named(outputs: Any) -> dict[str, Any]:
    named = outputs if isinstance(outputs, Mapping) else {"output": outputs}
    return {name: np.asarray(array, np.float64) for name, array in named.items()}


def _milliseconds(run: Runner, inputs: Inputs) -> float:
    """Return the milliseconds for the first example of a batch alone, the median of several calls."""
    one = {name: array[:1] for name, array in inputs.items()}
    run(one)
    durations = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        run(one)
        durations.append(time.perf_counter() - began)
    return round(1000 * median(durations), 4)
