"""The interfaces between the stages and the families: a small one for each stage, which each family implements."""

from pipeline.tasks.baseline import BaselineTask
from pipeline.tasks.column import Column
from pipeline.tasks.evaluation import Evaluation, EvaluationTask, Scores
from pipeline.tasks.exporting import SAMPLES, ExportTask
from pipeline.tasks.folds import train_each_fold
from pipeline.tasks.loading import matches, predictor_for, require_trained_model
from pipeline.tasks.predictor import Batches, Embedding, Predictor
from pipeline.tasks.preprocess import PreprocessTask, report_warnings
from pipeline.tasks.previous import explain_new_training, save_inputs
from pipeline.tasks.proposal import Proposal, Proposer, Request
from pipeline.tasks.task import MODEL, Task, TaskError
from pipeline.tasks.training import TrainingSpec, TrainingTask, training_code, training_key

__all__ = [
    "MODEL",
    "SAMPLES",
    "BaselineTask",
    "Batches",
    "Column",
    "Embedding",
    "Evaluation",
    "EvaluationTask",
    "ExportTask",
    "Predictor",
    "PreprocessTask",
    "Proposal",
    "Proposer",
    "Request",
    "Scores",
    "Task",
    "TaskError",
    "TrainingSpec",
    "TrainingTask",
    "explain_new_training",
    "matches",
    "predictor_for",
    "report_warnings",
    "require_trained_model",
    "save_inputs",
    "train_each_fold",
    "training_code",
    "training_key",
]
