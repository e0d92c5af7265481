"""Name the networks of the folds."""


def fold_name(fold: int) -> str:
    """Return the name of a fold's network within the ensemble; folds are numbered from 0."""
    return f"fold_{fold + 1}"
