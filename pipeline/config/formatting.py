"""Number formats for terminal output."""


def format_score(value: float) -> str:
    """Format a score with four decimals, or as an integer with thousands separators if it is 100 or more."""
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.0f}"
