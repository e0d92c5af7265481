"""Checks of params.yaml, and of whether the prepared data and the network match it."""

import json
from collections.abc import Iterator

from pipeline.config import PARAMS, ConfigError, load, out_of_sync
from pipeline.diagnosis.finding import Finding, fault, ok, warning
from pipeline.storage import MODELS, PROCESSED, PipelineError
from pipeline.tasks import matches


def settings() -> Iterator[Finding]:
    """Compare params.yaml with conf/."""
    try:
        faults, command = out_of_sync([])
    except ConfigError as error:
        faults, command = error.faults, "python -m pipeline.compose"
    if faults:
        shown = "; ".join(faults[:3]) + (f"; {len(faults) - 3} more" if len(faults) > 3 else "")
        yield warning(
            f"{PARAMS} differs from conf/: {shown}",
            f"`{command}` writes it again; a difference is expected after `dvc exp run -S`",
        )
    else:
        yield ok(f"{PARAMS} is in sync with conf/")


def prepared() -> Iterator[Finding]:
    """Check whether the data in data/processed and the network in models/ match params.yaml."""
    try:
        config = load([], PARAMS.parent.resolve(), PARAMS.stem)
    except PipelineError as error:
        yield fault(f"{PARAMS}: {error}", "`python -m pipeline.compose` writes it again")
        return
    for folder, stage in ((PROCESSED, "preprocess"), (MODELS, "train")):
        path = folder / "schema.json"
        if not path.is_file():
            yield ok(f"{folder}: none yet; `dvc repro` writes it")
            continue
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            yield fault(f"{path}: cannot be read ({error})", f"`dvc repro -f -s {stage}` writes it again")
            continue
        if matches(folder, config):
            done = "prepared" if folder == PROCESSED else "trained on data prepared"
            yield ok(f"{folder}: {done} with the settings of {PARAMS}")
        else:
            yield warning(
                f"{folder}: belongs to another experiment or to other settings", "`dvc repro` creates it again"
            )
