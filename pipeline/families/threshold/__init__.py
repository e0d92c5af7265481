"""The threshold family: points and a threshold, with a network small enough to compute by hand."""

from pipeline.config.registry import Family
from pipeline.families.threshold.settings import MONITORS, TanhMlp, ThresholdData, ThresholdTrain

FAMILY = Family(
    name="threshold",
    data=ThresholdData,
    models={"tanh_mlp": TanhMlp},
    train=ThresholdTrain,
    monitors=MONITORS,
    schema="data.points:PointsSchema",
    preprocess="preprocess:PreprocessPoints",
    baseline="baseline:ThresholdBaselines",
    training="train:TrainThreshold",
    evaluation="evaluate:EvaluateThreshold",
    exporting="export:ExportThreshold",
    predictor="predictor:ThresholdPredictor",
    reader="bundle.reader:PointReader",
)
