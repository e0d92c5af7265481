"""Examine your own files (a table, a text, or aligned sentences) and write configs to train on them."""

import argparse
import re
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from pipeline.config import PipelineError, families, guarded, load
from pipeline.storage import CONF, PROJECT, write_text
from pipeline.tasks import Proposal, Proposer, Request

OWN = Path("data/own")


def main() -> None:
    """Parse the arguments, examine the files and write the configs."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.new", description=__doc__)
    parser.add_argument("name", help="name of the experiment: writes conf/data/NAME.yaml and conf/experiment/NAME.yaml")
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="a table (.csv, .tsv, .txt, .gz, .zip, .parquet or .xlsx), a text whose style to learn (.txt or .md), or "
        "sentences and their translations: two files, line by line (four or six with those of validation and test), or "
        "one of tab-separated pairs",
    )
    parser.add_argument(
        "--target", metavar="COLUMN", help="column to predict; without it, no config is written for a table"
    )
    parser.add_argument("--unlabelled", type=Path, metavar="FILE", help="table without the target, to be predicted")
    parser.add_argument(
        "--all", action="store_true", help="read the whole table instead of its first 30 million values"
    )
    parser.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether the first line of a table names its columns; by default, this is found out",
    )
    effort = parser.add_mutually_exclusive_group()
    effort.add_argument(
        "--quick", action="store_const", const="quick", dest="effort", help="propose one small network: a first score"
    )
    effort.add_argument(
        "--best",
        action="store_const",
        const="best",
        dest="effort",
        help="propose a large ensemble, which takes several times as long as usual",
    )
    parser.add_argument("--force", action="store_true", help="overwrite existing files")
    given = parser.parse_args()
    guarded(lambda: new(given))


def new(given: argparse.Namespace) -> None:
    """Print a report on the files, write both configs, and copy the files if they lie elsewhere.

    Raises:
        PipelineError: The name is taken or not allowed, the files cannot be read, or an option does not suit them.
    """
    name: str = given.name
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_-]*", name) or yaml.safe_load(name) != name:
        raise PipelineError(
            f"{name!r} cannot name an experiment: use letters, digits, - and _, starting with a "
            "letter, and no YAML keyword"
        )
    proposer = proposer_for(given.files, given.target)
    options = [("target", given.target), ("unlabelled", given.unlabelled), ("all", given.all)]
    options += [(given.effort, True)] if given.effort else []
    options += [("header" if given.header else "no-header", True)] if given.header is not None else []
    if foreign := [f"--{option}" for option, value in options if value and option not in proposer.options]:
        known = ", ".join(f"--{option}" for option in proposer.options) or "no options"
        raise PipelineError(f"{', '.join(foreign)}: not for these files; {type(proposer).__name__} takes {known}")
    if given.unlabelled in given.files:
        raise PipelineError(f"--unlabelled: {given.unlabelled} is the table itself; expected rows without the target")
    places = {path: _place(path, name) for path in dict.fromkeys([*given.files, given.unlabelled]) if path is not None}
    folder = places[given.files[0]].parent.as_posix()
    effort = given.effort or "usual"
    request = Request(name, given.files, folder, given.target, given.unlabelled, given.all, effort, given.header)
    if given.target or "target" not in proposer.options:
        _refuse_taken(name, places, given.force)
    proposal = proposer.propose(request)
    print(proposal.report)
    if not proposal.data:
        return
    _write(name, places, proposal)
    if proposal.footnote:
        print(proposal.footnote)
    _report_written(name, places, proposer.review)


def proposer_for(files: Sequence[Path], target: str | None) -> Proposer:
    """Return the proposer of the family that the files suit best.

    Raises:
        PipelineError: The files suit no family.
    """
    proposers: list[Proposer] = [family.load("proposal")() for family in families() if family.proposal]
    best = max(proposers, key=lambda proposer: proposer.rank(files, target))
    if not best.rank(files, target):
        raise PipelineError(
            f"{len(files)} files{' and --target' if target else ''}: expected one table, one text, one file of "
            "tab-separated pairs of sentences, or two, four or six files of aligned sentences"
        )
    return best


def _configs(name: str) -> list[Path]:
    return [CONF / kind / f"{name}.yaml" for kind in ("data", "experiment")]


def _copies(places: dict[Path, Path]) -> dict[Path, Path]:
    return {path: place for path, place in places.items() if path.resolve() != (PROJECT / place).resolve()}


def _write(name: str, places: dict[Path, Path], proposal: Proposal) -> None:
    texts = dict(zip(_configs(name), (proposal.data, proposal.experiment), strict=True))
    _check(name, texts, proposal)
    for path, place in _copies(places).items():
        (PROJECT / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, PROJECT / place)
        print(f"copied to {place}")
    for path, text in texts.items():
        write_text(path, text)


def _report_written(name: str, places: dict[Path, Path], what: str) -> None:
    configs = _configs(name)
    added = " ".join(shlex.quote(str(_shown(path))) for path in [*configs, *places.values()])
    print(
        f"wrote {_shown(configs[0])} and {_shown(configs[1])}; check these keys: {what}\n"
        f"  dvc exp run -S experiment={name}   train on it\n"
        f"  git add {added}   before `dvc exp run --temp` or `--queue`, which see only what git tracks"
    )


def _refuse_taken(name: str, places: dict[Path, Path], force: bool) -> None:
    folders = {place.parent for place in places.values()}
    if len(folders) > 1 or len(set(places.values())) < len(places):
        raise PipelineError(
            f"{' and '.join(map(str, places.values()))}: expected two different names in one folder; rename one, or "
            f"place both in one folder under {OWN}"
        )
    taken = [
        path for path in [*_configs(name), *(PROJECT / place for place in _copies(places).values())] if path.exists()
    ]
    if taken and not force:
        raise PipelineError(f"{_shown(taken[0])} exists; choose another name, or overwrite it with --force")


def _check(name: str, texts: dict[Path, str], proposal: Proposal) -> None:
    """Read the configs as the stages do, before they are written.

    Raises:
        PipelineError: The configuration is invalid, or not the proposed one.
    """
    with tempfile.TemporaryDirectory() as scratch:
        conf = Path(scratch) / "conf"
        shutil.copytree(CONF, conf)
        for path, text in texts.items():
            write_text(conf / path.relative_to(CONF), text)
        config = load([f"experiment={name}"], conf)
        if proposal.check is not None:
            proposal.check(config)


def _place(path: Path, name: str) -> Path:
    """Return the path at which the stages will find a file: its own path if it is in data/own, else that of a copy."""
    if not path.is_file():
        raise PipelineError(f"{path}: {'a folder; expected a file' if path.is_dir() else 'no such file'}")
    if path.resolve().is_relative_to((PROJECT / OWN).resolve()):
        return path.resolve().relative_to(PROJECT.resolve())
    return OWN / name / path.name


def _shown(path: Path) -> Path:
    return path.relative_to(PROJECT) if path.is_absolute() else path


if __name__ == "__main__":
    main()
