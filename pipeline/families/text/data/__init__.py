"""Preparation of raw files into `data/processed`, and loading them back."""
