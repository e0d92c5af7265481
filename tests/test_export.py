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
import pytest
from conftest import ROOT, write_tiny
from pairs import pairs, write_pairs
from points import points
from test_config import faults
from texts import text, write_text
from tiny import tiny

from pipeline.config.sections import Export
from pipeline.decoding import Sampling
from pipeline.exporting import FORMATS, ExportError, Format, Portable, export
from pipeline.exporting.formats import open_onnx
from pipeline.storage import MODELS, RAW
from pipeline.tasks import Task, task_for
from pipeline.training import make_deterministic

PIECES = {"data__tokenizer": {"nr": "whitespace", "en": "bpe"}, "data__vocabulary_size": 30}
TOLD = {"model__target_statistics": True}
FAMILIES: dict[str, tuple[str, Callable[[], Task]]] = {
    "row": ("row", lambda: task_for(tiny(train__members=2, model__merge="piecewise"))),
    "row, crossed": ("row", lambda: task_for(tiny(model__crosses="pairs", **TOLD))),
    "row of codes": ("row", lambda: task_for(tiny(data__numeric=[], model__merge="none"))),
    "row of numbers": ("row", lambda: task_for(tiny(data__categorical=[], data__calendar=[], data__drop=["shop"]))),
    "row, amount": ("row", lambda: task_for(tiny(data__target="price", data__numeric=["shop_size"], **TOLD))),
    "row, classes": (
        "row",
        lambda: task_for(
            tiny(data__target="shop_town", data__categorical=["colour", "shop"], data__numeric=[], **TOLD)
        ),
    ),
    "sentence": ("sentence", lambda: task_for(pairs("transformer"))),
    "sentence, fixed": ("sentence", lambda: task_for(pairs("seq2seq", model__mask=False))),
    "sentence, pieces": ("sentence", lambda: task_for(pairs("attention", **PIECES))),
    "prompt": ("prompt", lambda: task_for(text("char_rnn"))),
    "prompt, windows": ("prompt", lambda: task_for(text("char_window"))),
    "point": ("point", lambda: task_for(points())),
}


@pytest.fixture(params=FAMILIES)
def saved(request: pytest.FixtureRequest, workspace: Path) -> tuple[str, Task]:
    """A network of random weights, in models/: what it says is beside the point."""
    for write in (write_tiny, write_pairs, write_text):
        write(RAW)
    example, make = FAMILIES[request.param]
    task = make()
    task.preprocess()
    make_deterministic(1)
    task.save(task.build(), MODELS)
    return example, task


def exported(task: Task, folder: Path, formats: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    predictor = task.predictor(MODELS)
    example = predictor.bundled(task.example())
    folder.mkdir()
    samples, score = partial(task.encoded_samples, predictor), partial(task.score_of, predictor)
    return export(predictor.portable(), samples, example, formats, folder, score), example


def alone(example: str, folder: Path) -> str:
    """Run an example where nothing but NumPy can be imported, and return what it prints."""
    packages = folder.parent / "packages"
    packages.mkdir()
    home = Path(np.__file__).parents[1]
    for name in ("numpy", "numpy.libs", "sentencepiece"):
        if (home / name).exists():  # no shared libraries beside it on every system
            (packages / name).symlink_to(home / name)
    elsewhere = folder.rename(folder.parent / "elsewhere")
    # -S: no site-packages.
    command = [sys.executable, "-S", str(ROOT / "examples" / f"{example}.py"), str(elsewhere / "numpy")]
    environment = {"PYTHONPATH": str(packages), "PYTHONIOENCODING": "utf-8", "PATH": os.environ["PATH"]}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_export_runs_alone_and_says_what_the_pipeline_says(saved: tuple[str, Task], tmp_path: Path) -> None:
    kind, task = saved
    formats = ["numpy", "onnx", *(["litert"] if task.config.tree["model"].get("merge") != "none" else [])]
    report, example = exported(task, tmp_path / "export", formats)
    names = {"encoder", "decoder"} if kind == "sentence" else {"network"}
    assert list(report["formats"]) == formats
    for found in report["formats"].values():
        assert set(report["networks"]) == set(found["networks"]) == names
        assert found["raw_input_agrees"] is True
        assert all(each["largest_difference"] <= 1e-4 for each in found["networks"].values())
    assert all(each["compared_rows"] >= 50 for each in report["networks"].values())
    printed = alone(kind, tmp_path / "export")
    if kind == "prompt":
        predictor: Any = task.predictor(MODELS)
        sampling = Sampling(temperature=0.7, seed=1)
        assert printed == example["input"] + "".join(predictor.written(example["input"], 200, sampling)) + "\n"
    elif kind == "sentence":
        for sentence, translations in zip(example["input"], example["output"], strict=True):
            assert f"{sentence}\n" in printed
            assert [f" {each}\n" in printed for each, _ in translations] == [True] * len(translations)
    elif kind == "row":
        given = [ast.literal_eval(line) for line in printed.splitlines()[1:]]
        assert given[::2] == example["input"]
        for answer, expected in zip(given[1::2], example["output"], strict=True):
            assert list(answer) == [column.name for column in task.outputs() if column.is_number]
            assert list(answer.values()) == pytest.approx(expected, rel=1e-4, abs=1e-5)
    else:
        lines = [line.split("] ")[1].split(" ", 1) for line in printed.splitlines()]
        assert [float(number) for number, _ in lines] == pytest.approx(example["output"], abs=1e-5)


WRONG: list[tuple[Callable[[Any], Any], str]] = [
    (
        lambda output: output * 1.01,
        r"other: network: differs from Keras by 0\.01 of its largest output, of which at most",
    ),
    (lambda output: output * np.nan, r"other: network: differs from Keras by inf of its"),
    (
        lambda output: output[:, 0],
        r"output should have the shape \(\d+, 1\), is \(\d+,\)\. Nothing is exported;",
    ),
    (lambda output: {"logits": output}, r"network: output should have the shape \(\d+, 1\), is nothing"),
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
        run = open_onnx(path)

        def other(inputs: dict[str, Any]) -> dict[str, Any]:
            output = wrong(run(inputs)["output"])
            return output if isinstance(output, dict) else {"output": output}

        return other

    monkeypatch.setitem(FORMATS, "other", Format(FORMATS["onnx"].write, opened))
    portable = Portable("threshold", {"network": model}, {"names": ["x1", "x2"]})
    points = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)

    def samples(_networks: Any) -> Any:
        return {"network": [{"point": points}]}

    def score(_asked: Any, _networks: Any) -> tuple[str, float]:
        return "accuracy", 1.0

    example = {"input": [[1.0, 2.0]], "output": [0.0]}
    with pytest.raises(ExportError, match=message):
        export(portable, samples, example, ["other"], tmp_path, score)
    report = export(portable, samples, example, ["numpy"], tmp_path, score)
    assert report["formats"]["numpy"]["raw_input_agrees"] is (scale == 1e-6)  # 0 is nearly right there alone
    assert export(portable, samples, example, [], tmp_path, score)["formats"] == {}


def test_every_format_of_the_configuration_is_there() -> None:
    assert set(get_args(get_args(Export.model_fields["formats"].annotation)[0])) == set(FORMATS)
    assert faults("export.formats=[numpy,numpy]") == ["export.formats: 'numpy' stands there twice"]
