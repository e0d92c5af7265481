"""Preparation of a text: characters are counted and encoded, and the last parts are held out."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.errors import DataError
from pipeline.data.splits import SPLITS
from pipeline.data.utf8 import read_text
from pipeline.families.text.data.schema import CONTEXT, UNKNOWN, TextSchema
from pipeline.families.text.settings import TextData
from pipeline.storage import sealed_folder


def prepare_text(
    settings: TextData, prepared: dict[str, Any], folder: Path, out: Path, task: str
) -> tuple[TextSchema, list[dict[str, str]]]:
    """Write the prepared text to `out` atomically.

    Args:
        settings: The `data` section.
        prepared: The `data` section as a dictionary, for the schema.
        folder: The folder of the raw file.
        out: The folder to write.
        task: Name of the family.

    Returns:
        The schema, and warnings with the keys `kind`, `subject` and `text`.

    Raises:
        DataError: If the file cannot be read or is too short.
    """
    raw = read_text(folder / settings.file)
    text = raw.lower() if settings.lowercase else raw
    counts = Counter(text)
    known = {character for character, count in counts.items() if count >= settings.min_count}
    rare = sum(count for character, count in counts.items() if character not in known)
    # Splits are consecutive, so that the held-out parts come after the training part.
    test = int(len(text) * settings.test_fraction)
    val = int(len(text) * settings.validation_fraction)
    sizes = {"train": len(text) - val - test, "val": val, "test": test}
    if min(sizes.values()) < 2:
        parts = ", ".join(f"{count:,} {name}" for name, count in sizes.items())
        raise DataError(
            f"{settings.file}: {len(text):,} characters are too few to split ({parts}; each part needs at least 2); "
            "use a longer text or change data.validation_fraction and data.test_fraction"
        )
    schema = TextSchema(
        task=task,
        prepared=prepared,
        characters="".join(sorted(known | ({UNKNOWN} if rare else set()))),
        lowercase=settings.lowercase,
        lengths=sizes,
        rare=rare,
        sha256=hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest(),
    )
    numbers, end = schema.numbers(text), 0
    warnings = []
    with sealed_folder(out) as scratch:
        for name in SPLITS:
            begin, end = end, end + sizes[name]
            before = min(CONTEXT, begin)
            (scratch / name).mkdir()
            np.save(scratch / name / "text.npy", numbers[begin - before : end])
            new = set(np.unique(numbers[begin:end]).tolist()) - set(np.unique(numbers[: sizes["train"]]).tolist())
            if new:
                unseen = "".join(schema.characters[number] for number in sorted(new)[:20])
                message = f"{len(new)} characters do not occur in the training part: {unseen!r}"
                warnings.append({"kind": "unseen", "subject": name, "text": message})
        schema.save(scratch)
    return schema, warnings
