"""What a curve is."""

Curve = dict[str, list[float]]
"""Names of the axes → coordinates of its points."""
