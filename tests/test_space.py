"""The search space: Hydra's grammar, conditions, what lies in it, what is refused."""

from collections.abc import Mapping
from typing import Any

import optuna
import pytest
from pairs import pairs
from tiny import committed, tiny

from pipeline.config import ConfigError, load
from pipeline.sweep.checks import check_space
from pipeline.sweep.space import Space, parse

TREE = tiny().tree


def space(**axes: Any) -> Space:
    return parse({key.replace("__", "."): text for key, text in axes.items()}, [], {})[0]


def drawn(axes: Space, **values: Any) -> dict[str, Any]:
    fixed = {key.replace("__", "."): value for key, value in values.items()}
    return axes.suggest(optuna.trial.FixedTrial(fixed), TREE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "corners", "kind"),
    [
        ("choice(8,16,32)", [8, 16, 32], int),
        ("8,16", [8, 16], int),
        ("choice(0.1,auto)", [0.1, "auto"], None),
        ("choice([1,2],[3])", [[1, 2], [3]], list),
        ("choice(['a b'],[c])", [["a b"], ["c"]], list),
        ("choice('a b',c)", ["a b", "c"], str),
        ("choice(true,false)", [True, False], bool),
        ("range(1,4)", [1, 3], int),
        ("range(1,10,3)", [1, 7], int),
        ("range(0.0,0.5,0.1)", [0.0, 0.4], float),
        ("interval(0,1)", [0.0, 1.0], float),
        ("int(interval(2,20))", [2, 20], int),
        ("tag(log,interval(1e-4,1e-2))", [1e-4, 1e-2], float),
        ("tag(log,int(interval(16,512)))", [16, 512], int),
    ],
)
def test_axes_keep_the_types_of_hydra_s_grammar(text: str, corners: list[Any], kind: type | None) -> None:
    (axis,) = space(x=text).axes
    assert axis.corners() == corners
    assert kind is None or all(type(corner) is kind for corner in axis.corners())
    assert getattr(axis.distribution, "log", False) == ("log" in text)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("choice(8,16)", [8, 16], [32, "8", 8.0]),
        ("range(1,10,3)", [1, 4, 7], [0, 2, 10, True]),
        ("range(0.0,0.5,0.1)", [0.0, 0.2, 0.4], [0.25, 0.5]),
        ("interval(0,1)", [0, 0.5, 1.0], [1.1, "0.5"]),
        ("choice([1,2])", [[1, 2]], [[2, 1], 1]),
    ],
)
def test_what_lies_in_an_axis(text: str, inside: list[Any], outside: list[Any]) -> None:
    (axis,) = space(x=text).axes
    assert [axis.holds(value) for value in inside] == [True] * len(inside)
    assert [axis.holds(value) for value in outside] == [False] * len(outside)
    assert [axis.value(axis.draw(value)) for value in inside] == inside


def test_the_command_line_adds_replaces_and_takes_out() -> None:
    params = {"model.dropout": "interval(0,0.5)", "model.numeric_encoding": "choice(none,bin)", "train.epochs": 7}
    arguments = ["model.dropout=0.3", "model.numeric_encoding=concat,wide", "train.ema=0,0.9", "seed=5"]
    found, fixed = parse(params, arguments, {})
    assert {axis.key: axis.corners() for axis in found.axes} == {
        "model.numeric_encoding": ["concat", "wide"],
        "train.ema": [0, 0.9],
    }
    assert sorted(fixed) == ["model.dropout=0.3", "seed=5", "train.epochs=7"]


def test_an_axis_with_a_condition_is_drawn_only_where_it_matters() -> None:
    axes = {"model.bins": "choice(4,8)", "model.numeric_encoding": "choice(concat,bin,piecewise)"}
    found, _ = parse(axes, [], {"model.bins": {"model.numeric_encoding": ["bin", "piecewise"]}})
    assert [axis.key for axis in found.axes] == ["model.numeric_encoding", "model.bins"]
    assert drawn(found, model__numeric_encoding="concat", model__bins=4) == {"model.numeric_encoding": "concat"}
    assert drawn(found, model__numeric_encoding="bin", model__bins=4) == {
        "model.numeric_encoding": "bin",
        "model.bins": 4,
    }
    fixed, _ = parse(axes, ["model.numeric_encoding=bin"], {"model.bins": {"model.numeric_encoding": "bin"}})
    assert drawn(fixed, model__bins=8) == {}  # by the config, merge is concat
    assert len(found.grid(TREE)) == 1 + 2 + 2


def test_a_grid_is_every_point() -> None:
    points = space(model__dropout="range(0.0,0.3,0.1)", model__hidden_layers="1,2").grid(TREE)
    assert len(points) == 6
    assert {"model.dropout": 0.2, "model.hidden_layers": 2} in points
    with pytest.raises(ConfigError, match=r"model.dropout: a grid takes choice\(…\) and range\(…\), received interval"):
        space(model__dropout="interval(0,1)").grid(TREE)


def test_the_config_as_it_stands_is_a_trial_where_it_lies_in_the_space() -> None:
    inside = space(model__hidden_units="choice(8,16)", model__dropout="interval(0,0.9)")
    assert inside.draws({}, TREE) == ({"model.hidden_units": 8, "model.dropout": 0.5}, [])
    _, outside = space(model__hidden_units="choice(16,32)").draws({}, TREE)
    assert outside == ["model.hidden_units=8 is not in choice(16,32)"]


@pytest.mark.parametrize(
    ("axes", "fault"),
    [
        ({"model.hiden_units": "1,2"}, "model.hiden_units: unknown key; did you mean model.hidden_units?"),
        ({"model.dropout": "choice(0.5,1.5)"}, "model.dropout: must be less than 1, received 1.5"),
        ({"model.dropout": "interval(0,1)"}, "model.dropout: must be less than 1, received 1.0"),
        ({"train.epochs": "interval(1,9)"}, r"received 1.0 \(for integers, use int\(interval\(a,b\)\)\)"),
        ({"data.min_count": "1,2"}, "data.min_count: cannot be searched: it would change preprocess"),
        ({"evaluate.confidence": "0.9,0.95"}, "evaluate.confidence: cannot be searched: it does not affect training"),
    ],
)
def test_axes_that_no_trial_could_run_are_refused(axes: dict[str, str], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        check_space(parse(axes, [], {})[0], TREE)


@pytest.mark.parametrize(
    ("axes", "when", "fault"),
    [
        ({}, {}, r"the search space is empty: name a search space \(\+sweep=table\)"),
        ({"a": "interval(2,1)"}, {}, "a=interval.*: the interval is empty"),
        ({"a": "tag(log,interval(0,1))"}, {}, "a logarithmic interval must start above 0"),
        ({"a": "range(3,1)"}, {}, "the range is empty"),
        ({"a": "choice(1,1)"}, {}, "duplicate choice"),
        ({"a": "choice(1,"}, {}, "not in Hydra's grammar"),
        ({"a": "tag(lgo,interval(1,2))"}, {}, "tag lgo: not supported; the only tag is log"),
        ({"a": "tag(log,range(1,9))"}, {}, "tag log: not supported; the only tag is log"),
        ({"a": "1,2"}, {"b": {"a": 1}}, "hydra.sweeper.when.b: there is no such axis; available: a"),
        ({"a": "1,2", "b": "1,2"}, {"a": {"b": 1}, "b": {"a": 1}}, "hydra.sweeper.when: a, b depend on each other"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(axes: dict[str, str], when: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        parse(axes, [], when)


@pytest.mark.parametrize("network", ["seq2seq", "attention", "transformer"])
def test_the_committed_axes_of_translation_fit_every_network(network: str) -> None:
    content = committed("sweep/translation.yaml")
    space, _ = parse(content["params"], [], content.get("when", {}))
    tree = {**pairs(network).tree, "model": committed(f"model/{network}.yaml")}
    tree["train"] = committed("train/translation.yaml")
    check_space(space, tree)
    _, outside = space.draws({}, tree)
    assert outside == []  # the config as it stands is the first trial


def test_the_committed_axes_of_tables_fit() -> None:
    content = committed("sweep/table.yaml")
    space, _ = parse(content["params"], [], content["when"])
    check_space(space, tiny().tree)
    assert len(space.axes) == 10


def composed(choices: Mapping[str, str]) -> dict[str, Any]:
    """Compose an experiment of conf/ with choices of groups."""
    chosen = {"experiment": "tatoeba", **choices}
    return load([f"{group}={choice}" for group, choice in chosen.items()]).tree


def test_a_sweep_chooses_among_networks() -> None:
    axes = {"model": "attention,transformer", "model.heads": "2,4", "train.learning_rate": "choice(0.001,0.01)"}
    found, _ = parse(axes, [], {"model.heads": {"model": "transformer"}})
    assert found.choices == {"model": "attention"}
    base = composed(found.choices)
    check_space(found, base, composed)
    assert found.size(base) == 2 + 4  # the attention has no heads
    assert found.draws({}, base)[0] == {"model": "attention", "train.learning_rate": 0.001}
    heads, _ = parse(axes, [], {})
    with pytest.raises(ConfigError, match=r"model\.heads: unknown key with model=attention; name the choices"):
        check_space(heads, base, composed)


def test_experiments_are_compared_on_the_same_data() -> None:
    found, _ = parse({"experiment": "enja_attention,enja_transformer"}, [], {})
    check_space(found, composed(found.choices), composed)
    other, _ = parse({"experiment": "enja_attention,flights"}, [], {})
    with pytest.raises(ConfigError, match="experiment=flights: has another data than experiment=enja_attention"):
        check_space(other, composed(other.choices), composed)
    wrong, _ = parse({"model": "attention,transfromer"}, [], {})
    with pytest.raises(ConfigError, match="did you mean transformer"):
        check_space(wrong, composed(wrong.choices), composed)
