"""Every fault of a configuration is told, at once, before anything runs."""

import argparse
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

from pipeline.compose import write
from pipeline.config import (
    ConfigError,
    InterruptedRunError,
    add_confidence,
    dump,
    flatten,
    format_score,
    guarded,
    load,
    out_of_sync,
    section_of,
    tracking_uri,
)
from pipeline.config.differences import changes, opening
from pipeline.storage import LockError


def faults(*overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(list(overrides))
    return caught.value.faults


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "experiment").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_experiment_composes_under_its_own_name(path: Path) -> None:
    assert load([f"experiment={path.stem}"]).name == path.stem


def test_all_faults_come_at_once() -> None:
    found = faults("train.epocs=3", "model.hidden_units=many", "model.dropout=1.5", "+train.warm=2", "seed=-1")
    assert len(found) == 5
    text = "\n".join(found)
    assert "train.epocs=3: unknown key; did you mean train.epochs?" in text
    assert "model.hidden_units: must be a valid integer, received 'many'" in text
    assert "model.dropout: must be less than 1, received 1.5" in text
    assert "train.warm: unknown key; did you mean warmup?" in text
    assert "seed: must be greater than or equal to 0, received -1" in text


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("data=flight", "data=flight: no file conf/data/flight.yaml; did you mean flights?"),
        ("train.epochs", "train.epochs: not an override; expected key=value"),
        (
            "train.epochs=2,3",
            "train.epochs=2,3: expected one value; `dvc exp run --queue -S experiment=NAME -S 'train.epochs=2,3'`",
        ),
        ("~train.epochs", "train.epochs: the key is missing"),
        ("~model", "~model: this section is required; model=NAME chooses another file of it"),
        ("evaluate.cost_false_positive=-1", "evaluate.cost_false_positive: must be greater than or equal to 0"),
        ("task=tables", "task: unknown family, received 'tables'; did you mean table?"),
        ("train.monitor=bleu", "train.monitor: not a score of task table, received 'bleu'"),
        ("data.split_by=[]", "data.split_by: split=group takes the columns that name a group, received []"),
        ("data.split=random", "data.split_by: split=random takes none, received ['year', 'month', 'day']"),
        ("data.validation_fraction=0.8", "test and validation leave nothing to train on (0.2 + 0.8)"),
        ("data.numeric=[arr_delay]", "data.numeric: holds the target 'arr_delay'"),
        ("data.encoding=latin99", "data.encoding: must be an encoding that Python knows"),
        ("data.numeric=[distance,distance]", "data.numeric: 'distance' is listed twice"),
        ("data.split=time", "data.split_by: split=time takes one column, received ['year', 'month', 'day']"),
        (
            "data.problem_type=regression",
            "data.problem_type: a target with positive_at_least is binary, received 'regression'",
        ),
        ("data.id=distance", "data.numeric: holds the id 'distance', which only identifies a row"),
        ("data.unlabelled=new.csv", "data.unlabelled: 'new.csv' is not among source.files"),
        ("data.main_file=flight.csv", "data.main_file: 'flight.csv' is not among source.files"),
        ("model.embedding_dim=0", "model.embedding_dim: must be a whole number from 1 to 4096, or auto, received 0"),
        ("model.embedding_dim=true", "model.embedding_dim: must be a whole number from 1 to 4096, or auto, received T"),
        ("model.numeric_encoding=sine", "'wide', 'bin', 'piecewise' or 'periodic', received 'sine'"),
        ("model.activation=swish", "model.activation: must be 'relu', 'leaky_relu', 'elu', 'selu', 'gelu', 'silu'"),
        ("train.ema=1.0", "train.ema: must be less than 1, received 1.0"),
        (
            "model.ensemble=2 model.numeric_encoding=wide",
            "model.ensemble: with numeric_encoding=wide there are no members; set it to 1, or choose another "
            "numeric_encoding",
        ),
        ("train.ensemble_size=0", "train.ensemble_size: must be greater than or equal to 1, received 0"),
        ("train.precision=half", "train.precision: must be 'auto', 'float32' or 'bfloat16', received 'half'"),
        ("train.epochs=true", "train.epochs: must be a valid integer, received True"),
    ],
)
def test_a_fault_names_the_key_the_value_and_what_to_do(override: str, fault: str) -> None:
    assert fault in "\n".join(faults(*override.split()))


def test_params_yaml_is_a_composition_of_conf() -> None:
    committed = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert committed == load([f"experiment={committed['name']}"]).tree


def test_compose_writes_what_dvc_composes(tmp_path: Path) -> None:
    from dvc.utils.hydra import compose_and_dump

    overrides = ["experiment=flights", "train.epochs=7"]
    compose_and_dump(tmp_path / "params.yaml", str(ROOT / "conf"), None, "config", str(ROOT), overrides)
    assert (tmp_path / "params.yaml").read_text(encoding="utf-8") == dump(load(overrides))


def test_params_yaml_is_read_like_conf_and_checked_alike(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(dump(load(["train.epochs=4"])).replace("epochs:", "epoch:"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"train.epoch: unknown key; did you mean epochs\?"):
        load([], tmp_path, "params")


def test_the_opening_line_says_what_differs_from_the_experiment() -> None:
    assert opening("train", load([])) == "train: experiment flights"
    epochs = load([]).train.epochs
    changed = opening("train", load([f"train.epochs={epochs + 1}", "seed=3"]))
    assert changed == f"train: experiment flights with train.epochs={epochs + 1} (not {epochs}), seed=3 (not 1)"


def test_a_choice_of_a_group_is_told_as_one() -> None:
    config = load(["experiment=text", "data=python_topics", "model=char_rnn", "train.epochs=3"])
    assert opening("train", config) == (
        "train: experiment text with data=python_topics, model=char_rnn, train.epochs=3 (not 5)"
    )
    again = load(["experiment=text", *(f"{key}={value}" for key, value in changes(config).items())])
    assert again == config
    # Two keys of a section that no other file of conf/ has so are told one by one.
    config = load(["train.epochs=3", "train.batch_size=77"])
    assert changes(config) == {"train.epochs": 3, "train.batch_size": 77}


def test_a_broken_file_that_nobody_asked_for_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = tmp_path / "conf"
    shutil.copytree(ROOT / "conf", conf)
    (conf / "train" / "broken.yaml").write_text("epochs: [", encoding="utf-8")
    (conf / "train" / "empty.yaml").write_text("# later\n", encoding="utf-8")
    (conf / "train" / "bytes.yaml").write_bytes(b"\xff\xfe")
    monkeypatch.setattr("pipeline.config.compose.CONF", conf)
    assert changes(load(["train.epochs=3", "train.batch_size=77"])) == {"train.epochs": 3, "train.batch_size": 77}


def test_an_experiment_is_called_as_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = tmp_path / "conf"
    shutil.copytree(ROOT / "conf", conf)
    shutil.copy(conf / "experiment" / "flights.yaml", conf / "experiment" / "mine.yaml")
    monkeypatch.setattr("pipeline.config.compose.CONF", conf)
    with pytest.raises(ConfigError, match=r"name: conf/experiment/mine.yaml sets 'flights'; set name: mine"):
        load(["experiment=mine"], conf)
    assert load(["experiment=mine", "name=mine"], conf).name == "mine"


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (LockError("in use by process 7"), 1, "error: in use by process 7\n"),
        (InterruptedRunError("received SIGINT at epoch 1/2"), 130, "received SIGINT at epoch 1/2\n"),
        (KeyboardInterrupt(), 130, "Interrupted. Rerun the same command to resume"),
        (
            OSError(errno.ENOSPC, "No space left on device", "a"),
            1,
            "error: Disk full: [Errno 28] No space",
        ),
        (OSError("HDF5: write failed, errno = 27, File too large"), 1, "error: Disk full: HDF5"),
        (MemoryError("8 GB"), 1, "error: Out of memory: 8 GB. Provide more memory, or reduce train.batch_size"),
    ],
)
def test_errors_end_with_a_message_and_a_code(
    error: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def action() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        guarded(action)
    assert ended.value.code == code
    assert capsys.readouterr().err.startswith(text)


def test_sigterm_ends_a_command_as_an_exception() -> None:
    cleaned: list[str] = []

    def action() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        finally:
            cleaned.append("closed")

    with pytest.raises(SystemExit) as ended:
        guarded(action)
    assert (ended.value.code, cleaned) == (143, ["closed"])


def test_every_key_of_conf_is_commented() -> None:
    """Commented where it is declared: what it does, legal values. Other files of its group only change its value."""
    for path in sorted((ROOT / "conf").rglob("*.yaml")):
        if path.parent.name in ("experiment", "conf") or "hydra" in path.parts:
            continue
        declared, before = inherited(path), ""
        for line in path.read_text(encoding="utf-8").splitlines():
            key, colon, _ = line.partition(":")
            if colon and key.isidentifier() and key not in ("name", "source", "params", "when", "defaults", *declared):
                assert "#" in line or before.startswith("#"), f"{path}: {line}"
            before = line


def inherited(path: Path) -> dict[str, Any]:
    """Return the keys that a file takes from the files in its defaults."""
    defaults = yaml.safe_load(path.read_text(encoding="utf-8")).get("defaults", [])
    found: dict[str, Any] = {}
    for name in defaults:
        if isinstance(name, str) and name != "_self_":
            found |= section_of(path.parent / f"{name.partition('@')[0]}.yaml") or {}
    return found


def test_a_key_is_repeated_only_for_another_value() -> None:
    for path in sorted((ROOT / "conf").rglob("*.yaml")):
        if path.parent.name in ("experiment", "conf") or "hydra" in path.parts:
            continue
        own, base = yaml.safe_load(path.read_text(encoding="utf-8")), inherited(path)
        same = [key for key in base if key in own and own[key] == base[key]]
        assert not same, f"{path}: {same}"


def test_figures_are_short() -> None:
    assert [format_score(value) for value in (0.73154, -3.2, 22376.06)] == ["0.7315", "-3.2000", "22,376"]


def test_flatten_keeps_lists_whole() -> None:
    assert dict(flatten({"a": {"b": [1, 2]}, "c": {}})) == {"a.b": [1, 2], "c": {}}


def test_a_folder_is_added_to_conf_as_hydra_documents_it(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    wide = "defaults: [embedding_mlp, _self_]\nhidden_units: 333\n"
    (tmp_path / "model" / "wide.yaml").write_text(wide, encoding="utf-8")
    config = load(["experiment=flights", "model=wide", "train.epochs=2"], added=tmp_path)
    assert (config.model.hidden_units, config.train.epochs, config.name) == (333, 2, "flights")
    with pytest.raises(ConfigError, match=r"no file conf/model/wyde\.yaml; did you mean wide\?"):
        load(["experiment=flights", "model=wyde"], added=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--config-dir", "nowhere"], "--config-dir: nowhere: no such folder"),
        (
            ["--multirun", "hydra/sweeper=basic", "train.epochs=1,2"],
            "hydra/sweeper=basic: sweeps run with hydra/sweeper=",
        ),
        (["--multirun", "--config-dir", "conf", "train.epochs=1,2"], "--multirun: composes conf/ for each trial"),
    ],
)
def test_flags_of_hydra_that_are_not_supported_are_said(arguments: list[str], fault: str) -> None:
    command = [sys.executable, "-m", "pipeline.train", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert fault in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reference_to_the_environment_stays_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STORE", "http://host:5000")
    overrides = ["experiment=flights", "tracking.uri=${oc.env:STORE}"]
    config = load(overrides)
    assert config.tracking.uri == "http://host:5000"
    write(overrides)
    assert "${oc.env:STORE}" in capsys.readouterr().out
    written = Path("params.yaml").read_text(encoding="utf-8")
    assert "uri: ${oc.env:STORE}" in written
    assert "host:5000" not in written
    assert changes(config) == {"tracking.uri": "${oc.env:STORE}"}
    assert load([], tmp_path, "params").tracking.uri == tracking_uri() == "http://host:5000"
    assert out_of_sync(overrides)[0] == []
    write(overrides, resolve=True)
    assert "uri: http://host:5000" in Path("params.yaml").read_text(encoding="utf-8")
    monkeypatch.delenv("STORE")
    with pytest.raises(ConfigError, match="Environment variable 'STORE' not found"):
        load(overrides)


@pytest.mark.parametrize("given", ["0", "1", "2", "-0.5", "nan", "much"])
def test_a_confidence_is_between_0_and_1(given: str) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_confidence(parser)
    assert parser.parse_args([]).confidence == 0.95
    with pytest.raises(argparse.ArgumentError, match=f"must be a number between 0 and 1, received '{given}'"):
        parser.parse_args([f"--confidence={given}"])


HEAVY = {"tensorflow", "keras", "mlflow", "optuna", "matplotlib", "sklearn"}


@pytest.mark.parametrize("command", ["compose", "fetch", "preprocess", "baseline", "train", "evaluate", "export"])
@pytest.mark.parametrize("arguments", [["--help"], ["train.epocs=3"]], ids=["help", "fault"])
def test_help_and_faults_load_nothing_heavy(command: str, arguments: list[str]) -> None:
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['{command}', *{arguments!r}]\n"
        "try:\n"
        f"    runpy.run_module('pipeline.{command}', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end:\n"
        "    print('ended with', end.code)\n"
        f"print('loaded', sorted({HEAVY!r} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "loaded []" in done.stdout, done.stdout
    if arguments == ["train.epocs=3"]:
        assert "ended with 1" in done.stdout
        assert "did you mean train.epochs?" in done.stderr
        assert "Traceback" not in done.stderr
