"""The content of a bundle, which runs a trained network outside the project."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras


@dataclass(frozen=True)
class BundleSpec:
    """The content of a bundle, as a family provides it.

    Attributes:
        task: The name of the family.
        networks: The networks, by the names that the family's reader uses.
        facts: The vocabularies, scales and similar values, as JSON.
        files: The content of files that are not JSON, by file name.
        fixed: The same content for formats that need fixed lengths; None if all lengths are fixed already.
        page_facts: Returns facts that only the web page needs: the content of `files`, as JSON.
        page_fault: The reason why the web page cannot run this network; None if it can.
    """

    task: str
    networks: Mapping[str, keras.Model]
    facts: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)
    fixed: "BundleSpec | None" = None
    page_facts: Callable[[], Mapping[str, Any]] = dict
    page_fault: str | None = None
