"""Interfaces of Hydra that are not public, all in one place; pyproject.toml bounds Hydra's version for them."""

from argparse import ArgumentParser

from hydra._internal.utils import get_args_parser


def argument_parser() -> ArgumentParser:
    """Return the parser of Hydra's own command line: --cfg, --multirun, --config-dir and so on, and overrides."""
    parser: ArgumentParser = get_args_parser()
    return parser
