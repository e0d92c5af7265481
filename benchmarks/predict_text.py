"""Time per character: the NumPy runtime against Keras and ONNX, with the network of `conf/model/char_rnn.yaml`.

The weights are untrained, and there are 40 characters, as in the King James Bible. One sentence is read character by
character, passing on the state, by: the NumPy runtime; a plain call of the Keras network (`vs_keras_call`); its
`predict` (`vs_keras_predict`); the graph that `python -m pipeline.predict` compiles (`vs_keras_graph`); and the network
exported to ONNX, run by onnxruntime with its default number of threads and with one (`vs_onnxruntime`,
`vs_onnxruntime_1_thread`). All must give the same logits, which is checked. Contenders are interleaved in one process;
the first round is a warm-up.
"""

import argparse
import json
import sys
import time
from statistics import median
from typing import Any

import numpy as np

from benchmarks._machine import machine
from benchmarks._settings import committed

CHARACTERS = 40


def contenders() -> tuple[dict[str, Any], dict[str, int]]:
    """Return functions from text and state to logits and state, and the width of each part of the state."""
    import onnxruntime
    import tensorflow as tf

    from pipeline.exporting import graph_of
    from pipeline.exporting.to_onnx import to_onnx
    from pipeline.families.text.models.common import state_widths
    from pipeline.families.text.models.networks import language_model
    from pipeline.families.text.settings import CharRnn
    from pipeline.portable.runtime import Network
    from pipeline.training import make_deterministic

    make_deterministic(1)
    settings = CharRnn(**committed("model/char_rnn.yaml"))
    model = language_model(CHARACTERS, settings, precision="float32")
    network = Network(*graph_of(model))
    content = to_onnx(model).SerializeToString()

    def in_onnx(threads: int) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        names = [output.name.removeprefix("next_") for output in session.get_outputs()]
        return lambda inputs: dict(zip(names, session.run(None, inputs), strict=True))

    graph = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True, autograph=False)
    return {
        "numpy": lambda inputs: network(**inputs),
        "onnxruntime": in_onnx(0),
        "onnxruntime_1_thread": in_onnx(1),
        "keras_graph": lambda inputs: {name: each.numpy() for name, each in graph(_tensors(inputs)).items()},
        "keras_call": lambda inputs: {name: each.numpy() for name, each in model(inputs, training=False).items()},
        "keras_predict": lambda inputs: model.predict(inputs, verbose=0),
    }, state_widths(model)


def _tensors(inputs: dict[str, Any]) -> dict[str, Any]:
    import tensorflow as tf

    return {name: tf.constant(each) for name, each in inputs.items()}


def read(network: Any, text: Any, widths: dict[str, int]) -> tuple[float, Any]:
    """Return the seconds per character, and the logits after each, shape (characters, size)."""
    state = {name: np.zeros((1, width), np.float32) for name, width in widths.items()}
    logits = []
    began = time.monotonic()
    for number in text:
        found = network({"text": np.array([[number]], np.int32), **state})
        state = {name: found[name] for name in state}
        logits.append(found["logits"][0, -1])
    return (time.monotonic() - began) / len(text), np.array(logits)


def main() -> None:
    """Compare the contenders and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="run one round with few characters")
    given = parser.parse_args()
    rounds, length = (1, 20) if given.quick else (5, 100)
    text = np.random.default_rng(0).integers(CHARACTERS, size=length)
    networks, widths = contenders()
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    for number in range(rounds + 1):
        logits = {}
        for name, network in networks.items():
            taken, logits[name] = read(network, text, widths)
            if number:
                seconds[name].append(taken)
        for name, found in logits.items():
            if np.abs(found - logits["numpy"]).max() > 1e-4:
                sys.exit(f"{name}: the logits differ from those of the NumPy runtime")
    figures: dict[str, float] = {f"microseconds_{name}": round(1e6 * median(each)) for name, each in seconds.items()}
    for name in [each for each in networks if each != "numpy"]:
        ratios = [b / a for a, b in zip(seconds["numpy"], seconds[name], strict=True)]
        figures[f"vs_{name}"] = round(median(ratios), 2)
    print(json.dumps({"benchmark": "predict_text", **figures, **machine("keras", "onnxruntime", "tensorflow")}))


if __name__ == "__main__":
    main()
