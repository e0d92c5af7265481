"""Arguments that several commands have."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from pipeline.config.compose import tracking_uri


def add_store(parser: ArgumentParser) -> None:
    """Add `--uri`, the address of the tracking store; `store_of` returns it."""
    parser.add_argument("--uri", help="address of the tracking store; default: tracking.uri of params.yaml")


def store_of(given: Namespace) -> str | None:
    """Return the address of the tracking store that was given, or that of params.yaml; None for the default store.

    Raises:
        ConfigError: params.yaml refers to an environment variable that is not set.
    """
    return given.uri or tracking_uri()


def add_confidence(parser: ArgumentParser) -> None:
    """Add `--confidence`, the confidence level of intervals."""
    parser.add_argument("--confidence", type=_share, default=0.95, help="of the intervals; default: 0.95")


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise ArgumentTypeError(f"must be a number between 0 and 1, received {text!r}")
    return value
