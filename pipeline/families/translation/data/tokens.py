"""Numbers of the special tokens, the same in every vocabulary."""

PADDING, UNKNOWN, START, END = range(4)
"""Numbers of the tokens for padding, for unknown words, and for the start and the end of a sentence."""
NEVER = [PADDING, UNKNOWN, START]
"""Tokens that a translation never holds."""
