"""The exported page in a real browser: what it answers, beside Keras; what it says of wrong input and damaged files."""

import functools
import hashlib
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import browser, needs_browser
from conftest import ROOT, write_tiny
from pairs import pairs, write_pairs
from stages import Stages
from test_export import FAMILIES, exported
from texts import write_text

from pipeline.exporting import ExportError
from pipeline.exporting.to_web import runtime_folder
from pipeline.families.text.models.sampling import Sampling, choose
from pipeline.families.translation.models.translate import SearchSettings
from pipeline.storage import MODELS, RAW
from pipeline.training import make_deterministic

pytest.importorskip("selenium")  # for Linux and macOS on Apple silicon
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = [
    pytest.mark.slow,
    needs_browser,
    pytest.mark.skipif(not runtime_folder().is_dir(), reason="needs onnxruntime's build for browsers: `make web`"),
]
WAIT = 60


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: Any) -> None:
        return


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    found = browser()
    yield found
    found.quit()


class Page:
    """The page of an export, served from its folder as any file server would."""

    def __init__(self, driver: webdriver.Chrome, folder: Path) -> None:
        self.driver = driver
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.load()

    def load(self) -> None:
        self.driver.get(f"http://127.0.0.1:{self._server.server_port}/")
        WebDriverWait(self.driver, WAIT).until(lambda _: not self.all("main[aria-busy]"))

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def one(self, selector: str) -> Any:
        found = self.all(selector)
        assert len(found) == 1, self.driver.find_element(By.TAG_NAME, "main").text
        return found[0]

    def enter(self, **fields: Any) -> None:
        """Fill fields as typing would."""
        for name, value in fields.items():
            self.driver.execute_script(
                "const [field, value] = arguments; field.value = value; field.dispatchEvent(new Event('input'));",
                self.one(f"[name='{name}']"),
                "" if value is None else str(value),
            )

    def submit(self) -> Any:
        """Press the button; return the result when it is there."""
        before = self.one("#result").get_attribute("data-done")
        self.one("form button:not([type])").click()
        WebDriverWait(self.driver, WAIT).until(lambda _: self.one("#result").get_attribute("data-done") != before)
        return self.one("#result")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def page(driver: webdriver.Chrome) -> Iterator[Any]:
    made: list[Page] = []

    def serve(folder: Path) -> Page:
        made.append(Page(driver, folder))
        return made[-1]

    yield serve
    for each in made:
        each.close()


def written(task: Stages, folder: Path) -> tuple[Path, dict[str, Any]]:
    """Export a network of random weights as a page; return its folder, and the example."""
    for write in (write_tiny, write_pairs, write_text):
        write(RAW)
    task.preprocess()
    make_deterministic(1)
    model = task.build()
    random = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(random.normal(scale=0.3, size=weight.shape))
    task.save(model, MODELS)
    report, example = exported(task, folder, ["web"])
    assert report["formats"]["web"]["raw_input_agrees"]
    return folder / "web", example


def values(result: Any) -> Any:
    return json.loads(result.get_attribute("data-values"))


@pytest.mark.parametrize("kind", ["row", "row, crossed", "row, classes", "row of numbers", "row, amount"])
def test_rows(kind: str, workspace: Path, tmp_path: Path, page: Any) -> None:
    task = FAMILIES[kind][1]()
    folder, example = written(task, tmp_path / "export")
    shown = page(folder)
    for row, expected in zip(example["input"], example["output"], strict=True):
        shown.enter(**row)
        assert values(shown.submit()) == pytest.approx(expected, rel=1e-4, abs=1e-5)
    if kind == "row":
        shown.enter(shop="nowhere")
        assert "Unknown to the network and treated as missing: shop." in shown.submit().text
        shown.enter(price="ten")
        assert shown.submit().text == "Error: price: expected a number, received “ten”."
        shown.enter(price="", date="2024-02-31")
        assert shown.submit().text == "Error: Expected a date like 2013-12-31, received “2024-02-31”."
        shown.enter(date="")
        assert len(values(shown.submit())) == 1


@pytest.mark.parametrize("kind", ["prompt", "prompt, windows"])
def test_a_text_goes_on(kind: str, workspace: Path, tmp_path: Path, page: Any) -> None:
    task = FAMILIES[kind][1]()
    folder, example = written(task, tmp_path / "export")
    shown = page(folder)
    shown.driver.execute_script("Math.random = () => 0.5;")
    predictor: Any = task.trained_predictor(MODELS)
    for temperature in (0.7, 0.05):
        shown.enter(prompt=example["input"], length=60, temperature=temperature)
        numbers, expected = predictor.schema.numbers(example["input"]), []
        logits, state = predictor.generator.writer.start(np.asarray(numbers))
        for _ in range(60):
            expected.append(choose(logits, 0.5, Sampling(temperature=temperature)))
            logits, state = predictor.generator.writer.step(state, expected[-1])
        text = "".join(predictor.schema.characters[number] for number in expected)
        assert shown.submit().get_property("textContent") == text
    shown.enter(prompt="§ € §")
    assert shown.submit().text == "Error: The network does not know these characters: § €"
    shown.enter(prompt="")
    assert re_least(shown.submit().text)


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")
def test_a_text_goes_on_in_node(workspace: Path, tmp_path: Path) -> None:
    folder, example = written(FAMILIES["prompt"][1](), tmp_path / "export")
    command = ["node", str(ROOT / "examples" / "write.mjs"), str(folder)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.startswith(example["input"])
    assert len(done.stdout) == len(example["input"]) + 200 + 1
    failed = subprocess.run([*command, "§"], capture_output=True, encoding="utf-8", check=False)
    assert failed.returncode == 1
    assert "The network does not know these characters: §" in failed.stderr


def re_least(text: str) -> bool:
    return text.startswith("Error: The network needs at least ") and text.endswith("write a longer prompt.")


@pytest.mark.parametrize("network", ["attention", pytest.param("transformer", marks=pytest.mark.faults), "seq2seq"])
def test_a_sentence_is_translated_and_the_attention_shown(
    network: str, workspace: Path, tmp_path: Path, page: Any
) -> None:
    changes: dict[str, Any] = {"model__mask": False} if network == "seq2seq" else {}
    task = Stages(pairs(network, **changes))
    folder, example = written(task, tmp_path / "export")
    shown = page(folder)
    predictor: Any = task.trained_predictor(MODELS)
    sentences = [*example["input"], "4 0 7 ?", "1 2 3 4 5 6"]
    for sentence in sentences:
        (best,) = predictor.translator.translated([sentence], SearchSettings(min_length=1, attention=True))[0]
        shown.enter(sentence=sentence)
        result = shown.submit()
        assert shown.one("#translation").text == predictor.translator.text(best)
        assert ("Unknown words: ?." in result.text) is ("?" in sentence)
        if network == "seq2seq":
            assert not shown.all("#attention")
            continue
        rows = shown.all("#attention tr")[1:]
        looked = [
            [int(cell.get_attribute("aria-label")) for cell in row.find_elements(By.TAG_NAME, "svg")] for row in rows
        ]
        wanted = 100 * np.asarray(best.attention)[:, : len(sentence.split()) + 2]
        assert np.abs(np.array(looked) - wanted).max() <= 0.51
    shown.enter(sentence="  ")
    assert shown.submit().text == "Error: There is nothing to translate: write a sentence."


def test_points_and_their_border(workspace: Path, tmp_path: Path, page: Any) -> None:
    task = FAMILIES["point"][1]()
    folder, example = written(task, tmp_path / "export")
    shown = page(folder)
    names = task.schema.names  # type: ignore[attr-defined]
    for point, expected in zip(example["input"], example["output"], strict=True):
        shown.enter(**dict(zip(names, point, strict=True)))
        result = shown.submit()
        assert values(result) == pytest.approx([expected], abs=1e-5)
        assert result.text.startswith("above" if expected > 0 else "not above")
    shown.enter(**{names[0]: "left"})
    assert shown.submit().text == "Error: Each coordinate must be a number."
    WebDriverWait(shown.driver, WAIT).until(lambda _: shown.one("canvas").get_attribute("data-above"))
    cells = (np.arange(60) + 0.5) / 60
    grid = np.stack(np.meshgrid(cells, cells), axis=-1).reshape(-1, 2).astype(np.float32)
    predictor: Any = task.trained_predictor(MODELS)
    above = int((predictor.output(grid) > 0).sum())
    assert abs(int(shown.one("canvas").get_attribute("data-above")) - above) <= 1


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return written(FAMILIES["point"][1](), folder / "export")[0]


def test_nothing_is_asked_of_elsewhere_and_everything_can_be_reached(
    small: Path, page: Any, driver: webdriver.Chrome
) -> None:
    driver.get_log("browser")  # of earlier tests
    shown = page(small)
    assert int(shown.one("html").get_attribute("data-loaded")) < 30_000
    asked = shown.driver.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name);")
    assert asked
    assert all(name.startswith(shown.driver.current_url) for name in asked)
    assert [entry for entry in shown.driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    fields = shown.all("input, textarea")
    assert fields
    assert all(shown.driver.execute_script("return arguments[0].labels.length;", each) == 1 for each in fields)
    assert shown.one("output").get_attribute("aria-live") == "polite"
    assert shown.one("html").get_attribute("lang") == "en"
    # By the keyboard alone: through the fields, and Enter.
    before = shown.one("#result").get_attribute("data-done")
    fields[-1].send_keys("\n")
    WebDriverWait(shown.driver, WAIT).until(lambda _: shown.one("#result").get_attribute("data-done") != before)
    assert "the threshold" in shown.one("#result").text


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def older(folder: Path) -> None:
    path = folder / "bundle.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"format": 3', '"format": 0'), encoding="utf-8")
    (folder / "bundle.sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest(), encoding="utf-8")


DAMAGES: list[tuple[Any, str]] = [
    (lambda f: cut(f / "network.onnx"), "network.onnx is corrupt: its sha256 checksum does not match."),
    (lambda f: (f / "network.onnx").unlink(), "network.onnx cannot be read (404 "),
    (lambda f: (f / "bundle.json").write_text("{"), "bundle.json is corrupt: its sha256 checksum does not match"),
    (lambda f: (f / "bundle.json").unlink(), "Serve the whole folder from a web server."),
    (
        lambda f: older(f),
        "This export has format 0, but the page reads format 3. Use the page that came with the export.",
    ),
    (lambda f: shutil.rmtree(f / "ort"), "The runtime in ort/ cannot be loaded ("),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_a_damaged_export_is_told(small: Path, tmp_path: Path, page: Any, damage: Any, message: str) -> None:
    folder = tmp_path / "web"
    shutil.copytree(small, folder)
    damage(folder)
    shown = page(folder)
    assert message in shown.one("[role=alert]").text


def test_a_browser_without_webassembly_is_told(small: Path) -> None:
    bare = browser()
    # As where it is switched off: there is no object of that name.
    bare.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": "delete globalThis.WebAssembly;"})
    shown = Page(bare, small)
    try:
        message = "This browser does not support WebAssembly, which the network needs."
        assert shown.one("[role=alert]").text.startswith(message)
    finally:
        shown.close()
        bare.quit()


def test_what_the_page_needs_is_told_at_export(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = {"data__tokenizer": {"nr": "whitespace", "en": "bpe"}, "data__vocabulary_size": 30}
    with pytest.raises(ExportError, match=r"web: the page cannot tokenize with sentencepiece \(bpe\)"):
        written(Stages(pairs("attention", **pieces)), tmp_path / "export")
    monkeypatch.setattr("pipeline.exporting.to_web.RUNTIME", Path("nowhere"))
    with pytest.raises(
        ExportError, match=r"ort.wasm.min.mjs is missing; run `make web` once to install it \(needs npm\)"
    ):
        written(FAMILIES["point"][1](), tmp_path / "again")
