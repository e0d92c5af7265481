"""Look at an own file and write the configs that train on it."""

import argparse
import re
import shutil
from pathlib import Path

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
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_-]*", name):
        raise PipelineError(f"{name!r} is no name for an experiment: letters, digits, - and _, a letter first")
    configs = [CONF / kind / f"{name}.yaml" for kind in ("data", "experiment")]
    taken = [path for path in configs if path.exists()]
    if taken and not force:
        raise PipelineError(f"{_shown(taken[0])} exists; choose another name, or overwrite it with --force")
    seen = look(file, whole)
    known = seen.rows.column_names
    if target is None:
        print(seen.report)
        raise PipelineError(f"which column is to be predicted? The same command with --target COLUMN writes {name}")
    if target not in known:
        raise PipelineError(f"{file}: no column {no_such([target], known)}")
    places = {path: _place(path, name) for path in (file, unlabelled) if path is not None}
    folder = places[file].parent
    if unlabelled is not None and places[unlabelled].parent != folder:
        raise PipelineError(f"{file} and {unlabelled}: expected both in one folder, or both outside {OWN}")
    proposal = propose(name, file, target, folder.as_posix(), unlabelled, seen)
    print(proposal.report)
    copied = [_copy(path, place, force) for path, place in places.items() if path.resolve() != place.resolve()]
    for path, text in zip(configs, (proposal.data, proposal.experiment), strict=True):
        write_text(path, text)
    load([f"experiment={name}"], CONF)  # what was written is legal, or the fault is told here
    added = " ".join(str(_shown(path)) for path in [*configs, *places.values()])
    print(
        f"\nlooked at the first {len(seen.rows):,} rows{'' if whole else ' (--all: at every row)'}\n"
        + "".join(f"copied to {place}\n" for place in copied)
        + f"wrote {_shown(configs[0])} and {_shown(configs[1])}; read them over: kinds, drop, split\n"
        f"  dvc exp run -S experiment={name}   train on it\n"
        f"  git add {added}   before `dvc exp run --temp` or `--queue`, which see only what git tracks"
    )


def _place(path: Path, name: str) -> Path:
    """Return where the stages will find a file: where it is, if that is among the own files."""
    if not path.is_file():
        raise PipelineError(f"{path}: no such file")
    if path.resolve().is_relative_to((PROJECT / OWN).resolve()):
        return path.resolve().relative_to(PROJECT.resolve())
    return OWN / name / path.name


def _copy(path: Path, place: Path, force: bool) -> Path:
    target = PROJECT / place
    if target.exists() and not force:
        raise PipelineError(f"{place} exists; remove it, or overwrite it with --force")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    return place


def _shown(path: Path) -> Path:
    return path.relative_to(PROJECT) if path.is_absolute() else path


if __name__ == "__main__":
    main()
