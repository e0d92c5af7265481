"""Proposal of configs for a character model, from a text file."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import yaml

from pipeline.data import DataError
from pipeline.data.utf8 import read_text
from pipeline.tasks import Proposal, Proposer, Request

MANY = 1_000_000
"""Number of characters from which on the larger network is worth its training time."""
SHORT = 200_000
"""Number of characters below which a larger share is held out, so that scores do not depend on a few lines."""
LEAST = 1000
"""Minimum number of characters to learn from."""
SHOWN = 12
SUFFIXES = (".txt", ".md")
"""File name suffixes of texts."""


class TextProposer(Proposer):
    """Propose a character model for a text file."""

    review = "lowercase, min_count; hidden_units"

    def rank(self, files: Sequence[Path], target: str | None) -> int:
        """Return 2 for exactly one text file without a target column, else 0."""
        return 2 if len(files) == 1 and files[0].suffix.lower() in SUFFIXES and not target else 0

    def propose(self, request: Request) -> Proposal:
        """Propose configs; the size of the network depends on the length of the text.

        Raises:
            DataError: If the file cannot be read or is too short.
        """
        return propose_text(request.name, request.files[0], request.folder)


def propose_text(name: str, file: Path, folder: str) -> Proposal:
    """Propose configs for a text; see `TextProposer.propose`."""
    text = read_text(file)
    if "\0" in text:
        raise DataError(f"{file}: holds NUL characters: it is damaged, or not a text")
    if len(text) < LEAST:
        raise DataError(f"{file}: {len(text):,} characters are too few to learn from; at least {LEAST:,} are needed")
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
        "# conf/data/text.yaml documents each key.\n"
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
    return Proposal(_report(text, counts), head + body, experiment)


def _report(text: str, counts: "Counter[str]") -> str:
    frequent = " ".join(repr(character)[1:-1] for character, _ in counts.most_common(SHOWN))
    once = sum(count == 1 for count in counts.values())
    rare = f", {once:,} of them only once (data.min_count=2 replaces those)" if once else ""
    lines = text.count("\n") + (not text.endswith("\n"))
    return (
        f"{len(text):,} characters in {lines:,} lines; {len(counts):,} different ones{rare}; most frequent: {frequent}"
    )
