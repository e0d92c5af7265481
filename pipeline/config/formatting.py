"""How figures are written for people."""


def format_score(value: float) -> str:
    """Write a score: four decimals, or whole with commas where it is large."""
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.0f}"
