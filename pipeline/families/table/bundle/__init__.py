"""Code that runs outside the project: prediction from raw input, in NumPy and in the web page."""
