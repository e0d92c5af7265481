"""Reproduce a recorded run from its commit, uncommitted changes, settings and data, and compare both bit by bit."""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipeline.config import PARAMS, add_store, guarded, store_of
from pipeline.storage import METRICS, MODELS, PREDICTIONS, THREADS, file_digests, read_json

if TYPE_CHECKING:
    from pipeline.reproduction import Comparison
    from pipeline.tracking import Evidence


def main() -> None:
    """Parse the arguments and reproduce the run."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.reproduce", description=__doc__)
    parser.add_argument("run", help="id of an MLflow run; `python -m pipeline.runs list` shows them")
    add_store(parser)
    parser.add_argument("--keep", action="store_true", help="keep the folder of the reproduction")
    arguments = parser.parse_args()
    guarded(lambda: reproduce(arguments.run, store_of(arguments), keep=arguments.keep))


def reproduce(run_id: str, uri: str | None, *, keep: bool) -> None:
    """Rebuild the project, train, evaluate and compare; exit with status 1 if something differs."""
    from pipeline.reproduction import bring_data, environment_differences, rebuilt
    from pipeline.tracking import answering, environment, evidence_of, machine, open_store

    client = open_store(uri)
    with answering(uri):
        evidence = evidence_of(client, run_id)
    for line in environment_differences(evidence.environment, environment(), evidence.machine, machine()):
        print(f"reproduce: environment: {line}", flush=True)
    with rebuilt(evidence.commit, evidence.diff, keep=keep) as project:
        changed = " with its uncommitted changes" if evidence.diff else ""
        print(f"reproduce: commit {evidence.commit}{changed}, in {project}", flush=True)
        quiet = {"uri": None, "system_metrics": False, "log_model": False}
        settings = {**evidence.config, "tracking": {**evidence.config["tracking"], **quiet}}
        (project / PARAMS).write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")

        def stage(name: str) -> None:
            run_stage(project, name, evidence.threads)

        own_folder = evidence.config["data"]["source"]["folder"]
        for line in bring_data(project, evidence.data, own_folder, stage):
            print(f"reproduce: {line}", flush=True)
        for name in ("train", "evaluate") if evidence.metrics else ("train",):
            stage(name)
        report(evidence, comparison(evidence, project, uri))


def run_stage(project: Path, name: str, threads: dict[str, str]) -> None:
    """Run a stage of a project and show its output.

    Raises:
        RebuildError: The stage failed.
    """
    from pipeline.reproduction import RebuildError

    inherited = {key: value for key, value in os.environ.items() if not key.startswith("DVC_") and key not in THREADS}
    command = [sys.executable, "-m", f"pipeline.{name}", "--config-dir", ".", "--config-name", PARAMS.stem]
    # A root of its own: it must not use the checkpoints and the tracking store of this clone.
    done = subprocess.run(command, cwd=project, env={**inherited, **threads, "DVC_ROOT": str(project)}, check=False)
    if done.returncode:
        raise RebuildError(f"stage {name} failed with exit status {done.returncode}; its output is above")


def comparison(evidence: "Evidence", project: Path, uri: str | None) -> "Comparison":
    """Compare the files of the project with the record of the run."""
    from pipeline.reproduction import compared
    from pipeline.tracking import TrackingError, download_model

    then = {MODELS.name: evidence.models}
    now = {MODELS.name: file_digests(project / MODELS)}
    scores: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    if evidence.metrics:
        then[PREDICTIONS.name] = evidence.predictions
        now[PREDICTIONS.name] = file_digests(project / PREDICTIONS)
        scores = (evidence.metrics, read_json(project / METRICS))
    network = None
    if evidence.network and then != now:
        try:
            network = download_model(evidence.network, uri) / "model.keras"
        except TrackingError as error:
            print(f"reproduce: the weights are not compared tensor by tensor: {error}", flush=True)
    return compared(then, now, scores, (network, project / MODELS / "model.keras"))


def report(evidence: "Evidence", result: "Comparison") -> None:
    """Print what differs, or that nothing does."""
    if not result.differences:
        what = "weights, predictions and scores" if evidence.metrics else "weights and scores by epoch"
        print(f"identical: {what} of run {evidence.run_id}, {result.same} files byte for byte", flush=True)
        return
    print(f"not identical to run {evidence.run_id}; {result.same} files are identical, these differ:", flush=True)
    for line in result.differences:
        print(f"  {line}", flush=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
