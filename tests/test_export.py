"""The export stage: what it writes, what it finds, and what a process without any of this project makes of it."""

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np
import onnxruntime
import pytest
from conftest import ROOT, write_tiny
from pairs import pairs, write_pairs
from points import points
from stages import Stages
from test_config import faults
from texts import text, write_text
from tiny import tiny

from pipeline.config.sections import Export
from pipeline.exporting import FORMATS, BundleSpec, ExportError, Format, export
from pipeline.exporting.bundle import write_files
from pipeline.exporting.reduced import reduced
from pipeline.exporting.to_onnx import to_onnx
from pipeline.families.table.models.numeric import QuantileBins, ValueCodes
from pipeline.families.text.models.sampling import Sampling
from pipeline.portable import bundle
from pipeline.portable.bundle import BundleError
from pipeline.portable.external_runtime import OPENERS, open_session
from pipeline.storage import MODELS, PROCESSED, RAW
from pipeline.training import make_deterministic

pytestmark = pytest.mark.slow

PIECES = {"data__tokenizer": {"nr": "whitespace", "en": "bpe"}, "data__vocabulary_size": 30}
TOLD = {"model__target_statistics": True}
FAMILIES: dict[str, tuple[str, Callable[[], Stages]]] = {
    "row": ("row", lambda: Stages(tiny(train__ensemble_size=2, model__numeric_encoding="piecewise"))),
    "row, crossed": ("row", lambda: Stages(tiny(model__crosses="pairs", model__ensemble=3, **TOLD))),
    "row of codes": ("row", lambda: Stages(tiny(data__numeric=[], model__numeric_encoding="none"))),
    "row of numbers": (
        "row",
        lambda: Stages(tiny(data__categorical=[], data__calendar=[], data__drop=["shop"], model__ensemble=3)),
    ),
    "row, amount": ("row", lambda: Stages(tiny(data__target="price", data__numeric=["shop_size"], **TOLD))),
    "row, classes": (
        "row",
        lambda: Stages(tiny(data__target="shop_town", data__categorical=["colour", "shop"], data__numeric=[], **TOLD)),
    ),
    "sentence": ("sentence", lambda: Stages(pairs("transformer"))),
    "sentence, fixed": ("sentence", lambda: Stages(pairs("seq2seq", model__mask=False))),
    "sentence, pieces": ("sentence", lambda: Stages(pairs("attention", **PIECES))),
    "prompt": ("prompt", lambda: Stages(text("char_rnn"))),
    "prompt, windows": ("prompt", lambda: Stages(text("char_window"))),
    "point": ("point", lambda: Stages(points())),
}


@pytest.fixture(params=FAMILIES)
def saved(request: pytest.FixtureRequest, workspace: Path) -> tuple[str, str, Stages]:
    """A network of random weights, in models/: what it says is beside the point."""
    for write in (write_tiny, write_pairs, write_text):
        write(RAW)
    example, make = FAMILIES[request.param]
    task = make()
    task.preprocess()
    make_deterministic(1)
    task.save(task.build(), MODELS)
    return request.param, example, task


def exported(task: Stages, folder: Path, formats: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    predictor = task.trained_predictor(MODELS)
    example = predictor.bundle_example(predictor.example(PROCESSED))
    folder.mkdir()
    samples, score = partial(task.encoded_samples, predictor), partial(task.exported_score, predictor)
    return export(predictor.bundle(), samples, example, formats, folder, score), example


def alone(example: str, folder: Path) -> str:
    """Run an example where nothing but NumPy and the format's runtime can be imported; return what it prints."""
    packages = folder.parent / f"packages_{folder.name}"
    packages.mkdir()
    home = Path(np.__file__).parents[1]
    runtime = {"numpy": "sentencepiece", "onnx": "onnxruntime", "litert": "ai_edge_litert"}[folder.name]
    for name in ("numpy", "numpy.libs", "sentencepiece", runtime):
        if (home / name).exists() and not (packages / name).exists():  # no shared libraries beside it on every system
            (packages / name).symlink_to(home / name)
    elsewhere = folder.rename(folder.parent / f"elsewhere_{folder.name}")
    # -S: no site-packages.
    command = [sys.executable, "-S", str(ROOT / "examples" / f"{example}.py"), str(elsewhere)]
    environment = {"PYTHONPATH": str(packages), "PYTHONIOENCODING": "utf-8", "PATH": os.environ["PATH"]}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


IN_LITERT = ("row", "row, classes", "sentence", "sentence, fixed", "prompt", "prompt, windows", "point")
"""Those whose networks differ to it: each conversion takes seconds."""


def test_an_export_runs_alone_and_says_what_the_pipeline_says(saved: tuple[str, str, Stages], tmp_path: Path) -> None:
    name, kind, task = saved
    formats = ["numpy", "onnx", *(["litert"] if name in IN_LITERT else [])]
    report, example = exported(task, tmp_path / "export", formats)
    names = {"encoder", "decoder"} if kind == "sentence" else {"network"}
    assert list(report["formats"]) == formats
    for found in report["formats"].values():
        assert set(report["networks"]) == set(found["networks"]) == names
        assert found["raw_input_agrees"] is True
        assert all(each["largest_difference"] <= 1e-4 for each in found["networks"].values())
    assert all(each["compared_rows"] >= 50 for each in report["networks"].values())
    for form in formats:
        says_the_same(kind, task, example, alone(kind, tmp_path / "export" / form))


def says_the_same(kind: str, task: Stages, example: dict[str, Any], printed: str) -> None:
    predictor: Any = task.trained_predictor(MODELS)
    if kind == "prompt":
        sampling = Sampling(temperature=0.7, seed=1)
        assert (
            printed == example["input"] + "".join(predictor.generator.generate(example["input"], 200, sampling)) + "\n"
        )
    elif kind == "sentence":
        for sentence, translations in zip(example["input"], example["output"], strict=True):
            assert f"{sentence}\n" in printed
            assert [f" {each}\n" in printed for each, _ in translations] == [True] * len(translations)
    elif kind == "row":
        given = [ast.literal_eval(line) for line in printed.splitlines()[1:]]
        assert given[::2] == example["input"]
        for answer, expected in zip(given[1::2], example["output"], strict=True):
            assert list(answer) == [column.name for column in predictor.outputs() if column.is_number]
            assert list(answer.values()) == pytest.approx(expected, rel=1e-4, abs=1e-5)
    else:
        lines = [line.split("] ")[1].split(" ", 1) for line in printed.splitlines()]
        assert [float(number) for number, _ in lines] == pytest.approx(example["output"], abs=1e-5)


WRONG: list[tuple[Callable[[Any], Any], str]] = [
    (
        lambda output: output * 1.01,
        r"other: network: differs from Keras by 0\.01 of its largest output; float32 rounding explains",
    ),
    (lambda output: output * np.nan, r"other: network: differs from Keras by inf of its"),
    (
        lambda output: output[:, 0],
        r"output should have shape \(\d+, 1\); got shape \(\d+,\)\. Nothing is exported\.",
    ),
    (lambda output: {"logits": output}, r"network: output should have shape \(\d+, 1\); got no such output"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_a_format_that_computes_something_else_is_refused(
    workspace: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wrong: Callable[[Any], Any],
    message: str,
    scale: float,
) -> None:
    x = keras.Input((2,), name="point")
    model = keras.Model({"point": x}, keras.layers.Rescaling(scale)(keras.layers.Dense(1)(x)))

    def opened(path: Path) -> Callable[[dict[str, Any]], dict[str, Any]]:
        (_, opener) = OPENERS[".onnx"]
        run = opener(path)

        def other(inputs: dict[str, Any]) -> dict[str, Any]:
            output = wrong(run(inputs)["output"])
            return output if isinstance(output, dict) else {"output": output}

        return other

    def write(portable: BundleSpec, folder: Path) -> None:
        content = to_onnx(portable.networks["network"]).SerializeToString()
        write_files(portable, folder, {"network": content}, ".other", single=False)

    monkeypatch.setitem(OPENERS, ".other", ("other", opened))
    monkeypatch.setitem(FORMATS, "other", Format(write))
    portable = BundleSpec("threshold", {"network": model}, {"names": ["x1", "x2"]})
    points = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)

    def samples(_networks: Any) -> Any:
        return {"network": [{"point": points}]}

    def score(_asked: Any, _networks: Any) -> tuple[str, float, int]:
        return "accuracy", 1.0, 1

    example = {"input": [[1.0, 2.0]], "output": [0.0]}
    with pytest.raises(ExportError, match=message):
        export(portable, samples, example, ["other"], tmp_path, score)
    report = export(portable, samples, example, ["numpy"], tmp_path, score)
    assert report["formats"]["numpy"]["raw_input_agrees"] is (scale == 1e-6)  # 0 is nearly right there alone
    assert export(portable, samples, example, [], tmp_path, score)["formats"] == {}


REDUCED = ["onnx_float16", "onnx_int8", "litert_float16", "litert_int8"]


@pytest.mark.parametrize(
    "saved",
    ["row", *(pytest.param(each, marks=pytest.mark.faults) for each in ("sentence", "prompt")), "point"],
    indirect=True,
)
def test_what_fewer_bits_cost_is_said(saved: tuple[str, str, Stages], tmp_path: Path) -> None:
    _, kind, task = saved
    formats = [form for form in REDUCED if kind != "sentence" or form == "onnx_int8"]  # whose scores take long
    report, _ = exported(task, tmp_path / "export", [*formats, "onnx", *(["litert"] if kind != "sentence" else [])])
    for form in formats:
        found, whole = report["formats"][form], report["formats"][form.partition("_")[0]]
        differs = max(each["largest_difference"] for each in found["networks"].values())
        assert differs < (0.01 if form.endswith("float16") else 0.2)
        score = found["score"]
        assert score["name"] == {"prompt": "bits_per_char", "sentence": "bleu"}.get(kind, task.headline)
        assert score["value"] == pytest.approx(score["with_all_bits"], abs=0.1)
        if kind != "sentence":  # which is searched with a beam there
            assert score["with_all_bits"] == pytest.approx(
                task.evaluate(MODELS).scores["val"].values[score["name"]], abs=1e-4
            )
        assert "score" not in whole
        short, long = (
            sum(path.stat().st_size for path in (tmp_path / "export" / name).iterdir() if path.suffix in OPENERS)
            for name in (form, form.partition("_")[0])
        )
        assert short < long or kind in ("row", "point")  # no weight of those is large


def test_numbers_that_are_compared_with_keep_all_their_bits(workspace: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    known = [sorted(random.normal(size=700).tolist()), [0.5]]
    inner = [sorted(random.normal(size=300).tolist()), [0.0]]
    x = keras.Input((2,), name="numeric")
    model = keras.Model({"numeric": x}, {"codes": ValueCodes(known)(x), "bins": QuantileBins(inner)(x)})
    given = {"numeric": np.array([[value, 0.5] for value in known[0]], np.float32)}
    expected = {name: np.asarray(each) for name, each in model(given).items()}
    for kind in ("float16", "int8"):
        session = onnxruntime.InferenceSession(reduced(to_onnx(model), kind).SerializeToString())
        names = [output.name for output in session.get_outputs()]
        for name, found in zip(names, session.run(None, given), strict=True):
            np.testing.assert_array_equal(found, expected[name])


def test_weights_of_fewer_bits_are_near(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).normal(size=(64, 32)).astype(np.float32) * np.logspace(
        -3, 3, 32, dtype=np.float32
    )
    x = keras.Input((64,), name="point")
    layer = keras.layers.Dense(32)
    model = keras.Model({"point": x}, layer(x))
    layer.set_weights([weights, np.ones(32, np.float32)])
    given = np.eye(64, dtype=np.float32)
    for kind, near in (("float16", 2**-11), ("int8", 1 / 127)):
        session = onnxruntime.InferenceSession(reduced(to_onnx(model), kind).SerializeToString())
        (found,) = session.run(None, {"point": given})
        # Of each column's largest weight: a scale for the whole matrix would lose the small ones.
        assert (np.abs(found - 1 - weights).max(axis=0) <= near * np.abs(weights).max(axis=0) + 1e-6).all()


def test_what_a_format_cannot_express_is_said_with_the_format_that_can(workspace: Path, tmp_path: Path) -> None:
    write_tiny(RAW)
    task = Stages(tiny(model__numeric_encoding="none"))
    task.preprocess()
    task.save(task.build(), MODELS)
    with pytest.raises(
        ExportError,
        match=r"LiteRT does not support an operator of this network \(.*LowerBound.*; use the format numpy or",
    ):
        exported(task, tmp_path / "export", ["litert"])
    x = keras.Input((3, 2), name="text")
    model = keras.Model({"text": x}, keras.layers.LSTM(4, activation="selu")(x))
    with pytest.raises(
        ExportError,
        match=r"does not support activation 'selu' of a recurrent layer; it supports .* Use the format numpy",
    ):
        to_onnx(model)


@pytest.mark.parametrize(("form", "package"), [("onnx", "onnxruntime"), ("litert", "ai-edge-litert")])
def test_a_runtime_that_is_missing_or_a_damaged_file_is_told(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, package: str
) -> None:
    x = keras.Input((2,), name="point")
    portable = BundleSpec(
        "threshold", {"network": keras.Model({"point": x}, keras.layers.Dense(1)(x))}, {"names": ["a", "b"]}
    )
    FORMATS[form].write(portable, tmp_path)
    assert bundle.load(tmp_path)([[1.0, 2.0]]).shape == (1,)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, package.replace("-", "_"), None)
        patch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
        with pytest.raises(BundleError, match=rf"needs {package}, which is not installed; run `pip install {package}`"):
            bundle.load(tmp_path)
        with pytest.raises(ExportError, match=rf"{form}: .*needs {package}.*installs the packages of all formats"):
            (tmp_path / "again").mkdir()
            export(
                portable,
                lambda _n: {"network": [{"point": np.zeros((1, 2), np.float32)}]},
                {},
                [form],
                tmp_path / "again",
                lambda *_: ("", 0.0, 0),
            )
    (path,) = [each for each in tmp_path.iterdir() if each.suffix in OPENERS]
    garbage = path.with_name(f"garbage{path.suffix}")
    garbage.write_bytes(b"no network")
    with pytest.raises(BundleError, match=rf"garbage.*: {package} cannot open it: "):
        open_session(garbage, {}, single=False)
    assert len(bundle.load(tmp_path)(np.zeros((0, 2)))) == 0
    first = path.read_bytes()
    FORMATS[form].write(portable, tmp_path)
    assert path.read_bytes() == first
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BundleError, match="corrupt: sha256 is"):
        bundle.load(tmp_path)


def test_every_format_of_the_configuration_is_there() -> None:
    assert set(get_args(get_args(Export.model_fields["formats"].annotation)[0])) == set(FORMATS)
    assert faults("export.formats=[numpy,numpy]") == ["export.formats: 'numpy' is listed twice"]
