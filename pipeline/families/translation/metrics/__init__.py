"""Scores and curves of translations."""
