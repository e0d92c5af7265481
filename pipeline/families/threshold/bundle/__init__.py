"""What runs outside the project: raw input in NumPy, and in the page."""
