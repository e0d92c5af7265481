"""Benchmarks: one question per file, all contenders in the same run, one JSON object as the last line."""
