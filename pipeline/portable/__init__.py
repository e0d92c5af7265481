"""Code that needs only NumPy and the standard library; exported bundles contain a copy of it."""
