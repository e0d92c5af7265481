"""What needs NumPy and the standard library alone, and may be copied out."""
