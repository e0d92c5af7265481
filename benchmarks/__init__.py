"""Benchmarks: one question a file, rivals in the same run, one JSON object as the last line."""
