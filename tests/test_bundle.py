"""Bundles: what they do with raw input beside the pipeline's own prediction, and bundles that are none."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from conftest import write_tiny
from pairs import pairs, write_pairs
from points import points
from stages import Stages
from texts import text, write_text
from tiny import tiny

from pipeline.config import Config
from pipeline.exporting import write_bundle
from pipeline.exporting.bundle import foreign_imports
from pipeline.families.table.bundle import reader as rows
from pipeline.families.table.data import calendar
from pipeline.families.table.predictor import TablePredictor
from pipeline.families.text.models.sampling import Sampling
from pipeline.families.text.predictor import TextPredictor
from pipeline.families.threshold.predictor import ThresholdPredictor
from pipeline.families.translation.models.translate import SearchSettings
from pipeline.families.translation.predictor import TranslationPredictor
from pipeline.portable import bundle
from pipeline.portable.bundle import BundleError
from pipeline.storage import RAW
from pipeline.training import Checkpoints, make_deterministic

pytestmark = pytest.mark.slow


def trained(config: Config) -> tuple[Stages, Any]:
    task = Stages(config)
    task.preprocess()
    make_deterministic(1)
    model = task.build()
    task.train(model, None, Checkpoints(Path("checkpoints")), lambda _record: None)
    return task, model


def exported(predictor: Any, folder: Path) -> Any:
    folder.mkdir()
    write_bundle(predictor.bundle(), folder)
    return bundle.load(folder)


@pytest.mark.parametrize("merge", ["none", "concat", "periodic"])
def test_rows(workspace: Path, merge: str) -> None:
    write_tiny(RAW)
    task, model = trained(tiny(train__epochs=1, model__numeric_encoding=merge))
    predictor = TablePredictor(task.schema, model)  # type: ignore[attr-defined]
    given: list[dict[str, Any]] = [
        {"shop": "s1", "colour": "c1", "date": "2024-01-13", "price": "11.5", "shop_town": "t1", "shop_size": 101},
        {"shop": "s99", "colour": None, "date": "2024-01-14", "price": "NA", "shop_town": "", "shop_size": None},
        {"shop": "s3", "colour": "c4", "date": "2024-01-15", "price": -2.25, "shop_town": "t0", "shop_size": "inf"},
    ]
    found = exported(predictor, Path("export"))
    assert found.columns == ["colour", "date", "price", "shop", "shop_size", "shop_town"]
    # The pipeline's prediction is given what a reader of files made of missing values.
    nothing = (None, "", "NA")
    as_text = [{name: None if value in nothing else str(value) for name, value in row.items()} for row in given]
    expected = predictor(pa.Table.from_pylist(as_text))["probability"].to_numpy()
    np.testing.assert_allclose(found(given)[:, 0], expected, atol=1e-5)
    assert len(found([])) == 0
    with pytest.raises(BundleError, match="row 1: no colour, shop"):
        found([given[0], {k: v for k, v in given[1].items() if k not in ("shop", "colour")}])
    for wrong in (given[0], "s1", [given[0], 5], 5):
        with pytest.raises(BundleError, match=r"expected a list of rows, like \[\{\"column\": value, …\}\]; received"):
            found(wrong)
    np.testing.assert_array_equal(found(iter(given)), found(given))
    with pytest.raises(BundleError, match="price: expected a number, received '1_000'"):
        found([{**given[0], "price": "1_000"}])
    with pytest.raises(BundleError, match="price: expected a number, received 'much'"):
        found([{**given[0], "price": "much"}])
    with pytest.raises(BundleError, match="expected a date like 2013-12-31, received 'today'"):
        found([{**given[0], "date": "today"}])


def test_a_date_gives_the_same_numbers_as_in_preprocessing() -> None:
    assert list(rows.PARTS) == list(calendar.PARTS)
    hours = [datetime(1968, 2, 29, 5) + timedelta(hours=1009 * place) for place in range(1000)]
    for part, kernel in calendar.PARTS.items():
        assert [rows.PARTS[part](hour) for hour in hours] == kernel(pa.array(hours)).to_pylist(), part


@pytest.mark.parametrize("network", ["seq2seq", "attention", pytest.param("transformer", marks=pytest.mark.faults)])
def test_sentences(workspace: Path, network: str) -> None:
    write_pairs(RAW)
    task, model = trained(pairs(network, train__epochs=1, train__decode_sentences=1))
    predictor = TranslationPredictor(task.schema, model)  # type: ignore[attr-defined]
    found = exported(predictor, Path("export"))
    sentences = ["1 2 3", "", "4 0 7 7", "9 nine"]
    for beam in (1, 5):
        search = SearchSettings(beam=beam, best=beam, length_penalty=0.6 if beam > 1 else 0.0, min_length=1)
        expected = predictor.translator.translated(sentences, search)
        translations = found(sentences, beam=beam, best=beam)
        assert [len(each) for each in translations] == [len(each) for each in expected]
        for mine, theirs in zip(translations, expected, strict=True):
            assert [each[0] for each in mine[:1]] == [task.schema.text(each.words) for each in theirs[:1]]  # type: ignore[attr-defined]
            np.testing.assert_allclose([score for _, score in mine], [each.score for each in theirs], atol=1e-4)

    with pytest.raises(BundleError, match=r"expected a list of texts, like \[\"a sentence\"\]; received '1 2'"):
        found("1 2")
    with pytest.raises(BundleError, match="beam and best must be at least 1, received 0 and 1"):
        found(["1 2"], beam=0)
    assert len(found(["1 2"], beam=1, best=3)[0]) == 3
    with pytest.warns(UserWarning, match="a sentence of 200 words was truncated to the first"):
        found(["1 2 " * 100])


@pytest.mark.parametrize("network", ["char_window", "char_rnn"])
def test_texts(workspace: Path, network: str) -> None:
    write_text(RAW)
    task, model = trained(text(network))
    predictor = TextPredictor(task.schema, model)  # type: ignore[attr-defined]
    found = exported(predictor, Path("export"))
    for options in ({"seed": 1}, {"seed": 2, "temperature": 1.5, "top_k": 5, "top_p": 0.9}):
        sampling = Sampling(**{"temperature": 0.7, **options})  # type: ignore[arg-type]
        assert "".join(found("The cat", 200, **options)) == "".join(
            predictor.generator.generate("The cat", 200, sampling)
        )
    with pytest.raises(BundleError, match="characters that the network does not know: '@%'"):
        "".join(found("a@b%"))
    with pytest.raises(BundleError, match=r"expected a prompt as text; received \['The cat'\]"):
        found(["The cat"])
    with pytest.raises(BundleError, match="the prompt has 0 characters; the network needs at least"):
        "".join(found(""))
    with pytest.raises(ValueError, match="temperature must be above 0, received 0"):
        "".join(found("The cat", temperature=0))


def test_points(workspace: Path) -> None:
    task, model = trained(points())
    predictor = ThresholdPredictor(task.schema, model)  # type: ignore[attr-defined]
    found = exported(predictor, Path("export"))
    drawn = np.random.default_rng(0).random((20, 2)).astype(np.float32)
    np.testing.assert_allclose(found(drawn), predictor.output(drawn), atol=1e-5)
    with pytest.raises(BundleError, match=r"expected points of 2 coordinates, received an array \(3, 5\)"):
        found(np.zeros((3, 5)))
    again = Path("again")
    again.mkdir()
    write_bundle(predictor.bundle(), again)
    assert all(
        (again / name).read_bytes() == (Path("export") / name).read_bytes() for name in ("bundle.json", "weights.npz")
    )

    about = Path("export") / "bundle.json"
    whole = about.read_text(encoding="utf-8")
    about.write_text(whole.replace('"x2"', '"x3"'), encoding="utf-8")
    with pytest.raises(BundleError, match=r"bundle.json: corrupt: the content does not match the checksum"):
        bundle.load(Path("export"))
    about.write_text(json.dumps({**json.loads(whole), "format": 1}), encoding="utf-8")
    with pytest.raises(BundleError, match=r"has format 1, but this code reads format 3"):
        bundle.load(Path("export"))
    about.write_text(whole[: len(whole) // 2], encoding="utf-8")
    with pytest.raises(BundleError, match="the bundle is missing or corrupt"):
        bundle.load(Path("export"))
    about.write_text(whole, encoding="utf-8")
    weights = bytearray((Path("export") / "weights.npz").read_bytes())
    weights[len(weights) // 2] ^= 0xFF
    (Path("export") / "weights.npz").write_bytes(weights)
    with pytest.raises(BundleError, match=r"weights.npz: corrupt: sha256 is .*, expected"):
        bundle.load(Path("export"))


def test_what_a_bundle_could_not_import_is_refused() -> None:
    files = {"errors.py", "rows.py"}
    for code in (
        "from .errors import BundleError",
        "import numpy as np\nimport json, re\nfrom collections.abc import Mapping",
        "def load():\n    import sentencepiece",
    ):
        assert foreign_imports(code, files) == []
    assert foreign_imports("import requests, os", files) == ["requests"]
    assert foreign_imports("from .portable import errors\nfrom . import rows", files) == [".portable", "."]
    assert foreign_imports("def f():\n    from pipeline.data import reading", files) == ["pipeline"]
