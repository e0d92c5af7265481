"""The service over HTTP: what it answers, and that every bad request gets one sentence."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, write_tiny
from pairs import pairs, write_pairs
from points import points
from servers import free_port
from stages import Stages
from texts import text, write_text
from tiny import tiny

from pipeline.config import Config
from pipeline.exporting import write_bundle
from pipeline.portable.bundle import BundleError
from pipeline.portable.request_fields import MOST_INPUTS
from pipeline.portable.service import LARGEST_BODY, Service
from pipeline.storage import MODELS, RAW, write_json
from pipeline.tasks import predictor_for
from pipeline.training import make_deterministic

pytestmark = pytest.mark.slow

ROW = {"shop": "s1", "colour": "c1", "date": "2024-01-13", "price": 11.5, "shop_town": "t1", "shop_size": 101}


def bundle(config: Config, folder: Path, example: Any) -> Path:
    """Write the bundle of an untrained network."""
    task = Stages(config)
    task.preprocess()
    make_deterministic(1)
    folder.mkdir()
    task.save(task.build(), MODELS)
    write_bundle(predictor_for(MODELS).bundle(), folder)
    write_json(folder / "example.json", {"input": example, "output": []})
    return folder


def answer(service: Service, request: Any) -> Any:
    return service.answer(json.dumps(request).encode())


def test_rows_are_answered_by_name(workspace: Path) -> None:
    write_tiny(RAW)
    service = Service(bundle(tiny(), workspace / "bundle", [ROW]), "tiny")
    assert service.about["rows"] == ["colour", "date", "price", "shop", "shop_size", "shop_town"]
    assert service.about["example"] == {"rows": [ROW]}
    found = answer(service, service.about["example"])
    assert 0 < found["predictions"][0]["probability"] < 1
    assert found["warnings"] == []
    strange = answer(service, {"rows": [{**ROW, "colour": "never", "shop": "seen"}] * 30})
    assert any("colour" in warning for warning in strange["warnings"])
    assert answer(service, {"rows": []})["predictions"] == []
    for request, fault in (
        ([ROW], 'expected an object, like {"rows": […]}; received '),
        ({"row": [ROW]}, "no field 'rows'; expected an object like"),
        ({"rows": [ROW], "beam": 5}, "unknown field 'beam'; known: rows"),
        ({"rows": ROW}, "rows: expected a list; received"),
        ({"rows": [{**ROW, "price": "much"}]}, "price: expected a number, received 'much'"),
        ({"rows": [{**ROW, "colour": ["c1"]}]}, "row 0: colour: expected a text, a finite number, true, false or null"),
        ({"rows": [ROW, {**ROW, "price": 1e999}]}, "the body is not JSON: Infinity is not a value of JSON"),
        ({"rows": [{"shop": "s1"}]}, "row 0: no colour, date, price, shop_size, shop_town"),
        ({"rows": [{}] * (MOST_INPUTS + 1)}, "rows: at most 10,000 in a request; received 10,001"),
    ):
        with pytest.raises(BundleError) as raised:
            answer(service, request)
        assert fault in str(raised.value)
    with pytest.raises(BundleError, match="row 0: price: expected a text, a finite number"):
        service.answer(json.dumps({"rows": [ROW]}).replace("11.5", "1e999").encode())
    with pytest.raises(BundleError, match="the body is not JSON"):
        service.answer(b"{")
    with pytest.raises(BundleError, match="the body is not JSON"):
        service.answer(b"[" * 100_000)
    with pytest.raises(BundleError, match="at most 20,971,520 are accepted"):
        service.answer(b" " * (LARGEST_BODY + 1))


def test_sentences_prompts_and_points_are_answered(workspace: Path) -> None:
    write_pairs(RAW)
    translating = Service(bundle(pairs(), workspace / "translation", ["a b"]), "pairs")
    found = answer(translating, {"sentences": ["a b", ""], "beam": 2, "best": 2})["predictions"]
    assert [set(each) for each in found[0]] == [{"translation", "score"}] * 2
    assert found[1] == []
    with pytest.raises(BundleError, match="beam: expected a whole number from 1 to 100; received 0"):
        answer(translating, {"sentences": ["a"], "beam": 0})


def test_prompts_are_continued(workspace: Path) -> None:
    write_text(RAW)
    writing = Service(bundle(text(), workspace / "text", "a prompt"), "text")
    field = writing.about["example"]["prompts"]
    assert field == ["a prompt"]
    prompts = [Path(next(RAW.iterdir())).read_text(encoding="utf-8")[:60]] * 2
    found = answer(writing, {"prompts": prompts, "length": 20, "seed": 3})["predictions"]
    assert [len(each) for each in found] == [20, 20]
    assert found[0] == found[1]
    with pytest.raises(BundleError, match="top_p: expected a number from 1e-06 to 1; received 2"):
        answer(writing, {"prompts": prompts, "top_p": 2})


def test_points_are_classified(workspace: Path) -> None:
    config = points()
    config.family.load("preprocess")  # drawn, so nothing is fetched
    service = Service(bundle(config, workspace / "points", [[0.1, 0.2]]), "points")
    found = answer(service, {"points": [[0.1, 0.2], [0.9, 0.9]]})["predictions"]
    assert np.isfinite(found).all()
    for wrong in ([[0.1]], [["a", "b"]], [1], [[[0.1, 0.2]]], [[0.1, 0.2], [0.1]], [{"x1": 0.1}]):
        with pytest.raises(BundleError):
            answer(service, {"points": wrong})


@pytest.fixture
def port(workspace: Path) -> Iterator[int]:
    """A real service in a process of its own."""
    write_tiny(RAW)
    folder, chosen = bundle(tiny(), workspace / "bundle", [ROW]), free_port()
    command = [sys.executable, "-m", "pipeline.serve", "--model", str(folder), "--port", str(chosen)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if asked(chosen, "GET", "/health")[0] == 200:
                break
        except OSError:
            time.sleep(0.05)
    yield chosen
    process.terminate()
    _, errors = process.communicate(timeout=20)
    assert b"Traceback" not in errors, errors


def asked(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_many_clients_and_bad_bodies(port: int) -> None:
    body = json.dumps({"rows": [ROW]}).encode()
    assert asked(port, "GET", "/")[1]["rows"] == ["colour", "date", "price", "shop", "shop_size", "shop_town"]
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: asked(port, "POST", "/predict", body), range(160)))
    assert all(answer == answers[0] and answer[0] == 200 for answer in answers)
    random = np.random.default_rng(0)
    bodies = [b"", b"{", b"[]", b"null", b'{"rows": 1}', b'{"rows": [1]}', b"\xff\xfe", b"[" * 100_000]
    while len(bodies) < 100:
        broken = bytearray(body)
        for place in random.integers(len(broken), size=3):
            broken[place] = random.integers(256)
        bodies.append(bytes(broken))
    for each in bodies:
        status, content = asked(port, "POST", "/predict", each)
        assert status in (200, 400)
        if status == 400:
            assert set(content) == {"error"}
            assert "Traceback" not in content["error"]
    assert asked(port, "POST", "/predict", body) == answers[0]
    status, content = asked(port, "GET", "/predict")
    assert (status, content) == (405, {"error": "GET /predict is not answered; POST /predict, or see /docs"})
    assert asked(port, "POST", "/nowhere", b"{}")[0] == 404
    assert asked(port, "GET", "/openapi.json")[1]["paths"].keys() >= {"/predict", "/health"}


def test_the_service_needs_no_tensorflow(workspace: Path) -> None:
    write_tiny(RAW)
    folder = bundle(tiny(), workspace / "bundle", [ROW])
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from pipeline.portable.service import Service, application\n"
        f"application(Service(Path({str(folder)!r}), 'tiny'))\n"
        "print(sorted({'tensorflow', 'keras', 'mlflow', 'pandas'} & set(sys.modules)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"


def test_what_cannot_be_served_is_said(workspace: Path) -> None:
    write_tiny(RAW)
    folder, taken = bundle(tiny(), workspace / "bundle", [ROW]), socket.create_server(("127.0.0.1", 0))
    for arguments, fault in (
        ([], "export/numpy: no such folder; `dvc repro export` exports the network, or name one with --model"),
        (["--model", str(workspace)], "the bundle is missing or corrupt"),
        (["--model", str(folder), "--port", "99999"], "127.0.0.1:99999: "),
        (["--model", str(folder), "--port", str(taken.getsockname()[1])], "choose another --port"),
    ):
        command = [sys.executable, "-m", "pipeline.serve", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert fault in done.stderr
        assert "serving" not in done.stdout
        assert "Traceback" not in done.stderr
    taken.close()
