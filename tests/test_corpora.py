"""Corpora: reading, cleaning, cutting, splitting; and what is refused."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from pairs import pairs, write_pairs
from stages import Stages

from pipeline.config import ConfigError
from pipeline.data import DataError
from pipeline.families.translation.data.pairs import read_pairs
from pipeline.families.translation.data.prepare import normalized
from pipeline.families.translation.data.schema import CorpusSchema
from pipeline.families.translation.data.sentences import Sentences, fitted, padded
from pipeline.families.translation.data.tokenizing import tokenizer_for
from pipeline.families.translation.data.vocabulary import Vocabulary
from pipeline.storage import AUDIT, PROCESSED, RAW

LANGUAGES = ("en", "ja")
MIRROR = Path(os.environ.get("PIPELINE_MIRROR") or ROOT.parent / "shared" / "data")
ENJA = MIRROR / "small_parallel_enja" if (MIRROR / "small_parallel_enja").is_dir() else MIRROR


def write(folder: Path, **files: str | bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def read(folder: Path, **options: Any) -> Any:
    return read_pairs(folder, {"en": "a", "ja": "b"}, LANGUAGES, None, **{"once": True, **options})


def test_empty_and_doubled_pairs_are_counted_and_left_out(tmp_path: Path) -> None:
    folder = write(tmp_path, a="one\n\n two \none\nthree\n", b="一\n二\n二\n一\n\n")
    corpus = read(folder)
    assert corpus.pairs == [("one", "一"), ("two", "二")]
    assert (corpus.lines, corpus.empty, corpus.doubled) == (5, 2, 1)
    assert len(read(folder, once=False).pairs) == 3


def test_only_line_feeds_end_a_line(tmp_path: Path) -> None:
    folder = write(tmp_path, a="﻿one\u2028two\r\nthree", b="一\n二\n")
    assert read(folder).pairs == [("one\u2028two", "一"), ("three", "二")]


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"a": "one\ntwo\n", "b": "一\n"}, r"a has 2 lines and b 1: the n-th lines of both must be translations"),
        ({"a": "", "b": ""}, r"a and b: no pair of sentences \(0 lines\)"),
        ({"a": b"one\ntw\xe9\n", "b": "一\n二\n"}, r"a, line 2: not valid UTF-8 \(.*byte 0xe9\); convert the file"),
        ({"a": "one\n"}, r"b: No such file"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path: Path, files: dict[str, Any], fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        read(write(tmp_path, **files))


def test_columns_of_a_tsv(tmp_path: Path) -> None:
    folder = write(tmp_path, t='id\ten\tja\n1\tone\t一\n2\ttwo\n3\t"three\t三\n')
    files = {"en": "t", "ja": "t"}
    by_name = read_pairs(folder, files, LANGUAGES, {"en": "en", "ja": "ja"}, once=True)
    assert by_name.pairs == [("one", "一"), ('"three', "三")]
    assert by_name.empty == 1
    assert read_pairs(folder, files, LANGUAGES, {"en": 2, "ja": 3}, ["one"], once=True).pairs == [
        ("en", "ja"),
        ('"three', "三"),
    ]
    with pytest.raises(DataError, match=r"no column 'fr' in the first line \(id, en, ja\)"):
        read_pairs(folder, files, LANGUAGES, {"en": "fr", "ja": "ja"}, once=True)
    with pytest.raises(DataError, match="no column 7; the widest line has 3"):
        read_pairs(folder, files, LANGUAGES, {"en": 7, "ja": 3}, once=True)


def test_texts_come_back_as_they_were(tmp_path: Path) -> None:
    texts = ["one\rtwo", "three"]
    Sentences(padded([[2, 3], [2, 4, 3]]), padded([[2, 3]] * 2), texts, texts).save(tmp_path / "s")
    loaded = Sentences.load(tmp_path / "s")
    assert loaded.source_text == texts
    assert loaded.source.tolist() == [[2, 3, 0], [2, 4, 3]]


def test_what_is_cut_ends() -> None:
    assert fitted(padded([[2, 5, 6, 7, 3], [2, 5, 3]]), 4).tolist() == [[2, 5, 6, 3], [2, 5, 3, 0]]
    assert fitted(padded([[2, 3]]), 3).tolist() == [[2, 3, 0]]


def test_words_by_rule() -> None:
    hindi = "नमस्ते दुनिया।"
    assert tokenizer_for("word", Path()).tokens(hindi) == ["नमस्ते", "दुनिया", "￭।"]
    cutter = tokenizer_for("word", Path())
    assert cutter.tokens("Don't stop, he said.") == ["Don't", "stop", "￭,", "he", "said", "￭."]
    assert tokenizer_for("character", Path()).tokens("a b") == ["a", "▁", "b"]


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="￭▁")).map(str.strip))
def test_cut_and_put_together_again(text: str) -> None:
    for name in ("word", "character"):
        cutter = tokenizer_for(name, Path())
        assert cutter.text(cutter.tokens(f"{text} {text}").copy()).split() == f"{text} {text}".split()


def test_a_vocabulary_counts_and_keeps_its_four() -> None:
    found = Vocabulary.of([["b", "a", "<pad>"], ["a", "c"]], size=0, min_count=1)
    assert found.words == ["<pad>", "<unk>", "<start>", "<end>", "a", "b", "c"]
    assert found.numbers(["a", "z", "<end>"]) == [2, 4, 1, 1, 3]
    assert Vocabulary.of([["b", "a"], ["a"]], size=5, min_count=1).words[4:] == ["a"]
    assert Vocabulary.of([["b", "a"], ["a"]], size=0, min_count=2).words[4:] == ["a"]
    assert padded([[2, 3], [2, 4, 3]]).tolist() == [[2, 3, 0], [2, 4, 3]]


@pytest.fixture
def raw(workspace: Path) -> Path:
    write_pairs(RAW)
    return workspace


def test_what_preprocess_writes(raw: Path) -> None:
    said = Stages(pairs()).preprocess()
    assert "nr to en; vocabularies of 14 and 14 words; pairs: train 1,636, val 100, test 100" in said
    assert "left out: 364 doubled in train" in said
    schema = CorpusSchema.load(PROCESSED)
    test = Sentences.load(PROCESSED / "test")
    assert len(test) == 100
    first = [schema.vocabularies[0].words[number] for number in test.source[0] if number]
    assert first == ["<start>", *test.source_text[0].split(), "<end>"]
    assert schema.lengths == (8, 7)  # six digits with start and end; six words with one of them
    audit = json.loads(AUDIT.read_text(encoding="utf-8"))
    assert {each["subject"] for each in audit["warnings"]} >= {"test.nr", "test.en"}
    assert "| doubled in train | 364 |" in AUDIT.with_suffix(".md").read_text(encoding="utf-8")


def test_no_sentence_is_on_two_sides(raw: Path) -> None:
    config = pairs(data__val=None, data__test=None, data__split="sentences")
    Stages(config).preprocess()
    seen: list[set[str]] = []
    for split in ("train", "val", "test"):
        part = Sentences.load(PROCESSED / split)
        texts = {normalized(text) for text in [*part.source_text, *part.target_text]}
        assert all(texts.isdisjoint(other) for other in seen)
        seen.append(texts)
    sizes = CorpusSchema.load(PROCESSED).pairs
    assert 0.15 < sizes["val"] / sum(sizes.values()) < 0.25
    assert 0.07 < sizes["test"] / sum(sizes.values()) < 0.13


def test_held_out_at_the_end(raw: Path) -> None:
    Stages(pairs(data__val=None, data__validation_fraction=0.2)).preprocess()
    # 1,636 pairs: the first int(1636 · .8) stay, as with Keras' validation_split.
    assert CorpusSchema.load(PROCESSED).pairs == {"train": 1308, "val": 328, "test": 100}


def test_sentences_to_leave_out(raw: Path) -> None:
    before = pairs()
    Stages(before).preprocess()
    Stages(pairs(data__leave_out={"nr": "test.nr", "en": "test.en"})).preprocess()
    schema = CorpusSchema.load(PROCESSED)
    assert schema.left_out["in leave_out, of train"] > 10
    unwanted = set(Sentences.load(PROCESSED / "test").source_text)
    assert unwanted.isdisjoint(Sentences.load(PROCESSED / "train").source_text)


def test_lower_case_long_pairs_rare_words(raw: Path) -> None:
    upper = RAW / "train.en"
    upper.write_text(upper.read_text(encoding="utf-8").upper(), encoding="utf-8")
    Stages(pairs(data__max_tokens=4, data__min_count=10**6, data__lowercase=True)).preprocess()
    schema = CorpusSchema.load(PROCESSED)
    assert schema.left_out["longer than max_tokens"] > 100
    assert schema.words == (4, 4)
    assert "four" in schema.tokens("FOUR")
    found = dict(Stages(pairs(data__max_tokens=4, data__min_count=10**6, data__lowercase=True)).baselines())
    assert found["translation memory"].values["bleu"] > 1  # the memory's upper-case sentences are lowered, too
    with pytest.raises(DataError, match=r"no train pair is left .*longer than max_tokens"):
        Stages(pairs(data__max_tokens=1)).preprocess()


def test_pieces_of_words(raw: Path) -> None:
    Stages(pairs(data__tokenizer={"nr": "whitespace", "en": "bpe"}, data__vocabulary_size=30)).preprocess()
    schema = CorpusSchema.load(PROCESSED)
    assert schema.words[1] > 14
    tokens = schema.tokens("three seven", 1)
    assert schema.text_tokenizers[1].text(tokens) == "three seven"
    with pytest.raises(DataError, match="tokenizer unigram with 3 pieces"):
        Stages(pairs(data__tokenizer={"nr": "whitespace", "en": "unigram"}, data__vocabulary_size=3)).preprocess()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"data__target_lang": "fr"}, "data.target_lang: train has no language 'fr', only nr, en"),
        ({"data__target_lang": "nr"}, "data.target_lang: must differ from source_lang, received 'nr'"),
        ({"data__test": {"nr": "x", "en": "test.en"}}, "data.test.nr: 'x' is not among source.files"),
        ({"data__test": {"nr": "test.en", "en": "test.en"}}, "data.columns: test names 'test.en' for both languages"),
        ({"data__val": None, "data__test": None, "data__test_fraction": 0.9}, "leave nothing to train on"),
        ({"model__hidden_units": 33}, "model.hidden_units: must be a multiple of 2, received 33"),
        (
            {"model__name": "atention"},
            "model.name: not a network of this task, received 'atention'; did you mean attention",
        ),
        ({"train__monitor": "auc"}, "train.monitor: not a score of task translation, received 'auc'"),
    ],
)
def test_settings_that_are_refused(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault.replace(".", r"\.")):
        pairs(**changes)


def test_a_vocabulary_of_another_training_is_refused(raw: Path) -> None:
    Stages(pairs()).preprocess()
    path = PROCESSED / "target.vocabulary.txt"
    path.write_text(path.read_text(encoding="utf-8") + "eleven\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"15 words, .*expected 14"):
        len(CorpusSchema.load(PROCESSED).vocabularies)


@pytest.mark.skipif(not (ENJA / "train.en").is_file(), reason="small_parallel_enja: set PIPELINE_MIRROR to its folder")
def test_the_vocabularies_of_small_parallel_enja() -> None:
    corpus = read_pairs(ENJA, {"en": "train.en", "ja": "train.ja"}, LANGUAGES, None, once=True)
    assert corpus.lines == 50_000
    words = [[pair[side].split() for pair in corpus.pairs] for side in (0, 1)]
    assert [len(Vocabulary.of(side, 0, 1)) for side in words] == [6638, 8778]
    assert [max(map(len, side)) for side in words] == [16, 16]
