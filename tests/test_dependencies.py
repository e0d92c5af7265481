"""A stage depends on what can change its result, and on no other family: in dvc.yaml, and in its checkpoints' key."""

import shutil
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, Project, copy_project
from points import points
from stages import Stages

from pipeline.config import Family, dump, families
from pipeline.storage import code as code_module
from pipeline.storage import code_digest, code_files
from pipeline.tasks import training_code
from pipeline.tasks.training import NOT_DECISIVE

PARTS = {
    "preprocess": "preprocess",
    "baseline": "baseline",
    "train": "training",
    "evaluate": "evaluation",
    "export": "exporting",
}
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def used(family: Family, stage: str) -> set[str]:
    """Return the files that a stage imports for a family, but for what changes no result."""
    modules = [family.module(PARTS[stage])]
    modules += [family.module("predictor"), family.module("reader"), "pipeline.exporting"] if stage == "export" else []
    modules += ["pipeline.training"] if stage == "train" else []
    return {path.relative_to(ROOT).as_posix() for path in code_files(*modules, leave_out=NOT_DECISIVE).values()}


@pytest.mark.parametrize("stage", PARTS)
@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_dvc_names_what_a_stage_imports(family: Family, stage: str) -> None:
    deps = [dep.replace("${task}", family.name) for dep in STAGES[stage]["deps"]]
    covered = [dep for dep in deps if dep.startswith("pipeline/")]
    assert all((ROOT / dep).exists() for dep in covered)
    missing = [path for path in used(family, stage) if not any(path == d or path.startswith(f"{d}/") for d in covered)]
    assert not missing
    foreign = [dep for dep in covered if "/families/" in dep and f"/families/{family.name}/" not in dep]
    assert not foreign


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_a_checkpoint_s_key_holds_the_training_and_no_other_code(family: Family) -> None:
    code = training_code(family)
    names = {path.relative_to(ROOT / "pipeline").as_posix() for files in code.values() for path in files}
    assert f"families.{family.name}" in code
    assert {f"families/{family.name}/train.py", "training/loop.py", "models/saving.py"} <= names
    assert not [library for library in code if library.startswith("families.") and library != f"families.{family.name}"]
    for other in ("predictor.py", "proposal.py", "evaluate.py", "export.py", "bundle/reader.py"):
        assert f"families/{family.name}/{other}" not in names
    assert not {"exporting", "tracking", "config"} & set(code)
    assert "portable/bundle.py" not in names


def test_comments_and_docstrings_do_not_count_and_code_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_module, "PROJECT", tmp_path)
    path = tmp_path / "a.py"
    digests = []
    for text in (
        '"""What."""\nX = 1\n"""Why."""\n\n\ndef f() -> int:\n    """How."""\n    return X\n',
        '"""Another text."""\n# A comment.\nX = 1\n\n\ndef f() -> int:\n    return X  # here\n',
        "X = 2\n\n\ndef f() -> int:\n    return X\n",
    ):
        path.write_text(text, encoding="utf-8")
        digests.append(code_digest([path]))
    assert digests[0] == digests[1] != digests[2]


def edited(project: Project, *paths: str) -> str:
    """Add a comment to files; return what `dvc status` says then, and take the comment away again."""
    texts = {project.folder / path: (project.folder / path).read_text(encoding="utf-8") for path in paths}
    for file, text in texts.items():
        file.write_text(f"{text}# a remark\n", encoding="utf-8")
    said = project.run("dvc", "status")
    for file, text in texts.items():
        file.write_text(text, encoding="utf-8")
    return said


@pytest.mark.slow
def test_edits_run_exactly_the_stages_that_they_can_change(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "clone")
    shutil.rmtree(project.folder / "data" / "own")
    (project.folder / "data" / "own").mkdir()
    config = points(train__epochs=2, export__formats=[])
    (project.folder / "params.yaml").write_text(dump(config), encoding="utf-8")
    project.run("dvc", "repro")
    clean = project.run("dvc", "status")
    assert "up to date" in clean
    others = (
        "pipeline/families/text/models/char_rnn.py",
        "pipeline/families/table/data/guessing.py",
        "pipeline/families/translation/proposal.py",
        "pipeline/new.py",
        "pipeline/config/entry.py",
        "pipeline/tracking/redaction.py",
    )
    assert edited(project, *others) == clean
    said = edited(project, "pipeline/exporting/graph.py")
    assert [line for line in said.splitlines() if line.endswith(":") and not line.startswith("\t")] == ["export:"]
    # A comment in a layer makes DVC run the training again, which finds its checkpoint and ends at once.
    layer = project.folder / "pipeline/families/threshold/models/tanh_mlp.py"
    layer.write_text(layer.read_text(encoding="utf-8") + "# a remark\n", encoding="utf-8")
    assert "at epoch 2/2: already trained" in project.run("dvc", "repro", "train")
    # Another layer is another training.
    text = layer.read_text(encoding="utf-8")
    layer.write_text(text.replace('keras.layers.Dense(1, "tanh"', 'keras.layers.Dense(1, "softsign"'), encoding="utf-8")
    assert layer.read_text(encoding="utf-8") != text
    said = project.run("dvc", "repro", "train")
    assert "differ in code of families.threshold" in said
    assert "epoch 2/2  loss" in said


def test_an_experiment_s_key_changes_with_its_settings(workspace: Path) -> None:
    Stages(points()).preprocess()
    inputs = [Stages(points(**changes)).fingerprint_inputs() for changes in ({}, {"train__epochs": 9}, {"seed": 2})]
    assert inputs[0] == inputs[1] != inputs[2]
