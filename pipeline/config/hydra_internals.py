"""All uses of Hydra's private interfaces; pyproject.toml limits Hydra's version because of them."""

from argparse import ArgumentParser

from hydra._internal.utils import get_args_parser


def argument_parser() -> ArgumentParser:
    """Return the parser of Hydra's own command line: overrides, and options such as --multirun and --config-dir."""
    parser: ArgumentParser = get_args_parser()
    return parser
