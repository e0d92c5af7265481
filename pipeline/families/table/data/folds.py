"""Names of the folds' networks."""


def fold_name(fold: int) -> str:
    """Return the name of a fold's network within the whole; folds count from 0."""
    return f"fold_{fold + 1}"
