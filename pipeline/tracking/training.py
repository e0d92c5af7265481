"""Log a training to its MLflow run."""

from typing import TYPE_CHECKING

from pipeline.config import Config
from pipeline.storage import MODELS, PROCESSED
from pipeline.tasks import Predictor
from pipeline.tracking.description import dvc_tags, footer
from pipeline.tracking.logged_model import log_model
from pipeline.tracking.run import Run
from pipeline.tracking.tags import DESCRIPTION, FAMILY, HEADLINE, PRECISION

if TYPE_CHECKING:
    import keras

    from pipeline.training import EpochRecord


def record_start(run: Run, config: Config, headline: str) -> None:
    """Log settings, code, data, machine, precision and the name of the main score.

    Args:
        run: The run of the training.
        config: The configuration.
        headline: The name of the experiment's main score.
    """
    from pipeline.models import resolved

    run.log_config(config)
    run.log_provenance()
    run.log_datasets(config.name)
    run.tags(
        {
            FAMILY: config.task,
            PRECISION: resolved(config.train.precision),
            HEADLINE: headline,
            DESCRIPTION: footer(config, run.id),
            **dvc_tags(),
        }
    )


def record_network(run: Run, model: "keras.Model") -> None:
    """Log the summary and the picture of a network."""
    from pipeline.models import model_figure, summary

    run.log_text(summary(model), "network.txt")
    run.log_figure(model_figure(model), "network.png")


def record_epoch(run: Run, record: "EpochRecord") -> None:
    """Log the scores of one epoch, and the text that its validation produced."""
    run.log_epoch(record.scores, record.epoch, record.timestamp)
    if record.note:
        run.log_text(record.note, f"samples/epoch_{record.epoch:03}.txt")


def record_end(run: Run, config: Config, predictor: Predictor) -> None:
    """Log the network, and the hashes of its files."""
    run.log_files(MODELS)
    if config.tracking.log_model:
        log_model(run, config.name, MODELS, predictor.columns(), predictor.outputs(), predictor.example(PROCESSED))
