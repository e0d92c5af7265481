"""Look at an own file and write the configs that train on it."""

import argparse
import re
import shlex
import shutil
import tempfile
from pathlib import Path

import yaml

from pipeline.config import PipelineError, guarded, load, no_such
from pipeline.storage import CONF, PROJECT, write_text
from pipeline.tasks.table_proposal import look, propose

OWN = Path("data/own")


def main() -> None:
    """Read the arguments, look, write."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.new", description=__doc__)
    parser.add_argument("name", help="of the experiment: conf/data/NAME.yaml and conf/experiment/NAME.yaml")
    parser.add_argument("file", type=Path, help="a table: .csv, .csv.gz, .zip or .parquet")
    parser.add_argument("--target", metavar="COLUMN", help="the column to predict; without it, only look")
    parser.add_argument("--unlabelled", type=Path, metavar="FILE", help="a table without the target, to predict")
    parser.add_argument("--all", action="store_true", help="look at the whole file, not at its first megabytes")
    parser.add_argument("--force", action="store_true", help="overwrite what is there")
    given = parser.parse_args()
    guarded(lambda: new(given.name, given.file, given.target, given.unlabelled, given.all, given.force))


def new(name: str, file: Path, target: str | None, unlabelled: Path | None, whole: bool, force: bool) -> None:
    """Print what the columns are, and write both configs and, where it lies elsewhere, a copy of the file.

    Raises:
        PipelineError: A name that is taken or none, a column that is not there, a file that cannot be read.
    """
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_-]*", name) or yaml.safe_load(name) != name:
        raise PipelineError(
            f"{name!r} is no name for an experiment: letters, digits, - and _, a letter first; no YAML word"
        )
    places = {path: _place(path, name) for path in dict.fromkeys([file, unlabelled]) if path is not None}
    seen = look(file, whole)
    if target is None:
        print(f"{seen.report}\n\nnext: the same command with --target COLUMN, the column to predict")
        return
    configs = [CONF / kind / f"{name}.yaml" for kind in ("data", "experiment")]
    copies = {path: place for path, place in places.items() if path.resolve() != (PROJECT / place).resolve()}
    _refuse_taken(configs, list(places.values()), list(copies.values()), force)
    if target not in seen.rows.column_names:
        raise PipelineError(f"{file}: no column {no_such([target], seen.rows.column_names)}")
    proposal = propose(name, target, places[file].parent.as_posix(), unlabelled, seen)
    print(proposal.report)
    texts = dict(zip(configs, (proposal.data, proposal.experiment), strict=True))
    _check(name, texts)
    for path, place in copies.items():
        (PROJECT / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, PROJECT / place)
        print(f"copied to {place}")
    for path, text in texts.items():
        write_text(path, text)
    added = " ".join(shlex.quote(str(_shown(path))) for path in [*configs, *places.values()])
    print(
        f"looked at {'the first ' if seen.has_more else ''}{len(seen.rows):,} rows"
        f"{' (--all: at every row)' if seen.has_more else ''}\n"
        f"wrote {_shown(configs[0])} and {_shown(configs[1])}; read them over: kinds, drop, split\n"
        f"  dvc exp run -S experiment={name}   train on it\n"
        f"  git add {added}   before `dvc exp run --temp` or `--queue`, which see only what git tracks"
    )


def _refuse_taken(configs: list[Path], places: list[Path], copies: list[Path], force: bool) -> None:
    folders = {place.parent for place in places}
    if len(folders) > 1 or len(set(places)) < len(places):
        raise PipelineError(
            f"{' and '.join(map(str, places))}: expected two names in one folder; rename one, or place both in one "
            f"folder under {OWN}"
        )
    taken = [path for path in [*configs, *(PROJECT / place for place in copies)] if path.exists()]
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
