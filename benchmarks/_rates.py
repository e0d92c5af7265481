"""Compare the rates of contenders, each in its own process, interleaved."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks._machine import machine


@dataclass(frozen=True)
class Comparison:
    """A comparison of contenders.

    Attributes:
        name: The name of the benchmark, which is its module.
        unit: The unit that is counted per second, as shown.
        counts: The numbers of training examples, with and without `--quick`.
        contenders: The functions from the number of examples to a rate, by name; one name is `seed`, the others start
            with `ours`.
    """

    name: str
    unit: str
    counts: tuple[int, int]
    contenders: Mapping[str, Callable[[int], float]]

    def arguments(self, about: str | None) -> argparse.ArgumentParser:
        """Return the parser of the command line."""
        parser = argparse.ArgumentParser(description=about)
        parser.add_argument("--quick", action="store_true", help=f"run one round with few {self.unit}")
        parser.add_argument("--only", choices=self.contenders, help="run only this contender, in this process")
        return parser

    def run(self, given: argparse.Namespace, more: Callable[[], Mapping[str, float]] = dict) -> None:
        """Compare the contenders and print the figures.

        Args:
            given: The parsed command line.
            more: The function that returns additional figures.
        """
        count = self.counts[not given.quick]
        if given.only:
            print(self.contenders[given.only](count))
            return
        found: dict[str, list[float]] = {name: [] for name in self.contenders}
        for _ in range(1 if given.quick else 3):
            for name in self.contenders:
                command = [sys.executable, "-m", f"benchmarks.{self.name}", "--only", name]
                quick = ["--quick"] if given.quick else []
                done = subprocess.run([*command, *quick], check=True, stdout=subprocess.PIPE)
                found[name].append(float(done.stdout.split()[-1]))
                print(f"{name}: {found[name][-1]:,.0f} {self.unit}/s", file=sys.stderr, flush=True)
        unit = self.unit.split()[-1]
        figures: dict[str, float] = {f"{unit}_per_second_{name}": round(median(each)) for name, each in found.items()}
        for name in found:
            if name != "seed":
                ratios = (a / b for a, b in zip(found[name], found["seed"], strict=True))
                figures[f"speedup_vs_keras_fit{name.removeprefix('ours')}"] = round(median(ratios), 2)
        print(json.dumps({"benchmark": self.name, **figures, **more(), **machine("keras", "tensorflow")}))
