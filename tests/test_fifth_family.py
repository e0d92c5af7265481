"""A new family is one folder in pipeline/families, configs, and a fixture: nothing else is touched."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, Project, copy_project
from record import runs
from running import Running

from pipeline.training.pause import PAUSE_AT

FIFTH = ROOT / "tests" / "fifth_family"
TAGS = {"the": "DET", "a": "DET", "cat": "NOUN", "dog": "NOUN", "sees": "VERB", "walk": "VERB", "old": "ADJ"}


def write_tagged(folder: Path, sentences: int = 400) -> None:
    """Write sentences in which `walk` is a verb, but a noun after a determiner."""
    random = np.random.default_rng(0)
    lines = []
    for _ in range(sentences):
        words = random.choice(list(TAGS), size=random.integers(3, 9)).tolist()
        tags = [
            "NOUN" if word == "walk" and place and words[place - 1] in ("the", "a") else TAGS[word]
            for place, word in enumerate(words)
        ]
        lines.append(" ".join(f"{word}/{tag}" for word, tag in zip(words, tags, strict=True)))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tagged.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def tagging(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = copy_project(tmp_path_factory.mktemp("fifth"))
    shutil.copytree(FIFTH / "tagging", project.folder / "pipeline" / "families" / "tagging")
    shutil.copytree(FIFTH / "conf", project.folder / "conf", dirs_exist_ok=True)
    shutil.rmtree(project.folder / "data" / "own")
    write_tagged(project.folder / "data" / "own")
    project.run("git", "add", "-A")
    return project


@pytest.mark.slow
def test_a_family_of_its_own_trains_resumes_predicts_and_exports(tagging: Project) -> None:
    changed = tagging.run("git", "diff", "--cached", "--name-only", "--diff-filter=M")
    assert not [name for name in changed.split() if name.startswith(("pipeline/", "conf/"))]
    tagging.run("python", "-m", "pipeline.compose", "experiment=tags")
    paused = Running(tagging, "dvc", "repro", "train", environment={PAUSE_AT: "3:5"})
    try:
        paused.wait_for("paused at epoch 3, step 5")
    finally:
        paused.kill()
    (run,) = runs(tagging, "tags")
    said = tagging.run("dvc", "repro")
    assert f"resuming run {run.info.run_id} at epoch 3/4" in said
    assert "tags: test accuracy" in said
    assert "the same split, simpler models: accuracy most frequent tag" in said
    scores = json.loads((tagging.folder / "reports" / "metrics.json").read_text(encoding="utf-8"))
    assert scores["test"]["accuracy"] > scores["baseline"]["most frequent tag"]["accuracy"]  # which knows no context

    (tagging.folder / "in.txt").write_text("the walk sees a cat\ndog walk\n", encoding="utf-8")
    tagging.run("python", "-m", "pipeline.predict", "in.txt", "-o", "out.txt")
    predicted = (tagging.folder / "out.txt").read_text(encoding="utf-8").splitlines()
    assert predicted == ["DET NOUN VERB DET NOUN", "NOUN VERB"]
    code = "from portable.bundle import load; print('\\n'.join(load('.')(['the walk sees a cat', 'dog walk'])))"
    bundle = tagging.folder / "export" / "numpy"
    done = subprocess.run([sys.executable, "-c", code], cwd=bundle, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == predicted
    assert not list(bundle.glob("portable/*rows*"))  # readers of other families stay behind
    assert "tags" in tagging.run("python", "-m", "pipeline.runs", "list")
    wrong = tagging.run("python", "-m", "pipeline.compose", "experiment=tags", "task=taging", fails=True)
    assert "did you mean tagging?" in wrong
