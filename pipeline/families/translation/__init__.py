"""Translation of sentences: LSTM and Transformer encoder-decoders, beam search, BLEU."""

from pipeline.config.registry import Family, Option
from pipeline.families.translation.settings import (
    BEAM,
    MONITORS,
    Attention,
    Seq2Seq,
    Transformer,
    TranslationData,
    TranslationEvaluate,
    TranslationTrain,
)

FAMILY = Family(
    name="translation",
    data=TranslationData,
    models={"seq2seq": Seq2Seq, "attention": Attention, "transformer": Transformer},
    train=TranslationTrain,
    evaluate=TranslationEvaluate,
    monitors=MONITORS,
    schema="data.schema:CorpusSchema",
    preprocess="preprocess:PreprocessCorpus",
    baseline="baseline:TranslationBaselines",
    training="train:TrainTranslation",
    evaluation="evaluate:EvaluateTranslation",
    exporting="export:ExportTranslation",
    predictor="predictor:TranslationPredictor",
    reader="bundle.reader:SentenceReader",
    proposal="proposal:TranslationProposer",
    options={
        "beam": Option(
            "beam size: candidate translations kept at each step; 1: greedy; default: that of the experiment",
            Option.whole(1, BEAM),
        ),
        "nbest": Option(
            "translations to write per sentence, as tab-separated sentence number, score and text",
            Option.whole(1, BEAM),
        ),
    },
)
