"""Networks that write: the original exactly, its weights explained, texts prepared, scored, drawn, gone on from."""

import io
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pytest
import yaml
from conftest import ROOT
from stages import Stages
from texts import text, write_text

from pipeline import predict
from pipeline.data import DataError, fetch
from pipeline.families.text.baseline import n_gram
from pipeline.families.text.data.prepare import prepare_text
from pipeline.families.text.data.schema import TextSchema, load_part
from pipeline.families.text.metrics.scores import TextScores
from pipeline.families.text.models import keras_writer
from pipeline.families.text.models.examples import StreamExamples, WindowExamples
from pipeline.families.text.models.keras_writer import KerasWriter
from pipeline.families.text.models.networks import language_model
from pipeline.families.text.models.sampling import Sampling, choose, write
from pipeline.families.text.settings import CharRnn, CharWindow, TextData
from pipeline.storage import MODELS, RAW, PipelineError
from pipeline.tasks import TaskError, predictor_for
from pipeline.training import Checkpoints, make_deterministic

pytestmark = pytest.mark.slow

SIGMOID = "sigmoid"
Vector = np.ndarray[Any, Any]
ACTIVATIONS: dict[str, Callable[[Vector], Vector]] = {"tanh": np.tanh, SIGMOID: lambda x: 1 / (1 + np.exp(-x))}
WINDOW = {"window": 3, "step": 2, "hidden_units": 128}


def window_network(characters: int, activation: str, recurrent: str, units: int = 128) -> keras.Model:
    axes = {**WINDOW, "hidden_units": units, "activation": activation, "recurrent_activation": recurrent}
    return language_model(characters, CharWindow(name="char_window", **axes), precision="float32")


def test_the_weights_are_those_of_the_original() -> None:
    make_deterministic(1)
    model = window_network(1951, SIGMOID, SIGMOID)
    assert [weight.shape for weight in model.get_weights()] == [
        (1951, 512),
        (128, 512),
        (512,),
        (128, 1951),
        (1951,),
    ]
    # Of the 512, each 128 belong to one gate. Keras begins with a forget gate that stays open: a bias of 1 shows which.
    bias = model.get_layer("lstm").get_weights()[2].reshape(4, 128)
    assert [set(block.tolist()) for block in bias] == [{0.0}, {1.0}, {0.0}, {0.0}]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("recurrent", ACTIVATIONS)
def test_each_block_of_the_weights_is_a_gate(activation: str, recurrent: str) -> None:
    make_deterministic(1)
    model = window_network(30, activation, recurrent, units=8)
    model.set_weights([np.random.default_rng(i).normal(size=w.shape) for i, w in enumerate(model.get_weights())])
    kernel, inner, bias, out, out_bias = model.get_weights()
    window, bend, gate = [4, 17, 29], ACTIVATIONS[activation], ACTIVATIONS[recurrent]

    def recomputed(order: tuple[int, ...]) -> Vector:
        h = c = np.zeros(8)
        for number in window:
            # One-hot times kernel is a row of the kernel.
            blocks = (kernel[number] + h @ inner + bias).reshape(4, 8)
            into, forget, cell, shown = (blocks[place] for place in order)
            c = gate(forget) * c + gate(into) * bend(cell)
            h = gate(shown) * bend(c)
        return np.asarray(h @ out + out_bias)

    found = model.predict_on_batch({"text": np.array([window])})["logits"][0]
    np.testing.assert_allclose(found, recomputed((0, 1, 2, 3)), rtol=1e-4, atol=1e-5)
    # Another order gives other numbers, also where all gates bend alike.
    assert np.abs(found - recomputed((0, 2, 1, 3))).max() > 0.01


def test_windows_and_what_follows_them() -> None:
    examples = WindowExamples(np.arange(10, dtype=np.int32), 3, 2, 3)
    assert (examples.rows, examples.per_epoch) == (4, 2)
    inputs, wanted, count = examples.batch(np.array([3, 0]))
    assert inputs["text"].numpy().tolist() == [[6, 7, 8], [0, 1, 2]]
    assert wanted.numpy().tolist() == [9, 3]
    assert int(count) == 2


def test_streams_go_through_the_whole_text_and_carry_their_state() -> None:
    examples = StreamExamples(np.arange(24, dtype=np.int32), 2, 4, {"h_1": 1})
    assert examples.per_epoch == 3  # 11 characters each: 4, 4 and 3
    read: list[list[int]] = [[], []]
    for step in range(3):
        inputs, wanted, count = examples.batch(np.array([step]))
        assert int(count) == len(inputs["text"][0]) * 2
        assert (wanted.numpy() == inputs["text"].numpy() + 1).all()
        # Zeros at the beginning, whatever was left there; then what the last step gave.
        assert inputs["h_1"].numpy().tolist() == [[float(step)], [float(step)]]
        examples.carry({"h_1": np.full((2, 1), step + 1.0, np.float32)})
        for stream, row in zip(read, inputs["text"].numpy().tolist(), strict=True):
            stream += row
    assert read == [list(range(11)), list(range(11, 22))]
    assert examples.amount(np.array([0, 1, 2])) == 22
    assert examples.batch(np.array([0]))[0]["h_1"].numpy().tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_losses_side_by_side_are_those_one_after_the_other(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_deterministic(1)
    axes = {"cell": cell, "embedding_dim": 4, "hidden_units": 8, "hidden_layers": 2, "dropout": 0.5}
    writer = KerasWriter(language_model(7, CharRnn(name="char_rnn", **axes), precision="float32"))
    numbers = np.random.default_rng(0).integers(7, size=2_230).astype(np.int32)
    whole, right = writer.losses(numbers, 30)
    assert whole.shape == right.shape == (2_200,)
    logits, state = writer.start(numbers[:30])
    for place in range(200):
        assert whole[place] == pytest.approx(np.log(np.exp(logits).sum()) - logits[numbers[30 + place]], abs=1e-4)
        assert right[place] == (logits.argmax() == numbers[30 + place])
        logits, state = writer.step(state, int(numbers[30 + place]))
    # In three pieces, each is read from further back than where it is scored.
    monkeypatch.setattr(keras_writer, "PIECE", 700)
    monkeypatch.setattr(keras_writer, "READ_BEFORE", 400)
    pieces, _ = writer.losses(numbers, 30)
    np.testing.assert_allclose(pieces, whole, atol=1e-4)


def test_losses_of_windows() -> None:
    make_deterministic(1)
    writer = KerasWriter(window_network(7, "tanh", SIGMOID, units=4))
    numbers = np.random.default_rng(0).integers(7, size=50).astype(np.int32)
    losses, _ = writer.losses(numbers, 10)
    assert losses.shape == (40,)
    logits, state = writer.start(numbers[:10])
    assert losses[0] == pytest.approx(np.log(np.exp(logits).sum()) - logits[numbers[10]], abs=1e-5)
    logits, _ = writer.step(state, int(numbers[10]))
    assert losses[1] == pytest.approx(np.log(np.exp(logits).sum()) - logits[numbers[11]], abs=1e-5)


def test_scores_are_those_of_their_definition() -> None:
    score = TextScores(np.log([2.0, 8.0, 4.0, 4.0] * 10), np.array([True, False, False, False] * 10))
    found = score(np.ones(len(score)))
    assert found["bits_per_char"] == pytest.approx((1 + 3 + 2 + 2) / 4)
    assert found["perplexity"] == pytest.approx(4.0)
    assert found["accuracy"] == pytest.approx(0.25)
    assert sum(score.by_place()["bits_per_char"]) / len(score) == pytest.approx(2.0)


def test_characters_are_drawn_by_their_probability() -> None:
    logits = np.log([0.1, 0.6, 0.3])
    drawn = (np.arange(1000) + 0.5) / 1000

    def shares(**changes: Any) -> list[float]:
        sampling = Sampling(**changes)
        counts = Counter(choose(logits, float(each), sampling) for each in drawn)
        return [counts[number] / 1000 for number in range(3)]

    assert shares() == pytest.approx([0.1, 0.6, 0.3], abs=0.002)
    assert shares(temperature=0.5) == pytest.approx(np.array([0.01, 0.36, 0.09]) / 0.46, abs=0.002)
    assert shares(top_k=2) == pytest.approx([0, 2 / 3, 1 / 3], abs=0.002)
    assert shares(top_p=0.61) == pytest.approx([0, 2 / 3, 1 / 3], abs=0.002)
    assert shares(top_p=0.6) == shares(top_k=1) == [0, 1, 0]
    assert shares(temperature=1e-6) == [0, 1, 0]
    assert choose(logits, 0.9999999999999999, Sampling(top_k=2)) == 2
    assert shares(temperature=1e-310) == [0, 1, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": 0.0}, "temperature must be above 0, received 0.0"),
        ({"temperature": -1.0}, "temperature must be above 0, received -1.0"),
        ({"temperature": float("nan")}, "temperature must be above 0, received nan"),
        ({"top_k": -1}, "top_k must be at least 0, received -1"),
        ({"seed": -1}, "seed must be at least 0, received -1"),
        ({"top_p": 0.0}, "top_p must be above 0 and at most 1, received 0.0"),
    ],
)
def test_drawing_that_means_nothing_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sampling(**changes)


def test_n_grams_of_a_text_that_is_shorter() -> None:
    found = n_gram(6)(np.array([0, 1], np.int32), np.array([0, 1, 1], np.int32), 1, 2)
    assert np.isfinite(found.losses).all()
    assert len(found.right) == 2


def test_n_grams_count_what_followed() -> None:
    train, asked = (np.array([ord(c) - ord("a") for c in t], np.int32) for t in ("abacabad", "abac"))
    found = n_gram(2)(train, asked, 1, 4)
    # Single characters, 8 of 4 kinds: a 4, b 2, c 1, d 1; each a quarter before.
    single = [(count + 4 * 0.25) / 12 for count in (4, 2, 1, 1)]
    # Behind a came b, c, b, d: three kinds in four; behind b a, a.
    after_a = [(count + 3 * chance) / 7 for count, chance in zip((0, 2, 1, 1), single, strict=True)]
    after_b = [(count + chance) / 3 for count, chance in zip((2, 0, 0, 0), single, strict=True)]
    np.testing.assert_allclose(np.exp(-found.losses), [after_a[1], after_b[0], after_a[2]])
    assert found.right.tolist() == [True, True, False]
    assert sum(after_a) == pytest.approx(1.0)


def settings(**changes: Any) -> TextData:
    source = {"name": "own", "folder": "data/own", "files": {"t.txt": None}}
    given = {
        "source": source,
        "file": "t.txt",
        "lowercase": True,
        "min_count": 1,
        "validation_fraction": 0.25,
        "test_fraction": 0.25,
    }
    return TextData(**{**given, **changes})


def prepared(folder: Path, content: bytes, **changes: Any) -> tuple[TextSchema, list[dict[str, str]]]:
    (folder / "t.txt").write_bytes(content)
    return prepare_text(settings(**changes), {}, folder, folder / "out", "text")


def test_a_text_as_numbers(tmp_path: Path) -> None:
    schema, warnings = prepared(tmp_path, "\N{BYTE ORDER MARK}Abba\r\nabcab".encode())
    assert schema.characters == "\nabc"
    assert schema.lengths == {"train": 6, "val": 2, "test": 2}
    parts = {split: schema.text(load_part(tmp_path / "out", split)) for split in ("train", "val", "test")}
    # Held-out parts come with what stands before them.
    assert parts == {"train": "abba\na", "val": "abba\nabc", "test": "abba\nabcab"}
    assert [each["text"] for each in warnings] == ["1 characters do not occur in the training part: 'c'"]
    assert schema.text(schema.numbers("CAB")) == "cab"
    with pytest.raises(DataError, match=r"characters that do not occur in the training text: 'xy'; known characters: "):
        schema.numbers("axxya")


def test_rare_characters_are_one(tmp_path: Path) -> None:
    schema, _ = prepared(tmp_path, b"aaabbbcdaabbaabb", min_count=2)
    assert (schema.characters, schema.rare) == ("ab\N{REPLACEMENT CHARACTER}", 2)
    assert schema.numbers("acxb").tolist() == [0, 2, 2, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"0 characters are too few to split \(0 train, 0 val, 0 test; each"),
        (b"abc", r"3 characters are too few"),
        (b"ab\ncd\xff\n", r"t.txt, line 2: not valid UTF-8 \(invalid start byte, byte 0xff\)"),
    ],
)
def test_texts_that_are_none(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepared(tmp_path, content)


@pytest.mark.parametrize(("source", "name"), [("king_james", "bible.txt"), ("python_topics", "topics.txt")])
def test_texts_that_come_with_packages(tmp_path: Path, source: str, name: str) -> None:
    known = yaml.safe_load((ROOT / "conf" / "data" / "text.yaml").read_text(encoding="utf-8"))["source"]["files"]
    fetch(source, {name: known.get(name)}, tmp_path, tmp_path / "raw")
    content = (tmp_path / "raw" / name).read_text(encoding="utf-8")
    if source == "king_james":
        assert len(content) == 4_137_452
        assert content.startswith("In the beginning God created the heaven and the earth.\n")
    else:
        assert len(content) > 400_000


@pytest.fixture
def task(workspace: Path) -> Stages:
    write_text(RAW)
    made = Stages(text())
    made.preprocess()
    return made


def saved(task: Stages, folder: Path) -> Path:
    make_deterministic(1)
    model = task.build()
    task.train(model, None, Checkpoints(folder / "c"), lambda _record: None)
    task.save(model, MODELS)
    return MODELS


@pytest.fixture
def trained(task: Stages, tmp_path: Path) -> Path:
    return saved(task, tmp_path)


def test_a_text_too_short_is_told(task: Stages) -> None:
    with pytest.raises(
        TaskError, match=r"train.batch_size: the training text of 2,400 characters is too short for 2,400"
    ):
        Stages(text(train__batch_size=2400)).check()
    task.check()


def test_prompts_are_gone_on_from(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["predict", "--model", str(trained), *arguments])
        predict.main()
        return capsys.readouterr().out

    first = asked("--prompt", "A cat", "--length", "30", "--seed", "1")
    assert first.startswith("A cat")
    assert len(first) == len("A cat") + 30 + 1
    assert asked("--prompt", "A cat", "--length", "30", "--seed", "1") == first
    assert asked("--prompt", "A cat", "--length", "30", "--seed", "2") != first
    assert asked("--prompt", "A cat", "--length", "30", "--top-k", "1") == asked(
        "--prompt", "A cat", "--length", "30", "--temperature", "0.0001"
    )
    (tmp_path / "in.txt").write_text("A cat\nThe\n", encoding="utf-8")
    asked(str(tmp_path / "in.txt"), "-o", str(tmp_path / "out.txt"), "--length", "30", "--seed", "1")
    lines = (tmp_path / "out.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    assert lines[0].replace("\\n", "\n") == first.removeprefix("A cat")[:-1]
    monkeypatch.setattr(sys, "stdin", Namespace(buffer=io.BytesIO(b"A cat\n")))
    assert asked("--length", "30", "--seed", "1") == f"{lines[0]}\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompt": "A c@t"}, "characters that do not occur in the training text: '@'"),
        ({"prompt": ""}, "the prompt has 0 characters; the network needs at least 1; give"),
        ({"prompt": "A", "temperature": 0.0}, "temperature must be above 0"),
        ({"prompt": "A", "beam": 2}, "--beam: not an option of this network, which takes --prompt, --length"),
    ],
)
def test_prompts_that_cannot_be_gone_on_from(
    trained: Path, options: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    with pytest.raises(PipelineError, match=message):
        predict.predict(None, None, options, str(trained))
    assert not capsys.readouterr().out


def test_a_line_that_is_no_prompt_is_named(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("A cat\nA c@t\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"in.txt, line 2: characters that do not occur in the training text: '@'"):
        predict.predict(tmp_path / "in.txt", tmp_path / "out.txt", {"length": 5}, str(trained))
    assert not (tmp_path / "out.txt").exists()
    (tmp_path / "in.txt").write_bytes(b"")
    predict.predict(tmp_path / "in.txt", tmp_path / "out.txt", {"length": 5}, str(trained))
    assert (tmp_path / "out.txt").read_bytes() == b""


def test_a_prompt_shorter_than_the_window(workspace: Path, tmp_path: Path) -> None:
    write_text(RAW)
    window = Stages(text("char_window"))
    window.preprocess()
    folder = saved(window, tmp_path)
    with pytest.raises(DataError, match="the prompt has 2 characters; the network needs at least 3; give"):
        predict.predict(None, None, {"prompt": "no"}, str(folder))


def test_a_text_shorter_than_the_window_is_told(workspace: Path) -> None:
    write_text(RAW, 150)
    short = Stages(text("char_window", model__window=120))
    short.preprocess()
    with pytest.raises(
        TaskError, match=r"model.window: the training text has 120 characters, too few for a window of 120"
    ):
        short.check()


def test_windows_may_be_wide(workspace: Path, tmp_path: Path) -> None:
    write_text(RAW)
    wide = Stages(text("char_window", model__window=200, train__epochs=1))
    wide.preprocess()
    evaluation = wide.evaluate(saved(wide, tmp_path))
    assert evaluation.predictions["test"].num_rows == 300
    assert evaluation.write_extras is not None
    assert "continuing the last 200 characters before the test part" in evaluation.write_extras(tmp_path)


def test_the_unknown_character_is_read_and_not_written(workspace: Path, tmp_path: Path) -> None:
    write_text(RAW)
    (RAW / "text.txt").write_text((RAW / "text.txt").read_text(encoding="utf-8") + "é" * 3, encoding="utf-8")
    rare = Stages(text(data__min_count=10, train__epochs=1))
    rare.preprocess()
    predictor = predictor_for(saved(rare, tmp_path))
    found = "".join(predictor.generator.generate("é cat %", 2000, Sampling(temperature=50.0)))  # type: ignore[attr-defined]
    assert len(set(found)) > 10  # next to all that there is
    assert "\N{REPLACEMENT CHARACTER}" not in found


def test_rows_of_prompts_and_layers(trained: Path, tmp_path: Path) -> None:
    predictor = predictor_for(trained)
    found = predictor(pa.table({"prompt": ["A cat", "The dog"]}))["text"].to_pylist()
    assert [len(each) for each in found] == [500, 500]
    (tmp_path / "in.txt").write_text("A cat saw the sun.\n" * 20, encoding="utf-8")
    batches = list(predictor.batches(tmp_path / "in.txt", 2))
    assert [each["text"].shape for each in batches] == [(2, 100), (1, 100), (1, 80)]  # 380 characters
    assert batches[0]["h_1"].shape == (2, 32)
    assert predictor.embedding("character").vectors.shape == (len(predictor.embedding("character").names), 8)


def test_what_evaluate_says_and_writes(trained: Path, task: Stages, tmp_path: Path) -> None:
    evaluation = task.evaluate(trained)
    values = evaluation.scores["test"].values
    assert values["perplexity"] == pytest.approx(2 ** values["bits_per_char"])
    low, high = evaluation.scores["test"].intervals["bits_per_char"]
    assert low < values["bits_per_char"] < high
    assert evaluation.predictions["test"].num_rows == 300
    assert "".join(evaluation.predictions["test"]["character"].to_pylist()) == task_text(task)
    assert evaluation.write_extras is not None
    assert "sample.txt: 30 characters" in evaluation.write_extras(tmp_path)
    baselines = dict(task.baselines())
    assert baselines["6-grams"].values["bits_per_char"] < baselines["single characters"].values["bits_per_char"]


def task_text(task: Stages) -> str:
    return (RAW / "text.txt").read_text(encoding="utf-8").lower()[-300:]


def test_an_untrained_network_writes_as_its_weights_say() -> None:
    make_deterministic(1)
    writer = KerasWriter(window_network(5, "tanh", SIGMOID, units=4))
    found = list(write(writer, [0, 1, 2], 20, Sampling(seed=3)))
    logits, _ = writer.start(np.array([0, 1, 2]))
    assert found[0] == choose(logits, float(np.random.default_rng(3).random()), Sampling())
    assert len(found) == 20
