"""The type of a curve."""

Curve = dict[str, list[float]]
"""Coordinates of the points by axis name."""
