"""Number formats for terminal output."""

import html
import re


def format_score(value: float) -> str:
    """Format a score with four decimals, or as an integer with thousands separators if it is 100 or more."""
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.0f}"


def in_markdown(text: str) -> str:
    """Return text from data as Markdown that shows it as it is, on one line: no markup, HTML or cell of a table."""
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", html.escape(" ".join(text.split()), quote=False))
