"""Scores and curves."""
