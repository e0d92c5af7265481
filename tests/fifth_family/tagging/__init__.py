"""Part-of-speech tagging: a label for each word of a sentence."""

from pipeline.families.tagging.settings import MONITORS, Tagger, TaggingData, TaggingTrain

from pipeline.config.registry import Family

FAMILY = Family(
    name="tagging",
    data=TaggingData,
    models={"tagger": Tagger},
    train=TaggingTrain,
    monitors=MONITORS,
    schema="data.tagged:TaggingSchema",
    preprocess="preprocess:PreprocessTags",
    baseline="baseline:TaggingBaselines",
    training="train:TrainTagger",
    evaluation="evaluate:EvaluateTagger",
    exporting="export:ExportTagger",
    predictor="predictor:TaggingPredictor",
    reader="bundle.reader:TagReader",
)
