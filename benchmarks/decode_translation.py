"""Speed of beam search: batches against one sentence at a time, cached state against rerunning the prefix.

The networks of `conf/model/attention.yaml` and `conf/model/transformer.yaml` with the vocabularies of
small_parallel_enja and untrained weights; source sentences have 4 to 16 words, translations exactly 12. All contenders
do the same work and must give the same translations, which is checked. The beam size is 5. `vs_one_by_one`: 100
sentences at a time against one. `vs_rerun`: cached decoder state against running the decoder over the whole prefix at
each step (the source is encoded once in both). Contenders are interleaved in one process, after a warm-up round.

`--model FOLDER` also measures a trained network: seconds for the 500 test sentences in data/processed, greedy and with
beam 5.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks._machine import machine
from benchmarks._settings import committed
from pipeline.storage import PROCESSED

WORDS, LENGTH, BEAM = (6638, 8778), 12, 5


def network(name: str) -> Any:
    """Return a network with committed settings."""
    from pipeline.config import checked
    from pipeline.families.translation import FAMILY
    from pipeline.families.translation.models.common import Sizes
    from pipeline.families.translation.models.networks import translation_model

    settings = checked("model", FAMILY.models[name], committed(f"model/{name}.yaml"))
    return translation_model(Sizes(*WORDS, None, None, 100), settings, precision="float32")


def sources(count: int) -> Any:
    """Return random source sentences, shape (count, 18)."""
    random = np.random.default_rng(0)
    found = np.zeros((count, 18), np.int32)
    for row in found:
        length = random.integers(4, 17)
        row[0], row[1 : length + 1], row[length + 1] = 2, random.integers(4, WORDS[0], length), 3
    return found


def rerun(decoder: Any) -> Any:
    """Return a decoder that runs the whole prefix again at each step instead of caching the state."""
    import tensorflow as tf

    from pipeline.families.translation.models.keras_decoder import KerasDecoder

    class Rerun(KerasDecoder):
        def start(self, source: Any) -> Any:
            state = super().start(source)
            return {**state, "written": tf.zeros([len(source), 0], tf.int32)}

        def step(self, state: Any, words: Any, count: int) -> Any:
            written = tf.concat([state["written"], tf.constant(words, tf.int32)[:, None]], axis=1)
            first = {name: tensor for name, tensor in state.items() if name != "written"}
            scores, numbers, _, _ = self._step(first, written, tf.constant(count))
            return scores.numpy(), numbers.numpy(), {**first, "written": written}, None

        def take(self, state: Any, rows: Any, same_sentences: bool) -> Any:
            places = tf.constant(rows, tf.int32)
            return {name: tf.gather(tensor, places) for name, tensor in state.items()}

    return Rerun(decoder)


def compare(name: str, rounds: int, count: int) -> dict[str, float]:
    """Return the figures for a network."""
    from pipeline.families.translation.models.keras_decoder import KerasDecoder
    from pipeline.families.translation.models.networks import inference_of
    from pipeline.families.translation.models.translate import SearchSettings, translate
    from pipeline.training import make_deterministic

    make_deterministic(1)
    inference, given = inference_of(network(name)), sources(count)
    kept, again = KerasDecoder(inference), rerun(inference)
    search = {size: SearchSettings(beam=BEAM, min_length=LENGTH, max_length=LENGTH, batch=size) for size in (1, 100)}
    contenders = {"batched": (kept, 100), "one_by_one": (kept, 1), "rerun": (again, 100)}
    seconds: dict[str, list[float]] = {each: [] for each in contenders}
    for number in range(rounds + 1):
        found = {}
        for each, (decoder, size) in contenders.items():
            began = time.monotonic()
            found[each] = translate(decoder, given, search[size])
            if number:
                seconds[each].append(time.monotonic() - began)
        words = [[translation[0].words for translation in each] for each in found.values()]
        same = np.mean([a == b for other in words[1:] for a, b in zip(words[0], other, strict=True)])
        if (
            same < 0.98
        ):  # float32 rounds differently in batches, and some scores of an untrained network are nearly equal
            sys.exit(f"{name}: only {same:.0%} of the translations are the same")
    base = seconds["batched"]
    return {
        f"sentences_per_second_{name}": round(count / median(base), 1),
        **{
            f"vs_{each}_{name}": round(median(b / a for a, b in zip(base, seconds[each], strict=True)), 2)
            for each in ("one_by_one", "rerun")
        },
    }


def trained(folder: Path) -> dict[str, float]:
    """Return the seconds for the prepared test sentences."""
    from pipeline.families.translation.data.sentences import Sentences
    from pipeline.families.translation.models.translate import SearchSettings
    from pipeline.families.translation.predictor import TranslationPredictor

    predictor, pairs = TranslationPredictor.load(folder), Sentences.load(PROCESSED / "test")
    figures: dict[str, float] = {"test_sentences": len(pairs)}
    for name, search in (("greedy", SearchSettings()), ("beam_5", SearchSettings(beam=5, length_penalty=0.6))):
        seconds = []
        for _ in range(4):
            began = time.monotonic()
            predictor.texts(pairs.source, search)
            seconds.append(time.monotonic() - began)
        figures[f"seconds_{name}"] = round(median(seconds[1:]), 2)
    return figures


def main() -> None:
    """Compare the contenders and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="run one round with few sentences")
    parser.add_argument(
        "--model", type=Path, help="also measure this trained network on the sentences in data/processed"
    )
    given = parser.parse_args()
    rounds, count = (1, 100) if given.quick else (3, 300)
    figures: dict[str, float] = {}
    for name in ("attention", "transformer"):
        figures |= compare(name, rounds, count)
        print(f"{name}: {figures}", file=sys.stderr, flush=True)
    if given.model:
        figures |= trained(given.model)
    print(json.dumps({"benchmark": "decode_translation", **figures, **machine("keras", "tensorflow")}))


if __name__ == "__main__":
    main()
