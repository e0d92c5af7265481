"""Character models, their examples, and text generation."""
