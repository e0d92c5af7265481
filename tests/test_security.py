"""What docs/security.md promises: nothing is unpickled or evaluated, and no secret is recorded."""

import ast
import json
import os
import stat
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, Project, copy_project
from tiny import tiny

from pipeline.config import ConfigError
from pipeline.data.sources import fetch
from pipeline.tracking.redaction import REDACTED, redacted

CODE = [
    *(ROOT / "pipeline").rglob("*.py"),
    *(ROOT / "hydra_plugins").rglob("*.py"),
    *(ROOT / "benchmarks").rglob("*.py"),
]
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {"eval", "exec", "yaml.load", "os.system", "tarfile.extractall", "shutil.unpack_archive"}


def called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Name):
        return function.id
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return f"{function.value.id}.{function.attr}"
    return function.attr if isinstance(function, ast.Attribute) else ""


def test_nothing_is_unpickled_or_evaluated() -> None:
    assert len(CODE) > 150
    found = []
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
                found += [f"{path}: {name}" for name in names if name.partition(".")[0] in FORBIDDEN_MODULES]
            if isinstance(node, ast.Call):
                name = called(node)
                given = {each.arg: each.value for each in node.keywords}
                found += (
                    [f"{path}:{node.lineno} {name}"] if name in FORBIDDEN_CALLS or name.endswith("extractall") else []
                )
                for keyword, bad in (("allow_pickle", True), ("shell", True), ("safe_mode", False)):
                    value = given.get(keyword)
                    if isinstance(value, ast.Constant) and value.value is bad:
                        found.append(f"{path}:{node.lineno} {keyword}={bad}")
    assert found == []


def test_a_network_that_brings_code_is_refused(tmp_path: Path) -> None:
    import keras

    from pipeline.models import load_model

    layers = [keras.Input((1,)), keras.layers.Lambda(lambda x: x + 1)]
    keras.Sequential(layers).save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"unsafe|safe_mode"):
        load_model(tmp_path / "model.keras")


def test_a_pickled_checkpoint_is_no_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pipeline.training import Checkpoints

    np.savez(tmp_path / "000001-000000000.npz", planted=np.array([{"a": 1}], dtype=object))
    assert Checkpoints(tmp_path).latest(9) is None
    assert "skipping corrupt checkpoint 000001-000000000.npz" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["../evil.csv", "/tmp/evil.csv", "a/../../evil.csv"])
def test_files_stay_in_their_folder(name: str) -> None:
    source = {"name": "own", "folder": "data/own", "files": {name: None}}
    data = {**tiny().tree["data"], "source": source}
    with pytest.raises(ConfigError, match="leads out of the folder"):
        tiny(data=data)


def test_an_archive_cannot_write_elsewhere(workspace: Path) -> None:
    own = workspace / "data" / "own"
    own.mkdir(parents=True)
    with zipfile.ZipFile(own / "wanted.csv.zip", "w") as archive:
        archive.writestr("wanted.csv", "a,b\n1,2\n")
        archive.writestr("../../../evil.txt", "evil")
        archive.writestr("/tmp/evil.txt", "evil")
    before = {path for path in workspace.parent.rglob("*") if path.name == "evil.txt"}
    fetch("kaggle:planted", {"wanted.csv": None}, own, workspace / "data" / "raw")
    assert (workspace / "data" / "raw" / "wanted.csv").read_text() == "a,b\n1,2\n"
    assert {path for path in workspace.parent.rglob("*") if path.name == "evil.txt"} == before
    assert not Path("/tmp/evil.txt").exists()


def test_a_password_in_the_settings_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"tracking\.uri: holds a password"):
        tiny(tracking={"uri": "postgresql://me:hunter2@db/x", "system_metrics": False, "log_model": False})


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("postgresql://me:hunter22@host/db", "hunter22"),
        ('password = "hunter2 and more"', "hunter2"),
        ("API_KEY=abcd1234efgh", "abcd1234efgh"),
        ("export PGPASSWORD=abc123def", "abc123def"),
        ('dbPassword: "hunter22"', "hunter22"),
        ('accessToken = "hunter22"', "hunter22"),
        ('+    "access_token": "0123456789abcdef",', "0123456789abcdef"),
        ("Authorization: Bearer abc.def.ghi", "abc.def.ghi"),
        ("postgresql://me:hunt@er22@host/db", "er22"),
        ("https://0123456789abcdef0123@host/path", "0123456789abcdef"),
        ('password: str = "hunter22"', "hunter22"),
        ('secret_key = "hunter22"', "hunter22"),
        ('os.environ["API_TOKEN"] = "hunter22"', "hunter22"),
        ("token = b'hunter22'", "hunter22"),
        ('KAGGLE_KEY = """hunter22"""', "hunter22"),
        ("https://x.blob/y?sv=1&sig=abc%2Fdef", "abc%2F"),
        ("AccountKey=abcd1234efgh==", "abcd1234"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc", "eyJzdWIi"),
        ("token ghp_0123456789abcdefghij0123456789abcdef", "ghp_0123456789"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----", "MIIabc"),
    ],
)
def test_what_looks_like_a_secret_goes(text: str, secret: str) -> None:
    assert secret not in redacted(text)
    assert REDACTED in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "val/token_accuracy: 0.523411",
        "tokens = tokens[1:]",
        "password = getpass.getpass()",
        'token = os.environ["TOKEN"]',
        "secret: null",
        "key: shop",
        "max_tokens: 100000",
        "max_token: 100000",
        "token = sha256.hexdigest()",
        "token = self.vocab2.lookup(x)",
        "password = config.v2_reader",
        "hf_hospitalization_count_2019",
        "tokenizer: 'whitespace'",
        "/home/me/project/pipeline/train.py",
    ],
)
def test_what_is_none_stays(text: str) -> None:
    assert redacted(text) == text


PLANTED = {
    "KAGGLE_API_TOKEN": "KGAT_planted0123456789",
    "MLFLOW_TRACKING_PASSWORD": "planted-mlflow-password",
    "DATABASE_SECRET": "planted-database-secret",
}
IN_CODE, IN_NEW_FILE, IN_HOME = "planted-in-changed-code-1", "planted-in-a-new-file-2", "planted0in0the0home0folder"


@pytest.mark.slow
def test_planted_secrets_are_recorded_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project: Project = copy_project(tmp_path / "project")
    home = tmp_path / "home"
    (home / ".kaggle").mkdir(parents=True)
    (home / ".kaggle" / "kaggle.json").write_text(json.dumps({"username": "me", "key": IN_HOME}))
    with (project.folder / "pipeline" / "train.py").open("a") as stream:
        stream.write(f'\nPASSWORD = "{IN_CODE}"\n')
    (project.folder / "mine.py").write_text(f"token = '{IN_NEW_FILE}'\nKAGGLE = '{IN_HOME}'\n")
    for stage in ("fetch", "preprocess"):
        project.run("python", "-m", f"pipeline.{stage}", "experiment=tiny")
    environment = {**project.environment, **PLANTED, "HOME": str(home)}
    command = ["python", "-m", "pipeline.train", "experiment=tiny", "train.epochs=1"]
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for secret in (*PLANTED.values(), IN_HOME):
        assert secret not in done.stdout + done.stderr
    assert "the network is not logged: pipeline/train.py contains what looks like a password" in done.stdout
    looked = []
    for place in ("mlflow.db", "mlartifacts", "models", "reports", ".checkpoints", "params.yaml"):
        path = project.folder / place
        for file in [path] if path.is_file() else path.rglob("*"):
            if file.is_file():
                content = file.read_bytes()
                looked.append(file.name)
                for secret in (*PLANTED.values(), IN_CODE, IN_NEW_FILE, IN_HOME):
                    assert secret.encode() not in content, file
    assert {"mlflow.db", "uncommitted.diff", "config.yaml", "model.keras"} <= set(looked)
    diff = next((project.folder / "mlartifacts").rglob("uncommitted.diff")).read_text()
    assert f"PASSWORD = {REDACTED}" in diff
    for name in ("mlflow.db", "mlartifacts", ".checkpoints"):
        assert not (project.folder / name).stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO), name


def test_pages_are_served_to_this_machine_alone() -> None:
    for target in ("ui", "dashboard"):
        done = subprocess.run(
            ["make", "-n", "-o", ".venv/.installed", target],
            cwd=ROOT,
            env=os.environ,
            capture_output=True,
            text=True,
            check=True,
        )
        assert "--host 127.0.0.1" in done.stdout
        assert target != "ui" or "MLFLOW_DISABLE_TELEMETRY=true" in done.stdout


def test_words_and_paths_of_the_environment_are_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.tracking.redaction import known_secrets

    for name, value in {
        "POSTGRES_PASSWORD": "postgres",
        "PASSWORD_FILE": "/run/secrets/of-mine-7",
        "MY_SECRET": str(ROOT),
        "REAL_TOKEN": "r3al-s3cret-v4lue",
    }.items():
        monkeypatch.setenv(name, value)
    known_secrets.cache_clear()
    text = f"postgres in {ROOT}, /run/secrets/of-mine-7"
    assert redacted(text) == text
    assert redacted("x r3al-s3cret-v4lue y") == f"x {REDACTED} y"
    known_secrets.cache_clear()
