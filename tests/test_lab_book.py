"""What a person sees in a browser: MLflow's pages of runs, models and sweeps, DVC's plots, optuna-dashboard."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browsing import browser as start_browser
from browsing import needs_browser
from conftest import Project, copy_project
from record import runs, store_of
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from servers import free_port, wait_for
from sweeps import SWEEP, study_of

from pipeline.comparison import compared, page
from pipeline.tracking import scored

pytestmark = [
    pytest.mark.slow,
    needs_browser,
]
WAIT = 60
NOT_OURS = re.compile(r"favicon|users/current|AG Grid|Failed to load resource|ResizeObserver")
"""Messages of MLflow's and Optuna's own pages."""


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    found = start_browser("--window-size=1400,2400")
    yield found
    found.quit()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with an evaluated run and a sweep."""
    project = copy_project(tmp_path_factory.mktemp("lab") / "project")
    project.run("dvc", "exp", "run", "-n", "shown", "-S", "experiment=tiny", "-S", "train.epochs=4")
    project.run(*SWEEP, "hydra.sweeper.n_trials=2", "train.epochs=2")
    return project


def served(project: Project, path: str, *command: str) -> Iterator[str]:
    """Start a server of a package in the project; yield its address once `path` answers."""
    port = free_port()
    words = [word.replace("PORT", str(port)) for word in command]
    process = subprocess.Popen(
        words,
        cwd=project.folder,
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}{path}")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


@pytest.fixture(scope="module")
def mlflow(project: Project) -> Iterator[str]:
    command = ("-m", "mlflow", "server", "--host", "127.0.0.1", "--port", "PORT", "--workers", "1")
    yield from served(project, "/health", sys.executable, *command, "--backend-store-uri", "sqlite:///mlflow.db")


def text_of(browser: webdriver.Chrome, address: str, wanted: str) -> str:
    """Open a page and return its text once it contains a word."""
    browser.get("about:blank")
    browser.get_log("browser")  # forgets what earlier pages said
    browser.get(address)
    body = (By.TAG_NAME, "body")
    WebDriverWait(browser, WAIT).until(lambda _: wanted in browser.find_element(*body).text)
    return browser.find_element(*body).text


def errors(browser: webdriver.Chrome) -> list[Any]:
    return [
        each["message"]
        for each in browser.get_log("browser")
        if each["level"] == "SEVERE" and not NOT_OURS.search(each["message"])
    ]


def test_the_page_of_a_run_says_what_it_is(project: Project, mlflow: str, browser: webdriver.Chrome) -> None:
    run = next(run for run in runs(project) if "test/auc" in run.data.metrics)
    score = f"test auc {run.data.metrics['test/auc']:.4f}"
    page = text_of(browser, f"{mlflow}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}", score)
    assert page.index(score) < page.index("on the same test examples") < page.index("Metrics (")
    for shown in (
        "tiny: epochs=4 (shown)",
        "dvc exp run -n shown -S experiment=tiny -S train.epochs=4",
        "this network",
        "constant",
        "dvc_experiment",
        "rows.csv, shops.csv",
    ):
        assert shown in page, page
    for hidden in ("heartbeat", "onehot"):
        assert hidden not in page
    browser.find_element(By.XPATH, "//*[text()='Show more']").click()
    page = browser.find_element(By.TAG_NAME, "body").text
    assert "Differs from experiment tiny: train.epochs=4" in page
    assert "Run it again: dvc exp run -S experiment=tiny -S train.epochs=4" in page
    assert errors(browser) == []


def test_the_charts_begin_with_the_score(project: Project, mlflow: str, browser: webdriver.Chrome) -> None:
    run = next(run for run in runs(project) if "test/auc" in run.data.metrics)
    address = f"{mlflow}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}/model-metrics"
    page = text_of(browser, address, "val_final")
    titles = re.findall(r"^(\w+)\n\(\d+\)$", page, re.MULTILINE)
    assert titles == ["test", "test_baseline", "train", "val", "val_final"]


def test_the_addresses_of_make_ui_open_on_model_training(
    project: Project, mlflow: str, browser: webdriver.Chrome
) -> None:
    shown = project.run("python", "-m", "pipeline.runs", "addresses", "--server", mlflow)
    for name, expected in (("tiny", ["tiny: epochs=4 (shown)", "sweep tiny-"]), ("all experiments", ["tiny"])):
        address = next(line.split()[-1] for line in shown.splitlines() if line.strip().startswith(name))
        page = text_of(browser, address, expected[0])
        assert all(each in page for each in [*expected, "Model registry"])  # GenAI's pages have no registry


def test_the_registered_model_has_its_card(mlflow: str, browser: webdriver.Chrome) -> None:
    page = text_of(browser, f"{mlflow}/#/models/tiny/versions/1", "licence of the data")
    assert "Slices of the test examples" in page


def test_the_page_of_a_sweep_draws_its_plots(project: Project, browser: webdriver.Chrome) -> None:
    pages = list(project.folder.glob("mlartifacts/tiny/*/artifacts/sweep.html"))
    assert len(pages) == 1
    text_of(browser, pages[0].as_uri(), "val/auc")
    assert len(browser.find_elements(By.CSS_SELECTOR, ".plotly .main-svg")) >= 4
    assert errors(browser) == []


def test_the_page_of_a_comparison_has_no_error(project: Project, browser: webdriver.Chrome) -> None:
    client = store_of(project)
    run = scored(client, "shown")
    text = page(compared(run, [replace(run, run_id="0" * 32, params={**run.params, "seed": "2"})], 0.95))
    (project.folder / "comparison.html").write_text(text, encoding="utf-8")
    shown = text_of(browser, (project.folder / "comparison.html").as_uri(), "cannot be told apart")
    assert "seed" in shown
    drawn = [each.text for each in browser.find_elements(By.CSS_SELECTOR, "svg")]
    assert len(drawn) >= 6  # loss and scores by epoch, ROC, precision and recall, calibration
    assert errors(browser) == []


def test_the_plots_of_dvc_open(project: Project, browser: webdriver.Chrome) -> None:
    project.run("dvc", "plots", "show", "-o", "rendered")
    page = text_of(browser, (project.folder / "rendered" / "index.html").as_uri(), "")
    assert page is not None
    WebDriverWait(browser, WAIT).until(lambda _: browser.find_elements(By.CSS_SELECTOR, "img"))
    assert {Path(str(each.get_attribute("src"))).suffix for each in browser.find_elements(By.CSS_SELECTOR, "img")} == {
        ".png"
    }


def test_the_dashboard_names_what_was_measured(project: Project, browser: webdriver.Chrome) -> None:
    study = study_of(project)
    assert study is not None
    command = ("optuna-dashboard", "--host", "127.0.0.1", "--port", "PORT", "sqlite:///optuna.db")
    for address in served(project, "/dashboard", *command):
        assert study.study_name in text_of(browser, f"{address}/dashboard", study.study_name)
        page = text_of(browser, f"{address}/dashboard/studies/{study._study_id}/trials", "2 Trials")
        assert "model.dropout" in page


def test_an_experiment_goes_to_another_clone(project: Project, tmp_path: Path) -> None:
    """`dvc exp push`, `pull` and `apply` carry settings, data, network and scores; `save` names what was changed."""
    for command in (
        ("git", "init", "--quiet", "--bare", str(tmp_path / "git")),
        ("git", "remote", "add", "team", str(tmp_path / "git")),
        ("git", "push", "--quiet", "team", "HEAD:refs/heads/main"),
        ("dvc", "remote", "add", "--local", "--default", "store", str(tmp_path / "store")),
        ("dvc", "exp", "push", "team", "shown"),
    ):
        project.run(*command)
    project.run("git", "clone", "--quiet", "--branch", "main", str(tmp_path / "git"), str(tmp_path / "other"))
    other = Project(tmp_path / "other")
    other.run("dvc", "remote", "add", "--local", "--default", "store", str(tmp_path / "store"))
    other.run("dvc", "exp", "pull", "origin", "shown")
    other.run("dvc", "exp", "apply", "shown")
    assert other.run("dvc", "metrics", "show") == project.run("dvc", "metrics", "show")
    for name in ("params.yaml", "models/model.keras", "reports/model_card.md", "reports/plots/overview.png"):
        assert (other.folder / name).read_bytes() == (project.folder / name).read_bytes()
    other.run("dvc", "exp", "save", "--name", "kept", "--force")
    assert "kept" in other.run("dvc", "exp", "list")
