"""Interfaces of libraries that are not public: a version that changes one fails here, by its name."""

import keras
import optuna

from pipeline.config.hydra_internals import argument_parser
from pipeline.models.keras_internals import inner_layers, origin_of, outputs_of, uses_of
from pipeline.sweep.optuna_internals import live_trial


def test_keras_uses_of_a_layer_and_origin_of_a_tensor() -> None:
    shared = keras.layers.Dense(3, name="shared")
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    first, second = shared(a), shared(b)
    model = keras.Model({"a": a, "b": b}, {"sum": keras.layers.Add(name="add")([first, second])})
    shared(keras.Input((3,)))  # a use outside the network does not count
    assert [
        node.outputs[0] is tensor for node, tensor in zip(uses_of(shared, model), (first, second), strict=True)
    ] == [
        True,
        True,
    ]
    assert origin_of(second) == (uses_of(shared, model)[1], 0)
    assert set(outputs_of(model)) == {"sum"}


def test_keras_layers_within_layers() -> None:
    bidirectional = keras.layers.Bidirectional(keras.layers.LSTM(2, name="lstm"), name="both")
    x = keras.Input((3, 2))
    inner = keras.Model(x, bidirectional(x), name="inner")
    y = keras.Input((3, 2))
    names = {layer.name for layer in inner_layers(keras.Model(y, inner(y)))}
    assert {"inner", "both", "forward_lstm", "backward_lstm"} <= names


def test_hydra_arguments() -> None:
    given = argument_parser().parse_args(["--cfg", "job", "--config-dir", "conf", "train.epochs=3"])
    assert (given.cfg, given.config_dir, given.overrides) == ("job", "conf", ["train.epochs=3"])
    flags = (given.multirun, given.help, given.hydra_help, given.shell_completion, given.info)
    assert not any(flags)


def test_optuna_trials_of_another_process() -> None:
    study = optuna.create_study()
    study.ask()
    live_trial(study, study.get_trials()[0]).set_user_attr("ended", "killed")
    assert study.get_trials()[0].user_attrs == {"ended": "killed"}
