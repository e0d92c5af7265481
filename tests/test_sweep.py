"""Sweeps within this process: what is tried, reported, pruned, counted, recorded; and what is refused."""

import gc
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from conftest import write_tiny
from mlflow import MlflowClient
from omegaconf import OmegaConf
from optuna.trial import TrialState
from stages import Stages
from tiny import committed, tiny

from pipeline.config import ConfigError
from pipeline.storage import PROCESSED, RAW, PipelineError, is_alive, seal, this_process
from pipeline.sweep import plan, run_sweep, worker
from pipeline.sweep.plan import Plan
from pipeline.sweep.space import parse
from pipeline.sweep.study import SweepError, open_storage, pruner_of, sampler_of, storage_url
from pipeline.tracking.tags import SWEEP, TRIAL, TRIAL_STATE
from pipeline.training import TrainingError

pytestmark = pytest.mark.slow

AXES = {"model.dropout": "range(0.0,0.6,0.1)", "model.hidden_units": "choice(4,8,16)"}


@pytest.fixture
def prepared(store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Data of the synthetic table, and a configuration that composes to it. No sweep sees the test split."""
    write_tiny(RAW)
    config = tiny(train__epochs=2)
    Stages(config).preprocess()
    shutil.rmtree(PROCESSED / "test")
    seal(PROCESSED)
    # What a worker does to its process would hold for all tests after.
    monkeypatch.setattr(gc, "freeze", lambda: None)
    plan._composed.cache_clear()
    monkeypatch.setattr(plan, "load", lambda overrides: tiny(**{"train__epochs": 2, **dict(map(changed, overrides))}))
    return store


def changed(override: str) -> tuple[str, Any]:
    key, _, value = override.partition("=")
    return key.replace(".", "__"), yaml.safe_load(value)


def settings(**changes: Any) -> dict[str, Any]:
    content = committed("hydra/sweeper/study.yaml")
    kept = {key: value for key, value in content.items() if key not in ("defaults", "_target_", "_recursive_")}
    sampler = committed("hydra/sweeper/sampler/tpe.yaml")
    pruner = committed("hydra/sweeper/pruner/none.yaml")
    return {**kept, "sampler": sampler, "pruner": pruner, "params": AXES, "n_trials": 3, **changes}


def here(function: Any, _folder: Path, _workers: int) -> list[Any]:
    """Run one worker in this process, as Hydra's basic launcher does."""
    return [worker.work(function.plan, 0)]


def search(*arguments: str, **changes: Any) -> optuna.Study:
    run_sweep(settings(**changes), list(arguments), here)
    return the_study()


def the_study() -> optuna.Study:
    storage = open_storage(storage_url(None))
    (summary,) = optuna.get_all_study_summaries(storage)
    return optuna.load_study(storage=storage, study_name=summary.study_name)


def states(study: optuna.Study) -> list[str]:
    return [trial.state.name for trial in study.trials]


def test_the_config_as_it_stands_is_first_and_the_same_command_goes_on(
    prepared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = search(n_trials=2)
    assert states(study) == ["COMPLETE"] * 2
    assert study.trials[0].params == {"model.dropout": 0.5, "model.hidden_units": 8}
    shown = capsys.readouterr().out
    assert f"sweep {study.study_name} starts: 2 trials, 1 at a time; 2 axes" in shown
    assert "trial 0: val/auc 0." in shown
    assert f"python -m pipeline.promote {study.study_name} tiny_tuned" in shown
    assert study.study_name.startswith("tiny-")
    again = search(n_trials=3)
    assert states(again) == ["COMPLETE"] * 3
    assert "resumes after 2 of 3 trials" in capsys.readouterr().out


def test_every_trial_is_a_run_under_the_sweep_s(prepared: Path) -> None:
    study = search(n_trials=2)
    client = MlflowClient(f"sqlite:///{prepared / 'mlflow.db'}")
    (experiment,) = [each for each in client.search_experiments() if each.name == "tiny"]
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if SWEEP in run.data.tags]
    children = {run.data.tags[TRIAL]: run for run in runs if run.data.tags.get("mlflow.parentRunId")}
    assert sorted(children) == ["0", "1"]
    for number, child in children.items():
        trial = study.trials[int(number)]
        assert child.info.status == "FINISHED"
        assert child.data.tags[TRIAL_STATE] == "complete"
        assert child.data.params["model.hidden_units"] == str(trial.params["model.hidden_units"])
        history = client.get_metric_history(child.info.run_id, "val/auc")
        assert [point.step for point in history] == [1, 2]
        assert max(point.value for point in history) == trial.value
        assert [trial.intermediate_values[step] for step in (1, 2)] == [point.value for point in history]
    assert not Path("models").exists()
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["best/val/auc"] == study.best_value
    names = {each.path for each in client.list_artifacts(parent.info.run_id)}
    assert {"sweep.yaml", "sweep.txt", "trials.csv", "sweep.html", "plots"} <= names
    pictures = {each.path for each in client.list_artifacts(parent.info.run_id, "plots")}
    assert {"plots/optimization_history.png", "plots/slice.png", "plots/intermediate_values.png"} <= pictures


def test_a_trial_that_is_worse_is_pruned(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pruner = {"name": "percentile", "percentile": 0.1, "n_startup_trials": 1, "n_warmup_steps": 0}
    study = search("train.epochs=3", n_trials=5, pruner=pruner, params={"train.learning_rate": "choice(0.01,0.00001)"})
    found = [trial for trial in study.trials if trial.state == TrialState.PRUNED]
    assert found
    assert all(len(trial.intermediate_values) < 3 for trial in found)
    assert "pruned at epoch" in capsys.readouterr().out
    client = MlflowClient(f"sqlite:///{prepared / 'mlflow.db'}")
    run = client.get_run(found[0].user_attrs["mlflow_run"])
    assert (run.info.status, run.data.tags[TRIAL_STATE]) == ("FINISHED", "pruned")


def of_folds(pruner: dict[str, Any]) -> Plan:
    """Return a plan of trials of five folds."""
    plan = plan_with("random", "none")
    return replace(plan, pruner=pruner, tree={**plan.tree, "data": {**plan.tree["data"], "folds": 5}})


def test_an_easy_first_fold_protects_no_trial() -> None:
    study = optuna.create_study(
        direction="maximize", pruner=pruner_of(of_folds({"name": "median", "n_startup_trials": 5, "n_warmup_steps": 1}))
    )
    for _ in range(5):
        trial = study.ask()
        for step, value in enumerate([0.80, 0.78, 0.77, 0.765, 0.764], 1):
            trial.report(value, step)
        study.tell(trial, 0.764)
    trial = study.ask()
    trial.report(0.801, 1)
    assert not trial.should_prune()
    trial.report(0.75, 2)
    assert trial.should_prune()


def test_what_pruners_make_of_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SweepError, match=r"pruner=patient: needs per-epoch values; with data.folds=5"):
        pruner_of(of_folds({"name": "patient"}))
    given: dict[str, Any] = {}
    monkeypatch.setattr("optuna.pruners.HyperbandPruner", lambda **settings: given.update(settings) or "hyperband")
    pruner_of(of_folds({"name": "hyperband"}))
    assert given["max_resource"] == 5


@pytest.mark.faults
def test_a_trial_that_is_worse_is_pruned_between_folds(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Stages(tiny(data__folds=3)).preprocess()
    pruner = {"name": "percentile", "percentile": 0.1, "n_startup_trials": 1, "n_warmup_steps": 0}
    study = search("data.folds=3", n_trials=4, pruner=pruner, params={"train.learning_rate": "choice(0.01,0.00001)"})
    first = study.trials[0]
    assert sorted(first.intermediate_values) == [1, 2, 3]
    assert first.value == first.intermediate_values[3]
    assert f"trial 0: val/auc {first.value:.4f} over 3 folds" in capsys.readouterr().out
    found = [trial for trial in study.trials if trial.state == TrialState.PRUNED]
    assert found
    assert all(len(trial.intermediate_values) < 3 for trial in found)
    log = (prepared / ".sweeps" / study.study_name).glob("*/log.txt")
    assert any(path.read_text(encoding="utf-8").count("epoch 2/2") == 3 for path in log)


def crash(monkeypatch: pytest.MonkeyPatch, numbers: set[int]) -> None:
    calls = iter(range(100))
    real = worker.trained

    def trained(*arguments: Any) -> Any:
        if next(calls) in numbers:
            raise TrainingError("the loss is not finite at epoch 1")
        return real(*arguments)

    monkeypatch.setattr(worker, "trained", trained)


def test_a_crash_of_one_trial_is_no_end_of_the_sweep(
    prepared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    crash(monkeypatch, {1})
    study = search(n_trials=3, max_failure_rate=0.5)
    assert states(study) == ["COMPLETE", "FAIL", "COMPLETE"]
    assert "trial 1: failed: the loss is not finite at epoch 1" in capsys.readouterr().out
    client = MlflowClient(f"sqlite:///{prepared / 'mlflow.db'}")
    run = client.get_run(study.trials[1].user_attrs["mlflow_run"])
    assert (run.info.status, run.data.tags[TRIAL_STATE]) == ("FAILED", "failed")
    folder = client.download_artifacts(run.info.run_id, "traceback.txt")
    assert "TrainingError: the loss is not finite" in Path(folder).read_text(encoding="utf-8")


def test_too_many_failures_stop_it(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crash(monkeypatch, {0, 1})
    with pytest.raises(SweepError, match=r"stopped: more than 20% of 5 trials failed \(hydra.sweeper.max_failure_rate"):
        search(n_trials=5)
    assert states(the_study()) == ["FAIL"] * 2
    assert states(search(n_trials=3)) == ["FAIL", "FAIL", "COMPLETE"]  # the same study goes on


@pytest.mark.faults
def test_trials_record_references_to_the_environment_not_their_values() -> None:
    plan = replace(plan_with("random", "none"), references={"tracking.uri": "${oc.env:STORE}", "seed": "${oc.env:N}"})
    trial = plan.config({"model.dropout": 0.1, "seed": 3})
    assert trial.recorded["tracking"]["uri"] == "${oc.env:STORE}"
    assert (trial.recorded["seed"], trial.model.dropout) == (3, 0.1)


@pytest.mark.parametrize("sampler", ["grid", "tpe"])
def test_a_finite_space_ends_when_every_point_was_tried(
    prepared: Path, capsys: pytest.CaptureFixture[str], sampler: str
) -> None:
    chosen = committed(f"hydra/sweeper/sampler/{sampler}.yaml")
    study = search(params={"model.hidden_units": "4,8", "model.dropout": "0.1,0.5"}, sampler=chosen, n_trials=9)
    assert "starts: 4 trials, 1 at a time; 2 axes, every point once" in capsys.readouterr().out
    points = {(trial.params["model.hidden_units"], trial.params["model.dropout"]) for trial in study.trials}
    assert states(study) == ["COMPLETE"] * 4
    assert points == {(4, 0.1), (4, 0.5), (8, 0.1), (8, 0.5)}


def test_each_seed_is_trained_once(prepared: Path) -> None:
    study = search(params={"seed": "1,2"}, n_trials=40)
    assert [trial.params["seed"] for trial in study.trials] == [1, 2]


def test_a_study_names_what_it_measures(prepared: Path) -> None:
    study = search(n_trials=1)
    assert study.metric_names == ["val/auc"]


@pytest.mark.faults
def test_a_sampler_begun_again_does_not_repeat_itself(prepared: Path) -> None:
    sampler = {"name": "random", "seed": 7}
    axes = {"train.learning_rate": "interval(0.001,0.02)"}
    search(sampler=sampler, params=axes, n_trials=2)
    study = search(sampler=sampler, params=axes, n_trials=3)
    assert len({trial.params["train.learning_rate"] for trial in study.trials}) == 3


def test_several_metrics(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = search("train.epochs=1", metric=["val/auc", "parameters"], n_trials=2)
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert all(trial.values[1] == trial.user_attrs["cost"]["parameters"] for trial in study.trials)
    assert "parameters" in capsys.readouterr().out


@pytest.mark.faults
def test_the_best_is_confirmed_with_other_seeds(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search("train.epochs=1", n_trials=2, confirm=2)
    shown = capsys.readouterr().out
    assert "as it stands: val/auc 0." in shown
    assert "over 2 seeds" in shown
    assert "95% interval" in shown


def test_trials_to_try_first(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = [{"model.hidden_units": 16}, {"model.hidden_units": 5}]
    study = search("model.dropout=0.3", enqueue=first, n_trials=2)
    assert [trial.params for trial in study.trials] == [{"model.hidden_units": 8}, {"model.hidden_units": 16}]
    told = "the trial {'model.hidden_units': 5} is not tried first: model.hidden_units=5 is not in choice(4,8,16)"
    assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"params": {}}, "the search space is empty"),
        ({"params": {"data.min_count": "1,2"}}, "data.min_count: cannot be searched: it would change preprocess"),
        ({"params": {"model.dropuot": "0.1,0.2"}}, "model.dropuot: unknown key; did you mean model.dropout?"),
        ({"metric": "val/acu"}, "hydra.sweeper.metric: unknown metric 'val/acu'; did you mean val/auc?"),
        ({"metric": "test/auc"}, "hydra.sweeper.metric: unknown metric 'test/auc'"),
        ({"n_trials": 0}, "hydra.sweeper.n_trials: must be greater than or equal to 1, received 0"),
        ({"direction": "up"}, "hydra.sweeper.direction"),
        (
            {"metric": ["val/auc", "seconds"], "pruner": {"name": "median"}},
            "hydra.sweeper.pruner: Optuna cannot prune with several metrics",
        ),
        ({"pruner": {"name": "medain"}}, "hydra.sweeper.pruner.name: no pruner 'medain'; did you mean median?"),
        ({"pruner": {"name": "median", "startup": 1}}, "hydra.sweeper.pruner: .*startup"),
        ({"sampler": {"name": "grid"}, "params": {"model.dropout": "interval(0,0.5)"}}, "a grid takes choice"),
        ({"enqueue": [{"model.units": 3}]}, "hydra.sweeper.enqueue: model.units: not an axis"),
        ({"storage": "postgresql+nodriver://h/d"}, "hydra.sweeper.storage: postgresql\\+nodriver"),
        (
            {"storage": "sqlite:////nowhere/at/all.db"},
            "does not answer: .*hydra.sweeper.storage=null keeps the study in",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused_before_the_first_trial(
    prepared: Path, changes: dict[str, Any], fault: str
) -> None:
    with pytest.raises(PipelineError, match=fault):
        run_sweep(settings(**changes), [], lambda *_: pytest.fail("a worker was started"))


def test_data_of_another_configuration_are_refused(prepared: Path) -> None:
    with pytest.raises(PipelineError, match=r"data.min_count: prepared with 1, configured as 3"):
        run_sweep(settings(), ["data.min_count=3"], lambda *_: pytest.fail("a worker was started"))


def test_a_named_study_with_another_space_is_refused(prepared: Path) -> None:
    search(study_name="mine", n_trials=1)
    with pytest.raises(SweepError, match=r"study mine exists with different settings:\n  space: (.|\n)*Set another"):
        search(study_name="mine", params={"model.dropout": "0.1,0.5"})


def plan_with(sampler: str, pruner: str) -> Plan:
    space, _ = parse(AXES, [], {})
    named = committed(f"hydra/sweeper/sampler/{sampler}.yaml"), committed(f"hydra/sweeper/pruner/{pruner}.yaml")
    limits = {"n_trials": 1, "n_jobs": 1, "timeout": None, "trial_seconds": None, "max_failure_rate": 0.0}
    tree = tiny().tree
    return Plan("s", "", space, [], tree, ["val/auc"], ["maximize"], sampler=named[0], pruner=named[1], **limits)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("tpe", "TPESampler"), ("random", "RandomSampler"), ("cmaes", "CmaEsSampler"), ("grid", "RandomSampler")],
)
def test_samplers(name: str, kind: str) -> None:
    assert type(sampler_of(plan_with(name, "none"), 1)).__name__ == kind


@pytest.mark.parametrize("name", ["median", "percentile", "hyperband", "patient", "none"])
def test_pruners(name: str) -> None:
    kind = type(pruner_of(plan_with("tpe", name))).__name__
    assert kind == {"none": "NopPruner"}.get(name, f"{name.capitalize()}Pruner")


def test_a_process_is_known_by_more_than_its_number() -> None:
    here = this_process()
    assert is_alive(here, None)
    assert not is_alive({**here, "started": here["started"] - 5}, None)  # its number was used again
    assert not is_alive({**here, "boot": "another"}, time.time())
    assert not is_alive({**here, "pid": 2**22 - 3}, time.time())
    elsewhere = {**here, "host": "elsewhere"}
    assert is_alive(elsewhere, time.time() - 5)
    assert not is_alive(elsewhere, time.time() - 300)
    assert not is_alive(None, None)


def test_a_package_that_is_missing_is_named(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(SweepError, match="hydra/sweeper/sampler=gp: needs a package that is not installed"):
        search(sampler={"name": "gp", "seed": None})


def test_settings_come_as_hydra_gives_them(prepared: Path) -> None:
    given = {key: OmegaConf.create(value) if isinstance(value, dict) else value for key, value in settings().items()}
    with pytest.raises(ConfigError, match=r"model.dropout: must be less than 1"):
        run_sweep({**given, "params": OmegaConf.create({"model.dropout": "interval(0,2)"})}, [], here)
