"""Raw files to data/processed, and back into memory."""
