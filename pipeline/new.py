"""Look at own files and write the configs that train on them: a table, a text, or two files of aligned sentences."""

import argparse
import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from pipeline.config import PipelineError, guarded, load, no_such
from pipeline.storage import CONF, PROJECT, write_text
from pipeline.tasks.table_proposal import look, propose
from pipeline.tasks.text_proposal import TextProposal, propose_text
from pipeline.tasks.translation_proposal import TranslationProposal, propose_translation

OWN = Path("data/own")
TEXTS = (".txt", ".md")
"""Ends of the names of files that are texts, unless a column of them is to be predicted."""
Propose = Callable[[str, Sequence[Path], str], TextProposal | TranslationProposal]
"""Name of the experiment, files, where the stages will find them → what to write."""


def main() -> None:
    """Read the arguments, look, write."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.new", description=__doc__)
    parser.add_argument("name", help="of the experiment: conf/data/NAME.yaml and conf/experiment/NAME.yaml")
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="a table: .csv, .csv.gz, .zip or .parquet; or a text to write like, .txt or .md; or two: sentences, "
        "and their translations line by line",
    )
    parser.add_argument("--target", metavar="COLUMN", help="the column to predict; without it, only look")
    parser.add_argument("--unlabelled", type=Path, metavar="FILE", help="a table without the target, to predict")
    parser.add_argument("--all", action="store_true", help="look at the whole file, not at its first megabytes")
    parser.add_argument("--force", action="store_true", help="overwrite what is there")
    given = parser.parse_args()
    guarded(lambda: new(given))


def new(given: argparse.Namespace) -> None:
    """Print what is seen, and write both configs and, where they lie elsewhere, copies of the files.

    Raises:
        PipelineError: A name that is taken or none, files that cannot be read, arguments that mean nothing for them.
    """
    name: str = given.name
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_-]*", name) or yaml.safe_load(name) != name:
        raise PipelineError(
            f"{name!r} is no name for an experiment: letters, digits, - and _, a letter first; no YAML word"
        )
    if len(given.files) == 1 and given.files[0].suffix.lower() in TEXTS and not given.target:
        _texts(name, given, propose_text, "lowercase, min_count; hidden_units")
    elif len(given.files) == 1:
        _table(name, given.files[0], given.target, given.unlabelled, given.all, given.force)
    elif len(given.files) == 2:
        _texts(name, given, propose_translation, "languages, tokenizer, hold_out")
    else:
        raise PipelineError(f"{len(given.files)} files: a table or a text is one, sentences and translations are two")


def _table(name: str, file: Path, target: str | None, unlabelled: Path | None, whole: bool, force: bool) -> None:
    places = {path: _place(path, name) for path in dict.fromkeys([file, unlabelled]) if path is not None}
    seen = look(file, whole)
    if target is None:
        print(f"{seen.report}\n\nnext: the same command with --target COLUMN, the column to predict")
        return
    _refuse_taken(name, places, force)
    if target not in seen.rows.column_names:
        raise PipelineError(f"{file}: no column {no_such([target], seen.rows.column_names)}")
    proposal = propose(name, target, places[file].parent.as_posix(), unlabelled, seen)
    print(proposal.report)
    _write(name, places, proposal.data, proposal.experiment)
    print(
        f"looked at {'the first ' if seen.has_more else ''}{len(seen.rows):,} rows"
        f"{' (--all: at every row)' if seen.has_more else ''}"
    )
    _tell(name, places, "kinds, drop, split")


def _texts(name: str, given: argparse.Namespace, propose: Propose, what: str) -> None:
    options = (("--target", given.target), ("--unlabelled", given.unlabelled), ("--all", given.all))
    if foreign := [option for option, value in options if value]:
        raise PipelineError(f"{', '.join(foreign)}: for a table; these files are texts")
    places = {path: _place(path, name) for path in given.files}
    _refuse_taken(name, places, given.force)
    proposal = propose(name, given.files, places[given.files[0]].parent.as_posix())
    print(proposal.report)
    _write(name, places, proposal.data, proposal.experiment)
    _tell(name, places, what)


def _configs(name: str) -> list[Path]:
    return [CONF / kind / f"{name}.yaml" for kind in ("data", "experiment")]


def _copies(places: dict[Path, Path]) -> dict[Path, Path]:
    return {path: place for path, place in places.items() if path.resolve() != (PROJECT / place).resolve()}


def _write(name: str, places: dict[Path, Path], data: str, experiment: str) -> None:
    texts = dict(zip(_configs(name), (data, experiment), strict=True))
    _check(name, texts)
    for path, place in _copies(places).items():
        (PROJECT / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, PROJECT / place)
        print(f"copied to {place}")
    for path, text in texts.items():
        write_text(path, text)


def _tell(name: str, places: dict[Path, Path], what: str) -> None:
    configs = _configs(name)
    added = " ".join(shlex.quote(str(_shown(path))) for path in [*configs, *places.values()])
    print(
        f"wrote {_shown(configs[0])} and {_shown(configs[1])}; read them over: {what}\n"
        f"  dvc exp run -S experiment={name}   train on it\n"
        f"  git add {added}   before `dvc exp run --temp` or `--queue`, which see only what git tracks"
    )


def _refuse_taken(name: str, places: dict[Path, Path], force: bool) -> None:
    folders = {place.parent for place in places.values()}
    if len(folders) > 1 or len(set(places.values())) < len(places):
        raise PipelineError(
            f"{' and '.join(map(str, places.values()))}: expected two names in one folder; rename one, or place both "
            f"in one folder under {OWN}"
        )
    taken = [
        path for path in [*_configs(name), *(PROJECT / place for place in _copies(places).values())] if path.exists()
    ]
    if taken and not force:
        raise PipelineError(f"{_shown(taken[0])} exists; choose another name, or overwrite it with --force")


def _check(name: str, texts: dict[Path, str]) -> None:
    """Compose what is to be written, before it is.

    Raises:
        ConfigError: It is no legal configuration.
    """
    with tempfile.TemporaryDirectory() as scratch:
        conf = Path(scratch) / "conf"
        shutil.copytree(CONF, conf)
        for path, text in texts.items():
            write_text(conf / path.relative_to(CONF), text)
        load([f"experiment={name}"], conf)


def _place(path: Path, name: str) -> Path:
    """Return where the stages will find a file: where it is, if that is among the own files."""
    if not path.is_file():
        raise PipelineError(f"{path}: no such file")
    if path.resolve().is_relative_to((PROJECT / OWN).resolve()):
        return path.resolve().relative_to(PROJECT.resolve())
    return OWN / name / path.name


def _shown(path: Path) -> Path:
    return path.relative_to(PROJECT) if path.is_absolute() else path


if __name__ == "__main__":
    main()
