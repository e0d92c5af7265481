"""What an evaluation of translations shows besides scores: the best and the worst, and where the network looked."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from pipeline.families.translation.data.sentences import Sentences

if TYPE_CHECKING:
    from pipeline.families.translation.predictor import TranslationPredictor

SHOWN = 20
MAPS = 4


def examples_page(folder: Path, name: str) -> str:
    """Write `examples.md`: the best and the worst test translations by chrF."""
    table = pq.read_table(folder / "test.parquet")
    order = np.argsort(table["chrf"].to_numpy(), kind="stable")
    lines = [f"# {name}: test translations", ""]
    for title, rows in (("The worst", order[:SHOWN]), ("The best", order[::-1][:SHOWN])):
        lines += [
            f"## {title} by sentence chrF",
            "",
            "| chrF | source | translation | reference |",
            "|---|---|---|---|",
        ]
        for row in rows.tolist():
            cells = [table[key][row].as_py().replace("|", "\\|") for key in ("source", "translation", "reference")]
            lines.append(f"| {table['chrf'][row].as_py():.0f} | {' | '.join(cells)} |")
        lines.append("")
    (folder / "examples.md").write_text("\n".join(lines), encoding="utf-8")
    return "examples.md"


def attention_maps(predictor: "TranslationPredictor", pairs: Sentences, folder: Path) -> str | None:
    """Draw where the network looked while it wrote the first test sentences; None for a network that does not look.

    Words stay text in the SVG, drawn by the reader's fonts: those of this machine may not have their letters.
    """
    import matplotlib

    from pipeline.metrics import plots

    drawn = 0
    for number, (words, written, weights) in enumerate(predictor.translator.looks(pairs.source_text[:MAPS]), start=1):
        with warnings.catch_warnings(), matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "onehot"}):
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            picture = plots.heat(words, written, weights)
            picture.savefig(folder / f"attention_{number}.svg", metadata={"Date": None})
        drawn += 1
    return f"{drawn} attention maps" if drawn else None
