"""What the tests of sweeps as typed share."""

import sqlite3
from contextlib import closing

import optuna
from conftest import Project

SWEEP = ("python", "-m", "pipeline.train", "--multirun", "experiment=tiny", "model.dropout=range(0.0,0.6,0.1)")


def prepared(project: Project) -> Project:
    """Prepare the data of the synthetic table."""
    for stage in ("fetch", "preprocess"):
        project.run("python", "-m", f"pipeline.{stage}", "experiment=tiny")
    return project


def study_of(project: Project) -> optuna.Study | None:
    path = project.folder / "optuna.db"
    if not path.is_file():
        return None
    # Opened while its tables are being made, Optuna would make them too, and the command that does would fail.
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        try:
            database.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        except (sqlite3.OperationalError, TypeError):
            return None
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 60}})
        summaries = optuna.get_all_study_summaries(storage, include_best_trial=False)
    except Exception:  # its tables are being made
        return None
    return optuna.load_study(storage=storage, study_name=summaries[0].study_name) if summaries else None
