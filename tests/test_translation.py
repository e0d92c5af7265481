"""Networks that translate: the original exactly, the parts of the others, inference, learning, prediction."""

import io
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from pairs import NETWORKS, pairs, write_pairs
from stages import Stages
from tiny import committed, train_settings

from pipeline import models, predict
from pipeline.config import family_of
from pipeline.data import DataError
from pipeline.families.translation.data.sentences import Sentences
from pipeline.families.translation.data.tokens import NEVER, PADDING
from pipeline.families.translation.metrics.scores import TranslationScores, bleu_by_length
from pipeline.families.translation.models.common import Sizes
from pipeline.families.translation.models.examples import SentenceExamples
from pipeline.families.translation.models.keras_decoder import KerasDecoder
from pipeline.families.translation.models.networks import inference_of, translation_model
from pipeline.families.translation.models.translate import SearchSettings, translate
from pipeline.families.translation.predictor import TranslationPredictor
from pipeline.families.translation.settings import Seq2Seq
from pipeline.models import SequenceLSTM
from pipeline.models.losses import token_loss
from pipeline.storage import MODELS, PROCESSED, RAW, PipelineError, seal
from pipeline.tasks import predictor_for
from pipeline.training import (
    Checkpoints,
    Objective,
    Training,
    make_deterministic,
)

pytestmark = pytest.mark.slow

ENJA = Sizes(6638, 8778, 18, 17, 100)


def sentences(count: int = 6, words: int = 14) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    source, target = (random.integers(4, words, (count, width)).astype("int32") for width in (9, 8))
    for row in range(count):
        for side in (source, target):
            length = random.integers(3, side.shape[1] + 1)
            side[row, 0], side[row, length - 1], side[row, length:] = 2, 3, 0
    return source, target


def small(network: str, precision: str = "float32", **changes: Any) -> keras.Model:
    section = pairs(network, **{f"model__{key}": value for key, value in changes.items()}).model
    return translation_model(Sizes(14, 14, None, None, 50), section, precision=precision)


def original(sizes: Sizes, mask: bool) -> keras.Model:
    settings = Seq2Seq(**committed("model/seq2seq.yaml", mask=mask))
    return translation_model(sizes, settings, precision="float32")


VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("seq2seq", {"hidden_layers": 2}),
    ("attention", {"hidden_layers": 2}),
    ("attention", {"score": "bahdanau", "tied": False}),
    ("transformer", {}),
    ("transformer", {"positions": "learned", "hidden_layers": 1}),
]


def test_the_network_of_small_parallel_enja_is_the_original_s() -> None:
    make_deterministic(1)
    model = original(ENJA, mask=False)
    assert model.count_params() == 23_437_898
    assert {layer.name: layer.count_params() for layer in model.layers if layer.count_params()} == {
        "source_embedding": 1_699_328,
        "target_embedding": 2_247_168,
        "encoder_1": 5_246_976,
        "decoder_1": 5_246_976,
        "logits": 8_997_450,
    }
    assert [tuple(tensor.shape) for tensor in model.inputs] == [(None, 18), (None, 17)]
    masked = original(Sizes(6638, 8778, None, None, 100), mask=True)
    assert masked.count_params() == 23_437_898


def test_the_original_to_the_letter_trains_a_step(tmp_path: Path) -> None:
    make_deterministic(1)
    model = original(ENJA, mask=False)
    source, target = (np.pad(side, ((0, 0), (0, 18 - side.shape[1]))) for side in sentences(8))
    examples = SentenceExamples(source, target, 8, "sentences", trimmed=False)
    assert examples.per_epoch == 1
    before = model.get_layer("logits").bias.numpy().copy()
    records: list[Any] = []
    Training(
        model,
        examples,
        Objective(token_loss(0.0), lambda _: ({"loss": 0.0}, ""), "loss", False),
        train_settings(1, 1e-3),
        1,
        Checkpoints(tmp_path),
        on_epoch=records.append,
        save_network=lambda _: None,
    ).run(None)
    # Untrained, each of the 8,778 words is as probable; padding counts.
    assert records[0].scores["loss"] == pytest.approx(np.log(8778), abs=0.05)
    moved = np.abs(model.get_layer("logits").bias.numpy() - before)
    assert moved.max() == pytest.approx(1e-3, rel=0.01)  # Adam's first step, of every word


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_the_lstm_is_keras_own(backwards: bool, masked: bool) -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(5, 7, 6)).astype("float32")
    mask = np.arange(7) < np.array([[7], [3], [5], [1], [0]])
    states = [random.normal(size=(5, 4)).astype("float32") for _ in range(2)]
    made = [
        kind(4, return_sequences=True, return_state=True, go_backwards=backwards)
        for kind in (keras.layers.LSTM, SequenceLSTM)
    ]
    for layer in made:
        layer.build(values.shape)
    made[1].set_weights([weight + 0.1 for weight in made[0].get_weights()])
    made[0].set_weights(made[1].get_weights())
    counts = mask if not backwards else mask[:, ::-1]
    found = []
    for layer in made:
        given = [tf.constant(each) for each in (values, *states)]
        with tf.GradientTape() as tape:
            tape.watch(given)
            outputs, h, c = layer(given[0], initial_state=given[1:], mask=tf.constant(mask) if masked else None)
            # Before the first step that counts, Keras puts out zeros and this one its state.
            seen = outputs * counts[:, :, None].astype("float32") if masked else outputs
            loss = tf.reduce_sum(tf.sin(seen * 3)) + tf.reduce_sum(h**2) + tf.reduce_sum(tf.cos(c))
        gradients = tape.gradient(loss, [*given, *(weight.value for weight in layer.trainable_variables)])
        found.append([np.asarray(each) for each in (seen, h, c, *gradients)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_what_the_lstm_cannot_do_keras_does() -> None:
    values = np.random.default_rng(0).normal(size=(3, 4, 5)).astype("float32")
    ours, theirs = (kind(2, activation="relu") for kind in (SequenceLSTM, keras.layers.LSTM))
    theirs.build(values.shape)
    ours.build(values.shape)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(np.asarray(ours(values)), np.asarray(theirs(values)), atol=1e-6)


@pytest.mark.parametrize(("network", "changes"), VARIANTS)
def test_padding_changes_nothing(network: str, changes: dict[str, Any]) -> None:
    make_deterministic(1)
    model, (source, target) = small(network, **changes), sentences()
    wide = np.asarray(model({"source": source, "target": target}))
    for row in range(len(source)):
        lengths = [int((side[row] != 0).sum()) for side in (source, target)]
        narrow = model({"source": source[row : row + 1, : lengths[0]], "target": target[row : row + 1, : lengths[1]]})
        np.testing.assert_allclose(np.asarray(narrow)[0], wide[row, : lengths[1]], atol=1e-5)


@pytest.mark.parametrize(("network", "changes"), VARIANTS)
def test_no_word_sees_the_ones_after_it(network: str, changes: dict[str, Any]) -> None:
    make_deterministic(1)
    model, (source, target) = small(network, **changes), sentences()
    other = target.copy()
    other[:, 4:] = 7
    first, second = (np.asarray(model({"source": source, "target": each})) for each in (target, other))
    np.testing.assert_allclose(first[:, :4], second[:, :4], atol=1e-6)
    assert np.abs(first[:, 4:] - second[:, 4:]).max() > 1e-4


@pytest.mark.parametrize(("network", "changes"), VARIANTS)
def test_step_by_step_it_computes_what_it_was_trained_to(network: str, changes: dict[str, Any], tmp_path: Path) -> None:
    make_deterministic(1)
    model, (source, target) = small(network, "bfloat16", **changes), sentences()
    models.save_model(model, tmp_path / "m.keras")
    loaded = models.load_model(tmp_path / "m.keras")
    whole = tf.nn.log_softmax(loaded({"source": source, "target": target})).numpy()
    decoder = KerasDecoder(inference_of(loaded))
    state = decoder.start(source)
    for step in range(target.shape[1]):
        scores, numbers, state, looked = decoder.step(state, target[:, step], 14)
        found = np.take_along_axis(whole[:, step], numbers, axis=1)
        written = ~np.isin(numbers, NEVER)
        np.testing.assert_allclose(scores[written], found[written], atol=1e-5)
        assert not np.isfinite(scores[~written]).any()
        if network == "seq2seq":
            assert looked is None
        else:
            np.testing.assert_allclose(looked.sum(axis=1), 1, atol=1e-5)
            assert np.abs(looked[source == 0]).max(initial=0) == 0


@pytest.mark.parametrize(("network", "changes"), VARIANTS)
def test_batches_change_no_translation(network: str, changes: dict[str, Any]) -> None:
    make_deterministic(2)
    decoder, (source, _) = KerasDecoder(inference_of(small(network, **changes))), sentences()
    for search in (SearchSettings(), SearchSettings(beam=4, best=3, length_penalty=0.6)):
        together = translate(decoder, source, search)
        single = [translate(decoder, source[row : row + 1], search)[0] for row in range(len(source))]
        assert [[t.words for t in each] for each in together] == [[t.words for t in each] for each in single]


def test_batches_of_like_length() -> None:
    source, target = sentences(200)
    examples = SentenceExamples(source, target, 60, "tokens", trimmed=True)
    plans = [examples.plan(1, epoch) for epoch in (0, 1)]
    lengths = np.stack([(source != 0).sum(axis=1), (target != 0).sum(axis=1) - 1], axis=1)
    for rows, bounds in plans:
        assert sorted(rows.tolist()) == list(range(200))
        assert len(bounds) == examples.per_epoch + 1
        for first, last in pairwise(bounds):
            part = rows[first:last]
            assert len(part) * lengths[part].max() <= 60 or len(part) == 1
            inputs, wanted, weight = examples.batch(tf.constant(part))
            assert inputs["source"].shape[1] == lengths[part, 0].max()
            assert inputs["target"].shape == wanted.shape
            assert wanted.shape[1] == lengths[part, 1].max()
            assert int(weight) == lengths[part, 1].sum()
    assert plans[0][0].tolist() != plans[1][0].tolist()
    assert examples.plan(1, 1)[0].tolist() == plans[1][0].tolist()
    assert examples.amount(np.arange(200)) == lengths[:, 1].sum()


def test_the_loss_by_hand() -> None:
    logits = np.log(np.array([[[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]]], "float32"))
    target = np.array([[1, 2, 0]])
    plain = token_loss(0.0, PADDING)(target, logits)
    assert float(plain) == pytest.approx(-(np.log(0.2) + np.log(0.1)) / 2)
    whole = token_loss(0.0)(target, logits)
    assert float(whole) == pytest.approx(-(np.log(0.2) + np.log(0.1) + np.log(0.3)) / 3)
    spread = token_loss(0.3, PADDING)(target[:, :1], logits[:, :1])
    assert float(spread) == pytest.approx(-0.7 * np.log(0.2) - 0.3 * np.mean(np.log([0.7, 0.2, 0.1])))


def test_scores_are_sacrebleu_s() -> None:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    texts = ["the cat sat on the mat .", "a dog", "it rains in the town today ."]
    known = ["the cat sat on a mat .", "the dog barks", "it rains in the town today ."]
    words = np.array([[4.0, 3.0, 5.0], [2.0, 3.0, 4.0], [1.0, 2.0, 6.0]])
    score = TranslationScores(texts, known, "none", words=words)
    found = score(np.ones(3))
    assert found["bleu"] == pytest.approx(BLEU(tokenize="none").corpus_score(texts, [known]).score)
    assert found["chrf"] == pytest.approx(CHRF().corpus_score(texts, [known]).score)
    assert (found["token_accuracy"], found["loss"]) == (9 / 12, 9 / 12)
    twice = score(np.array([2.0, 0.0, 1.0]))
    assert twice["bleu"] == pytest.approx(
        BLEU(tokenize="none").corpus_score([texts[0], texts[0], texts[2]], [[known[0], known[0], known[2]]]).score
    )
    assert score.by_sentence()[2] == 100
    assert "tok:none" in score.signature
    curve = bleu_by_length(score, np.array([2, 5, 7]), parts=3)
    assert curve["sentences"] == [1, 1, 1]
    assert curve["bleu"][2] == pytest.approx(100)


SMALL = {"train__epochs": 4, "train__save_every": 2, "model__embedding_dim": 32}


@pytest.fixture
def prepared(workspace: Path) -> Path:
    write_pairs(RAW)
    Stages(pairs()).preprocess()
    return workspace


def learn(task: Stages, folder: Path) -> Any:
    make_deterministic(task.config.seed)
    model = task.build()
    task.train(model, None, Checkpoints(folder), lambda _record: None)
    task.save(model, MODELS)
    return model


TRANSFORMER = {"train__epochs": 20, "train__learning_rate": 0.003, "train__warmup": 0.1}


@pytest.mark.parametrize(
    ("network", "changes"),
    [
        ("attention", {"train__epochs": 10}),
        pytest.param("attention", {"model__score": "bahdanau", "train__epochs": 16}, marks=pytest.mark.faults),
        pytest.param("transformer", TRANSFORMER, marks=pytest.mark.faults),
    ],
)
def test_it_learns_to_read_backwards(network: str, changes: dict[str, Any], prepared: Path, tmp_path: Path) -> None:
    # Kept is the network of the lowest loss: BLEU of 50 sentences is 100 long before the end.
    schedule = {"train__monitor": "loss", "train__schedule": "linear", "train__decode_sentences": 1}
    task = Stages(pairs(network, model__embedding_dim=64, **schedule, **changes))
    learn(task, tmp_path / "c")
    found = pa.concat_tables(task.evaluate(MODELS).predictions[split] for split in ("test", "val"))
    right = [a == b for a, b in zip(found["translation"].to_pylist(), found["reference"].to_pylist(), strict=True)]
    assert len(right) == 200
    assert np.mean(right) > 0.99


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("translation")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_pairs(RAW)
        small = Stages(pairs(**SMALL))
        small.preprocess()
        learn(small, folder / "c")
    return folder


@pytest.fixture
def trained(trained_once: Path, workspace: Path) -> Stages:
    """A small network in models/, with data and checkpoints (in `c`), in a folder of its own."""
    shutil.copytree(trained_once, workspace, dirs_exist_ok=True)
    return Stages(pairs(**SMALL))


def test_sentences_from_a_file(trained: Stages, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.txt"
    long = " ".join(["4"] * 10_000)
    source.write_text(f"1 2 3\n\nzebra 4\n{long}\n7", encoding="utf-8")
    predict.predict(source, output, {}, str(MODELS))
    lines = output.read_text(encoding="utf-8").split("\n")
    assert len(lines) == 6  # five, and the end of the last
    assert lines[1] == ""
    assert all(lines[place] for place in (0, 2, 4))
    assert "a sentence of 10,000 words was truncated to 100 (data.max_tokens)" in capsys.readouterr().err
    predict.predict(source, output, {"nbest": 3, "beam": 4}, str(MODELS))
    rows = [line.split("\t") for line in output.read_text(encoding="utf-8").splitlines()]
    first = [row for row in rows if row[0] == "1"]
    assert 1 <= len(first) <= 3
    assert [float(row[1]) for row in first] == sorted((float(row[1]) for row in first), reverse=True)
    assert first[0][2] == lines[0]
    assert ["2", "", ""] in rows
    source.write_bytes(b"1 2\n\xff\n")
    with pytest.raises(DataError, match=r"in\.txt, line 2: not valid UTF-8"):
        predict.predict(source, output, {}, str(MODELS))
    with pytest.raises(PipelineError, match="--keep: not an option of this network, which takes --beam, --nbest"):
        predict.predict(source, output, {"keep": "id"}, str(MODELS))
    with pytest.raises(PipelineError, match="INPUT and -o OUTPUT go together"):
        predict.predict(source, None, {}, str(MODELS))


def test_sentences_from_standard_input(
    trained: Stages, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Input:
        buffer = io.BytesIO(b"1 2 3\n\n5 6\n")

    monkeypatch.setattr(sys, "stdin", Input)
    predict.predict(None, None, {"beam": 1}, str(MODELS))
    lines = capsys.readouterr().out.split("\n")
    assert len(lines) == 4
    assert lines[0]
    assert lines[1] == ""


def test_what_the_record_s_model_and_inspect_ask_for(trained: Stages, tmp_path: Path) -> None:
    predictor = predictor_for(MODELS)
    assert isinstance(predictor, TranslationPredictor)
    found = predictor(pa.table({"source": ["1 2", None, "3"]}))
    assert found.column_names == ["translation", "score"]
    assert found["translation"].to_pylist()[1] == ""
    assert predictor.embedding("source").vectors.shape == (14, 32)
    assert predictor.embedding("target").names[:4] == ["<pad>", "<unk>", "<start>", "<end>"]
    (tmp_path / "one.txt").write_text("1 2 3\n", encoding="utf-8")
    (batch,) = predictor.batches(tmp_path / "one.txt", 10)
    assert batch["source"].shape == (1, 5)
    outputs = models.Probe(predictor.model, models.output_names(predictor.model))(batch, training=False)
    assert outputs["encoder_1"].shape == (1, 5, 32)
    (words, written, weights), *_ = predictor.translator.attention_of(["1 2 3"])
    assert words == ["<start>", "1", "2", "3", "<end>"]
    assert weights.shape == (len(written), 5)


def test_what_evaluate_writes_besides(trained: Stages, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    evaluation = trained.evaluate(MODELS)
    assert set(evaluation.scores["test"].values) == {"bleu", "chrf", "token_accuracy", "loss"}
    pq.write_table(evaluation.predictions["test"], tmp_path / "test.parquet")
    assert evaluation.write_extras is not None
    assert evaluation.write_extras(tmp_path) == "examples.md, 4 attention maps"
    assert "## The worst by sentence chrF" in (tmp_path / "examples.md").read_text(encoding="utf-8")
    assert (tmp_path / "attention_1.svg").read_text(encoding="utf-8").count("&lt;start&gt;") == 1


def test_networks_of_single_epochs_are_kept(trained: Stages, tmp_path: Path) -> None:
    kept = sorted(path.name for path in Checkpoints(tmp_path / "c").kept.iterdir())
    assert kept == ["002", "004"]
    (tmp_path / "in.txt").write_text("1 2 3\n", encoding="utf-8")
    predict.predict(tmp_path / "in.txt", tmp_path / "out.txt", {}, str(Checkpoints(tmp_path / "c").kept / "002"))
    assert (tmp_path / "out.txt").read_text(encoding="utf-8").strip()
    second, fourth = (
        models.load_model(Checkpoints(tmp_path / "c").kept / name / "model.keras").get_weights()[0]
        for name in ("002", "004")
    )
    assert np.abs(second - fourth).max() > 0


def test_a_network_of_one_length_validates_scores_and_predicts(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = Stages(pairs("seq2seq", model__mask=False, train__epochs=2))
    model = learn(task, tmp_path / "c")
    assert [tuple(tensor.shape) for tensor in model.inputs] == [(None, 8), (None, 7)]
    assert task.evaluate(MODELS).scores["test"].values["loss"] < np.log(14)
    (tmp_path / "in.txt").write_text("1 2\n1 2 3 4 5 6 7 8 9\n", encoding="utf-8")
    predict.predict(tmp_path / "in.txt", tmp_path / "out.txt", {}, str(MODELS))
    assert "a sentence of 9 words was truncated to 6 (fixed input length of this network)" in capsys.readouterr().err
    assert len((tmp_path / "out.txt").read_text(encoding="utf-8").splitlines()) == 2


def test_vocabularies_of_another_network_are_refused(trained: Stages) -> None:
    schema = MODELS / "schema.json"
    schema.write_text(schema.read_text(encoding="utf-8").replace("14", "15"), encoding="utf-8")
    seal(MODELS)
    with pytest.raises(DataError, match=r"the network has vocabularies of 14 and 14 words, schema\.json 15 and 15"):
        predictor_for(MODELS)


def test_simple_models_beside_it(prepared: Path) -> None:
    found = dict(Stages(pairs()).baselines())
    test = Sentences.load(PROCESSED / "test")
    assert list(found) == ["translation memory", "the source itself"]
    assert found["the source itself"].values["bleu"] < found["translation memory"].values["bleu"]
    assert len(test) == 100


def test_committed_networks_have_small_ones_beside_them() -> None:
    assert set(family_of("translation").models) == set(NETWORKS)
