"""Look at a text and propose configs that learn to write like it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipeline.data import DataError
from pipeline.data.utf8 import read_text

MANY = 1_000_000
"""Characters from which on the larger network is worth its time."""
SHORT = 200_000
"""Characters below which more is held out, or scores would rest on a few lines."""
LEAST = 1000
"""Characters below which there is nothing to learn."""
SHOWN = 12


@dataclass(frozen=True)
class TextProposal:
    """Texts of the two configs, and what was seen."""

    data: str
    experiment: str
    report: str


def propose_text(name: str, files: Sequence[Path], folder: str) -> TextProposal:
    """Propose configs.

    Args:
        name: Of the experiment.
        files: The text.
        folder: Where the stages will find it.

    Raises:
        DataError: It cannot be read, or is too short.
    """
    (file,) = files
    text = read_text(file)
    if len(text) < LEAST:
        raise DataError(f"{file}: {len(text):,} characters are too few to learn from; {LEAST:,} would be a beginning")
    counts = Counter(text)
    share = 0.1 if len(text) < SHORT else 0.05
    units, streams = (512, 64) if len(text) >= MANY else (256, 16)
    content = {
        "source": {"name": "own", "folder": folder, "files": {file.name: None}},
        "file": file.name,
        "lowercase": False,
        "min_count": 1,
        "validation_fraction": share,
        "test_fraction": share,
    }
    head = (
        f"# Written by `python -m pipeline.new {name}`: {len(text):,} characters, {len(counts):,} different ones.\n"
        "# conf/data/text.yaml says what each key means.\n"
    )
    size = "many characters" if len(text) >= MANY else "half of the default: few characters"
    experiment = (
        "# @package _global_\n"
        f"# A character model of {file.name}: {len(text):,} characters.\n"
        f"defaults:\n  - override /data: {name}\n  - override /model: char_rnn\n"
        "  - override /train: text\n  - override /evaluate: text\n\n"
        f"name: {name}\ntask: text\n"
        f"model: {{hidden_units: {units}, dropout: 0.2}}   # {size}\n"
        f"train: {{batch_size: {streams}, learning_rate: 0.002, clip_norm: 1.0}}\n"
    )
    body = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None)
    return TextProposal(head + body, experiment, _report(text, counts))


def _report(text: str, counts: "Counter[str]") -> str:
    frequent = " ".join(repr(character)[1:-1] for character, _ in counts.most_common(SHOWN))
    once = sum(count == 1 for count in counts.values())
    rare = f", {once:,} of them once (data.min_count=2 leaves those out)" if once else ""
    lines = text.count("\n") + (not text.endswith("\n"))
    return (
        f"{len(text):,} characters in {lines:,} lines; {len(counts):,} different ones{rare}; most frequent: {frequent}"
    )
