"""The export stage: what it writes, what it finds, and what a process without any of this project makes of it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from conftest import ROOT, write_tiny
from pairs import pairs, write_pairs
from points import points
from texts import text, write_text
from tiny import tiny

from pipeline.decoding import Sampling
from pipeline.exporting import FORMATS, ExportError, Portable, export
from pipeline.storage import MODELS, RAW
from pipeline.tasks import Predictor, Task, task_for
from pipeline.training import Checkpoints, make_deterministic

FAMILIES: dict[str, Callable[[], Task]] = {
    "row": lambda: task_for(tiny(train__epochs=1, train__members=2, model__merge="piecewise")),
    "sentence": lambda: task_for(pairs("transformer", train__epochs=1, train__decode_sentences=1)),
    "prompt": lambda: task_for(text("char_rnn", train__epochs=1)),
    "point": lambda: task_for(points(train__epochs=5)),
}


@pytest.fixture(params=FAMILIES)
def trained(request: pytest.FixtureRequest, workspace: Path) -> tuple[str, Task]:
    for write in (write_tiny, write_pairs, write_text):
        write(RAW)
    task = FAMILIES[request.param]()
    task.preprocess()
    make_deterministic(1)
    model = task.build()
    task.train(model, None, Checkpoints(Path("checkpoints")), lambda _record: None)
    task.save(model, MODELS)
    return request.param, task


def exported(task: Task, folder: Path) -> tuple[dict[str, Any], Predictor]:
    predictor = task.predictor(MODELS)
    portable = predictor.portable()
    folder.mkdir()
    return export(portable, task.samples(portable.networks), task.example(), ["numpy"], folder), predictor


def alone(example: str, folder: Path) -> str:
    """Run an example where nothing but NumPy can be imported, and return what it prints."""
    packages = folder.parent / "packages"
    packages.mkdir()
    home = Path(np.__file__).parents[1]
    for name in ("numpy", "numpy.libs"):
        if (home / name).exists():  # no shared libraries beside it on every system
            (packages / name).symlink_to(home / name)
    elsewhere = folder.rename(folder.parent / "elsewhere")
    command = [sys.executable, "-S", str(ROOT / "examples" / f"{example}.py"), str(elsewhere / "numpy")]
    # -S: no site-packages.
    environment = {"PYTHONPATH": str(packages), "PYTHONIOENCODING": "utf-8", "PATH": os.environ["PATH"]}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def expected(example: str, task: Task, predictor: Any) -> str:
    """Return what the example prints, from the pipeline's own prediction."""
    first = task.example()[0]
    found = predictor(pa.Table.from_pylist([first])).to_pylist()[0]
    if example == "row":
        return f"{first}\n[{found['probability']:.4f}"
    if example == "sentence":
        return f"{first['source']}\n{found['score']:.4f} {found['translation']}\n"
    if example == "point":
        return f"{first}\n{found['output']:.4f}"
    prompt = first["prompt"]
    return prompt + "".join(predictor.written(prompt, 200, Sampling(temperature=0.7, seed=1))) + "\n"


def rounded(printed: str, example: str) -> str:
    """Cut what is computed in another order to the digits that must agree."""
    if example not in ("row", "point"):
        return printed
    first, number = printed.splitlines()[:2]
    opening = "[" if number.startswith("[") else ""
    return f"{first}\n{opening}{float(number.strip('[]').split()[0]):.4f}"


def test_an_export_runs_alone_and_says_what_the_pipeline_says(trained: tuple[str, Task], tmp_path: Path) -> None:
    example, task = trained
    report, predictor = exported(task, tmp_path / "export")
    found = report["formats"]["numpy"]
    names = {"encoder", "decoder"} if example == "sentence" else {"network"}
    assert set(report["networks"]) == set(found["networks"]) == names
    for name in names:
        assert found["networks"][name]["largest_difference"] <= 1e-4
        assert found["networks"][name]["milliseconds"] > 0
        assert report["networks"][name]["compared_on"] >= 50
    files = {path.name for path in (tmp_path / "export" / "numpy").iterdir()}
    assert {"bundle.json", "weights.npz", "example.json", "portable"} <= files
    assert json.loads(json.dumps(report)) == report
    assert rounded(alone(example, tmp_path / "export"), example).startswith(expected(example, task, predictor))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda output: output + 0.01, r"other: network: differs from Keras by 0\.01, of which at most 0\.0001"),
        (lambda output: output * np.nan, r"other: network: differs from Keras by inf"),
        (lambda output: output[:, 0], r"other: network: output has the shape \(\d+,\), Keras' has \(\d+, 1\)"),
    ],
)
def test_a_format_that_computes_something_else_is_refused(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: Callable[[Any], Any], message: str
) -> None:
    def other(portable: Portable, folder: Path) -> Any:
        return {n: lambda given, run=run: wrong(run(given)) for n, run in FORMATS["numpy"](portable, folder).items()}

    monkeypatch.setitem(FORMATS, "other", other)
    task = task_for(points())
    task.preprocess()
    task.save(task.build(), MODELS)
    portable = task.predictor(MODELS).portable()
    with pytest.raises(ExportError, match=message):
        export(portable, task.samples(portable.networks), [], ["other"], tmp_path)
