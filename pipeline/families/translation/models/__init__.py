"""Translation networks, their layers, and beam search."""
