"""Training of subword tokenizers."""

import io
from collections.abc import Iterable

from pipeline.data.errors import DataError
from pipeline.families.translation.data.tokenizing import PLAIN, Tokenizer
from pipeline.families.translation.data.tokenizing import pieces as of_pieces

PIECES = 8000


def learned(name: str, sentences: Iterable[str], pieces: int, seed: int, *, is_target: bool) -> Tokenizer:
    """Return a tokenizer trained on sentences; tokenizers that learn nothing ignore them.

    Args:
        name: Name of the tokenizer; see `tokenizer_for`.
        sentences: The sentences to learn from.
        pieces: Maximum number of pieces; 0 for 8000.
        seed: Seed of sentencepiece.
        is_target: Whether translations are written in these pieces: then every character of the sentences is among
            them, as it is. A source is read in Unicode's compatible form (NFKC), without its rarest characters.

    Raises:
        DataError: If `pieces` is too large for the sentences, or too small to cover their characters.
    """
    if name in PLAIN:
        return PLAIN[name]()
    import sentencepiece

    sentencepiece.set_random_generator_seed(seed)
    sentencepiece.set_min_log_level(2)
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            vocab_size=pieces or PIECES,
            model_type=name,
            character_coverage=1.0 if is_target else 0.9999,
            normalization_rule_name="identity" if is_target else "nmt_nfkc",
            hard_vocab_limit=False,
            num_threads=1,
        )
    except (RuntimeError, OSError) as error:
        raise DataError(f"tokenizer {name} with {pieces or PIECES} pieces: {str(error).splitlines()[-1]}") from error
    return of_pieces(model.getvalue())
