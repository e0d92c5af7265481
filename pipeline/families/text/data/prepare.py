"""From a raw text to numbers: characters counted, the last parts held out."""

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
from pipeline.storage import new_folder


def prepare_text(
    settings: TextData, prepared: dict[str, Any], folder: Path, out: Path, task: str
) -> tuple[TextSchema, list[dict[str, str]]]:
    """Prepare a text; `out` appears whole or not at all.

    Args:
        settings: The `data` section.
        prepared: The same as a dictionary, for the schema.
        folder: The folder of the raw file.
        out: The folder to write.
        task: Name of the family.

    Returns:
        What was found, and warnings: kind, subject, text.

    Raises:
        DataError: A file that cannot be read, or is too short.
    """
    found = read_text(folder / settings.file)
    text = found.lower() if settings.lowercase else found
    counts = Counter(text)
    known = {character for character, count in counts.items() if count >= settings.min_count}
    rare = sum(count for character, count in counts.items() if character not in known)
    # The first split ends where the second begins: what is held out comes after what is learned.
    test = int(len(text) * settings.test_fraction)
    val = int(len(text) * settings.validation_fraction)
    sizes = {"train": len(text) - val - test, "val": val, "test": test}
    if min(sizes.values()) < 2:
        shown = ", ".join(f"{count:,} {name}" for name, count in sizes.items())
        raise DataError(f"{settings.file}: {len(text):,} characters are too few to learn and hold out ({shown})")
    schema = TextSchema(
        task=task,
        prepared=prepared,
        characters="".join(sorted(known | ({UNKNOWN} if rare else set()))),
        lowercase=settings.lowercase,
        lengths=sizes,
        rare=rare,
        sha256=hashlib.sha256(found.encode("utf-8", "surrogatepass")).hexdigest(),
    )
    numbers, end = schema.numbers(text), 0
    warnings = []
    with new_folder(out) as scratch:
        for name in SPLITS:
            begin, end = end, end + sizes[name]
            before = min(CONTEXT, begin)
            (scratch / name).mkdir()
            np.save(scratch / name / "text.npy", numbers[begin - before : end])
            new = set(np.unique(numbers[begin:end]).tolist()) - set(np.unique(numbers[: sizes["train"]]).tolist())
            if new:
                shown = "".join(schema.characters[number] for number in sorted(new)[:20])
                warnings.append(
                    {"kind": "unseen", "subject": name, "text": f"{len(new)} characters that training lacks: {shown!r}"}
                )
        schema.save(scratch)
    return schema, warnings
