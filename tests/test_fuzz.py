"""Files that nobody has seen: from `new` to encoded rows, there is a result, or an error of one sentence.

`make test` tries fifty tables, up to the numbers that the network takes; `make test-faults` two thousand, and trains a
network for one step on some of them. FUZZ=N tries another number.
"""

import csv
import datetime as dt
import io
import os
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from stages import Stages
from tiny import changed, committed

from pipeline.config import Config, PipelineError
from pipeline.families.table.bundle.reader import RowReader
from pipeline.families.table.data.schema import Schema
from pipeline.families.table.predictor import TablePredictor
from pipeline.families.text.data.prepare import prepare_text
from pipeline.families.text.data.schema import load_part
from pipeline.families.text.proposal import TextProposer
from pipeline.families.text.settings import TextData
from pipeline.families.translation.data.prepare import prepare_corpus
from pipeline.families.translation.data.sentences import Sentences
from pipeline.families.translation.settings import TranslationData
from pipeline.new import proposer_for
from pipeline.storage import MODELS, PROCESSED, RAW
from pipeline.tasks import Request, predictor_for
from pipeline.training import Checkpoints

MANY = int(os.environ.get("FUZZ", "2000"))
LONGEST = 700
"""Characters of an error that still counts as one sentence or two; some name several columns."""
WORDS = [
    "red",
    "Blue",
    "NA",
    "?",
    "n/a",
    "=1+1",
    "-",
    "Zürich",
    "Zu\u0308rich",
    " x ",
    'say "hi"',
    "a,b",
    "東京",
    "1",
    "4.0",
]
NAMES = some.text(
    some.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\0"), min_size=1, max_size=12
)


def known_as(name: str) -> str:
    """Return the name by which the project knows a column."""
    return unicodedata.normalize("NFC", name.strip())


def require_one_sentence(error: PipelineError) -> None:
    if not 0 < len(str(error)) < LONGEST:
        raise AssertionError(f"not one sentence: {error}") from error


@dataclass(frozen=True)
class Column:
    """Values of one column: as Python has them, and as a CSV file has them."""

    name: str
    values: Sequence[Any]
    texts: Sequence[str]


def numbers(random: np.random.Generator, rows: int, gaps: float) -> tuple[list[Any], list[str]]:
    values = random.integers(-5, 40, rows) if random.random() < 0.5 else random.integers(0, 10**9, rows)
    kept = [None if random.random() < gaps else int(value) for value in values]
    fraction = ".0" if gaps else ""  # as pandas writes whole numbers with gaps
    return kept, ["" if value is None else f"{value}{fraction}" for value in kept]


def amounts(random: np.random.Generator, rows: int, gaps: float) -> tuple[list[Any], list[str]]:
    values = np.round(random.normal(50, 20, rows), int(random.integers(0, 4)))
    kept = [None if random.random() < gaps else float(value) for value in values]
    return kept, ["" if value is None else repr(value) for value in kept]


def truths(random: np.random.Generator, rows: int, gaps: float) -> tuple[list[Any], list[str]]:
    kept = [None if random.random() < gaps else bool(random.integers(2)) for _ in range(rows)]
    return kept, ["" if value is None else str(value) for value in kept]


def words(random: np.random.Generator, rows: int, gaps: float) -> tuple[list[Any], list[str]]:
    chosen = random.choice(len(WORDS), int(random.integers(1, 6)), replace=False)
    kept = [None if random.random() < gaps else WORDS[random.choice(chosen)] for _ in range(rows)]
    return kept, [value or "" for value in kept]


def days(random: np.random.Generator, rows: int, gaps: float) -> tuple[list[Any], list[str]]:
    first = dt.date(2019, 1, 1)
    kept = [
        None if random.random() < gaps else first + dt.timedelta(days=int(day))
        for day in random.integers(900, size=rows)
    ]
    return kept, ["" if value is None else str(value) for value in kept]


def moments(random: np.random.Generator, rows: int, gaps: float) -> tuple[list[Any], list[str]]:
    first = dt.datetime(2019, 1, 1)
    kept = [
        None if random.random() < gaps else first + dt.timedelta(minutes=int(minute))
        for minute in random.integers(10**6, size=rows)
    ]
    return kept, ["" if value is None else str(value) for value in kept]


def names(random: np.random.Generator, rows: int, _gaps: float) -> tuple[list[Any], list[str]]:
    kept = [f"k{number}" for number in random.permutation(rows)]
    return kept, kept


KINDS: list[Callable[[np.random.Generator, int, float], tuple[list[Any], list[str]]]] = [
    numbers,
    amounts,
    truths,
    words,
    days,
    moments,
    names,
]


@some.composite
def tables(draw: some.DrawFn) -> list[Column]:
    """Return columns; the last one is the target."""
    random = np.random.default_rng(draw(some.integers(0, 2**32)))
    rows = draw(some.one_of(some.integers(40, 300), some.integers(0, 300)))
    kinds = draw(some.lists(some.sampled_from(KINDS), min_size=1, max_size=6))
    taken = draw(
        some.lists(NAMES, min_size=len(kinds) + 1, max_size=len(kinds) + 1, unique_by=lambda name: name.strip())
    )
    columns = []
    for name, kind in zip(taken, [*kinds, draw(some.sampled_from([truths, words, amounts, numbers]))], strict=True):
        gaps = draw(some.sampled_from([0.0, 0.0, 0.1, 1.0] if len(columns) < len(kinds) else [0.0, 0.1]))
        columns.append(Column(name, *kind(random, rows, gaps)))
    return columns


def as_csv(columns: Sequence[Column], separator: str = ",", encoding: str = "utf-8") -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=separator)
    writer.writerow([column.name for column in columns])
    writer.writerows(zip(*(column.texts for column in columns), strict=True))
    return stream.getvalue().encode(encoding)


def configured(data: str, **train: Any) -> Config:
    """Return the configuration of a proposal, with a tiny network."""
    sizes = {"embedding_dim": 2, "hidden_units": 4, "hidden_layers": 1, "bins": 4}
    tree = {
        "name": "fuzz",
        "task": "table",
        "seed": 1,
        "data": yaml.safe_load(data),
        "model": committed("model/embedding_mlp.yaml", **sizes),
        "train": committed("train/default.yaml", batch_size=512, epochs=1, patience=0, **train),
        "evaluate": committed("evaluate/default.yaml", bootstrap_samples=100),
        "export": committed("export/default.yaml"),
        "tracking": {"uri": None, "system_metrics": False, "log_model": False},
    }
    return changed(tree, {})


class Seen:
    """A network that keeps what it is given."""

    def __init__(self, outputs: int) -> None:
        self.inputs, self._outputs = {"categorical": 0, "numeric": 0}, outputs
        self.given: dict[str, Any] = {}

    def __call__(self, **given: Any) -> Any:
        self.given = given
        return np.zeros((len(next(iter(given.values()))), self._outputs), np.float32)


def encoded(predictor: TablePredictor, path: Path, size: int = 4096) -> tuple[Any, Any]:
    """Return the codes and numbers of the rows of a file."""
    batches = list(predictor.batches(path, size))
    return tuple(np.concatenate([batch[name] for batch in batches]) for name in ("categorical", "numeric"))  # type: ignore[return-value]


def prepared(
    folder: Path, columns: Sequence[Column], separator: str, encoding: str
) -> tuple[Config, TablePredictor] | None:
    """Propose and prepare a table; None if it is refused."""
    file = folder / "rows.csv"
    file.write_bytes(as_csv(columns, separator, encoding))
    target = known_as(columns[-1].name)
    try:
        proposal = proposer_for([file], target).propose(Request("fuzz", [file], str(folder), target))
        config = configured(proposal.data)
        RAW.mkdir(parents=True, exist_ok=True)
        (RAW / file.name).write_bytes(file.read_bytes())
        Stages(config).preprocess()
    except PipelineError as error:
        require_one_sentence(error)
        return None
    return config, TablePredictor(Schema.load(PROCESSED), None)  # type: ignore[arg-type]


def check_rows(folder: Path, columns: Sequence[Column], predictor: TablePredictor) -> None:
    """Check that rows are read alike in every file, order and batch, and by the bundle's reader."""
    layout = predictor.schema.layout
    given = [column for column in columns if known_as(column.name) in layout.features]
    raw = folder / "rows.csv"
    codes, values = encoded(predictor, raw)
    files = {"typed": pa.table({column.name: pa.array(column.values) for column in given})}
    files["shuffled"] = (
        files["typed"]
        .select([column.name for column in given[::-1]])
        .append_column("one more", pa.array(range(len(codes))))
    )
    for name, table in files.items():
        path = folder / f"{name}.parquet"
        pq.write_table(table, path)
        for size in (4096, 7):
            found = encoded(predictor, path, size)
            np.testing.assert_array_equal(found[0], codes, name)
            np.testing.assert_array_equal(found[1], values, name)
    facts = predictor.bundle().facts
    reader = RowReader({"network": Seen(len(facts["outputs"]))}, facts, folder)
    rows = [
        dict(zip((known_as(column.name) for column in given), row, strict=True))
        for row in zip(*(column.values for column in given), strict=True)
    ]
    reader(rows)
    seen = reader._network.given
    np.testing.assert_array_equal(seen.get("categorical", codes), codes)
    np.testing.assert_array_equal(seen.get("numeric", values), values)


def try_table(folder: Path, columns: Sequence[Column], separator: str, encoding: str) -> Config | None:
    """Take a table from `new` to the numbers that the network takes; return its configuration, None if refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = prepared(folder, columns, separator, encoding)
        if found is None:
            return None
        check_rows(folder, columns, found[1])
    return found[0]


def trained_for_a_step(config: Config, folder: Path) -> None:
    """Train on a prepared table, and check that a saved network predicts the same for every file of the same rows."""
    task = Stages(config)
    try:
        task.check()
        model = task.combine([fold.build() for fold in task.folds()])
        task.train(model, None, Checkpoints(folder / "checkpoints"), lambda _record: None)
    except PipelineError as error:
        require_one_sentence(error)
        return
    task.save(model, MODELS)
    predictor = predictor_for(MODELS)
    predictions = []
    for name in ("rows.csv", "typed.parquet", "shuffled.parquet"):
        predictor.predict_file(folder / name, folder / f"{name}.predictions", {})
        predictions.append((folder / f"{name}.predictions").read_bytes())
    assert predictions[1:] == predictions[:-1]


FORMATS = some.tuples(some.sampled_from(",;\t|"), some.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16"]))
QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
Form = tuple[str, str]


def tried(examples: int, *, derandomize: bool = False) -> Any:
    return settings(max_examples=examples, deadline=None, suppress_health_check=QUIET, derandomize=derandomize)


def test_a_table_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, workspace: Path) -> None:
    read = []

    @tried(50, derandomize=True)
    @given(columns=tables(), form=FORMATS)
    def run(columns: list[Column], form: Form) -> None:
        config = try_table(tmp_path_factory.mktemp("fuzz"), columns, *form)
        read.append(config is not None)

    run()
    assert np.mean(read) > 0.4  # refusing all of them would pass, too


@pytest.mark.slow
@tried(3, derandomize=True)
@given(columns=tables(), form=FORMATS)
def test_a_network_predicts_the_same_for_every_file(
    tmp_path_factory: pytest.TempPathFactory, workspace: Path, columns: list[Column], form: Form
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    if config := try_table(folder, columns, *form):
        trained_for_a_step(config, folder)


LETTERS = some.characters(codec="utf-8", exclude_categories=["Cs"])
PAIR = some.tuples(*[some.one_of(some.text(LETTERS, max_size=30), some.sampled_from(WORDS))] * 2)
SENTENCES = some.one_of(some.lists(PAIR, max_size=30), some.lists(PAIR, min_size=60, max_size=120))


def try_corpus(folder: Path, pairs: Sequence[tuple[str, str]], end: str) -> bool:
    """Take a corpus from `new` to numbers; return whether it was read."""
    files = [folder / "train.en", folder / "train.zh-TW"]
    for side, file in enumerate(files):
        file.write_bytes("".join(f"{pair[side]}{end}" for pair in pairs).encode())
    try:
        proposal = proposer_for(files, None).propose(Request("fuzz", files, str(folder)))
        section = TranslationData.model_validate(yaml.safe_load(proposal.data))
        RAW.mkdir(parents=True, exist_ok=True)
        for file in files:
            (RAW / file.name).write_bytes(file.read_bytes())
        schema, _ = prepare_corpus(section, section.model_dump(mode="json"), RAW, PROCESSED, "translation")
    except PipelineError as error:
        require_one_sentence(error)
        return False
    for name, count in schema.pairs.items():
        known = Sentences.load(PROCESSED / name)
        assert len(known.source) == len(known.target_text) == count
    return True


@tried(15, derandomize=True)
@given(pairs=SENTENCES, end=some.sampled_from(["\n", "\r\n"]))
def test_a_corpus_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, workspace: Path, pairs: list[tuple[str, str]], end: str
) -> None:
    try_corpus(tmp_path_factory.mktemp("fuzz"), pairs, end)


def try_text(folder: Path, text: str) -> bool:
    """Take a text from `new` to numbers; return whether it was read."""
    file = folder / "some.txt"
    file.write_bytes(text.encode())
    try:
        proposal = TextProposer().propose(Request("fuzz", [file], str(folder)))
        section = TextData.model_validate(yaml.safe_load(proposal.data))
        RAW.mkdir(parents=True, exist_ok=True)
        (RAW / file.name).write_bytes(file.read_bytes())
        schema, _ = prepare_text(section, section.model_dump(mode="json"), RAW, PROCESSED, "text")
    except PipelineError as error:
        require_one_sentence(error)
        return False
    parts = [load_part(PROCESSED, name)[-count:] for name, count in schema.lengths.items()]
    read = "".join(schema.characters[number] for number in np.concatenate(parts))
    ends = text.replace("\r\n", "\n")
    assert read == (ends if "\n" in ends else ends.replace("\r", "\n")).removeprefix("\ufeff")
    return True


@tried(15, derandomize=True)
@given(text=some.text(LETTERS, max_size=40), times=some.one_of(some.integers(0, 100), some.integers(100, 300)))
def test_a_text_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, workspace: Path, text: str, times: int
) -> None:
    try_text(tmp_path_factory.mktemp("fuzz"), text * times)


@pytest.mark.slow
@pytest.mark.faults
def test_many_files_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, workspace: Path) -> None:
    counted: Counter[tuple[str, bool]] = Counter()

    @tried(MANY)
    @given(columns=tables(), form=FORMATS, step=some.integers(0, 39))
    def of_tables(columns: list[Column], form: Form, step: int) -> None:
        folder = tmp_path_factory.mktemp("fuzz")
        config = try_table(folder, columns, *form)
        counted["tables", config is not None] += 1
        if config and step == 0:
            trained_for_a_step(config, folder)
            counted["networks", True] += 1

    @tried(MANY // 4)
    @given(pairs=SENTENCES, end=some.sampled_from(["\n", "\r\n"]))
    def of_corpora(pairs: list[tuple[str, str]], end: str) -> None:
        counted["corpora", try_corpus(tmp_path_factory.mktemp("fuzz"), pairs, end)] += 1

    @tried(MANY // 4)
    @given(text=some.text(LETTERS, max_size=40), times=some.one_of(some.integers(0, 100), some.integers(100, 300)))
    def of_texts(text: str, times: int) -> None:
        counted["texts", try_text(tmp_path_factory.mktemp("fuzz"), text * times)] += 1

    for each in (of_tables, of_corpora, of_texts):
        each()
    for (kind, is_read), count in sorted(counted.items()):
        print(f"{kind}: {count:,} {'read' if is_read else 'refused'}")
