"""Character-level text: networks that predict the next character and generate text."""

from pipeline.config.registry import Family, Option
from pipeline.families.text.settings import MONITORS, CharRnn, CharWindow, TextData, TextEvaluate, TextTrain

FAMILY = Family(
    name="text",
    data=TextData,
    models={"char_window": CharWindow, "char_rnn": CharRnn},
    train=TextTrain,
    evaluate=TextEvaluate,
    monitors=MONITORS,
    schema="data.schema:TextSchema",
    preprocess="preprocess:PreprocessText",
    baseline="baseline:TextBaselines",
    training="train:TrainText",
    evaluation="evaluate:EvaluateText",
    exporting="export:ExportText",
    predictor="predictor:TextPredictor",
    reader="bundle.reader:TextReader",
    proposal="proposal:TextProposer",
    options={
        "prompt": Option("the text to continue, instead of an input file", metavar="TEXT"),
        "length": Option("characters to write; default: 500", Option.whole(1)),
        "temperature": Option("sampling temperature, above 0; lower is less random; default: 0.7", Option.number),
        "top_k": Option("sample from this many most probable characters; 0: from all; default: 0", Option.whole(0)),
        "top_p": Option(
            "sample from the most probable characters that reach this probability; default: 1", Option.number
        ),
        "seed": Option("seed of the sampling; the same seed gives the same text; default: 0", Option.whole()),
    },
)
