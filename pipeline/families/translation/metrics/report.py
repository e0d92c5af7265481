"""Examples and attention maps that accompany the scores of an evaluation."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from pipeline.config import in_markdown
from pipeline.families.translation.data.sentences import Sentences

if TYPE_CHECKING:
    from pipeline.families.translation.predictor import TranslationPredictor

SHOWN = 20
MAPS = 4


def examples_page(folder: Path, name: str) -> str:
    """Write `examples.md` with the best and worst test translations by chrF; return the file name."""
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
            cells = [in_markdown(table[key][row].as_py()) for key in ("source", "translation", "reference")]
            lines.append(f"| {table['chrf'][row].as_py():.0f} | {' | '.join(cells)} |")
        lines.append("")
    (folder / "examples.md").write_text("\n".join(lines), encoding="utf-8")
    return "examples.md"


def attention_maps(predictor: "TranslationPredictor", pairs: Sentences, folder: Path) -> str | None:
    """Draw the attention weights of the first test sentences; return None for a network without attention.

    Words are kept as text in the SVG, so that the viewer's fonts draw them: this machine's fonts may lack the letters.
    """
    import matplotlib

    from pipeline.metrics import plots

    drawn = 0
    maps = predictor.translator.attention_of(pairs.source_text[:MAPS])
    for number, (source, translation, weights) in enumerate(maps, start=1):
        with warnings.catch_warnings(), matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "onehot"}):
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            picture = plots.heat(source, translation, weights)
            picture.savefig(folder / f"attention_{number}.svg", metadata={"Date": None})
        drawn += 1
    return f"{drawn} attention maps" if drawn else None
