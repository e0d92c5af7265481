"""What a family puts into a bundle, for use outside the project."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras


@dataclass(frozen=True)
class BundleSpec:
    """What a family puts into a bundle.

    Attributes:
        task: Name of the family.
        networks: The networks, by the names under which the family's reader asks for them.
        facts: Vocabularies, scales and the like, as JSON.
        files: Name → content of files that are not JSON.
        fixed: The same for formats in which no length may vary; None if no length varies.
        page_facts: Facts that only the web page needs: what `files` hold, as JSON.
        page_fault: Why the web page cannot run this network, if it cannot.
    """

    task: str
    networks: Mapping[str, keras.Model]
    facts: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)
    fixed: "BundleSpec | None" = None
    page_facts: Mapping[str, Any] = field(default_factory=dict)
    page_fault: str | None = None
