"""Numbers of the words that every vocabulary has."""

PADDING, UNKNOWN, START, END = range(4)
"""Numbers of the words that fill up a row, replace unknown words, and mark the start and the end of a sentence."""
