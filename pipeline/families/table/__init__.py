"""The table family: classifiers and regressors that embed categorical columns."""

from pipeline.config.registry import Family, Option
from pipeline.families.table.settings import MONITORS_OF, EmbeddingMlp, TableData, TableEvaluate, TableTrain

FAMILY = Family(
    name="table",
    data=TableData,
    models={"embedding_mlp": EmbeddingMlp},
    train=TableTrain,
    evaluate=TableEvaluate,
    monitors={name: better for monitors in MONITORS_OF.values() for name, better in monitors.items()},
    schema="data.schema:Schema",
    preprocess="preprocess:PreprocessTable",
    baseline="baseline:TableBaselines",
    training="train:TrainTable",
    evaluation="evaluate:EvaluateTable",
    exporting="export:ExportTable",
    predictor="predictor:TablePredictor",
    reader="bundle.reader:RowReader",
    proposal="proposal:TableProposer",
    options={
        "keep": Option(
            "columns of the input to repeat in the output, comma-separated, for example ids", metavar="COLUMNS"
        )
    },
)
