"""Scores and curves of character predictions."""
