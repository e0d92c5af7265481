"""Compare an exported table network with Keras."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.families.table.data.arrays import Arrays
from pipeline.families.table.metrics.kinds import kind_of
from pipeline.families.table.models.outputs import inputs_of, inputs_with
from pipeline.storage import PROCESSED
from pipeline.tasks import SAMPLES, Batches, ExportTask

if TYPE_CHECKING:
    import keras

SCORED = 10_000
"""Maximum number of validation rows on which formats of reduced precision are scored."""
BATCH = 512


class ExportTable(ExportTask):
    """Compares outputs on encoded test rows, and the headline score on validation rows."""

    def encoded_samples(self, predictor: Any, networks: Mapping[str, "keras.Model"]) -> Batches:
        """Return the first encoded test rows."""
        rows = inputs_with(predictor.crosses, Arrays.load(PROCESSED / "test"), SAMPLES)
        return {name: [inputs_of(network, rows)] for name, network in networks.items()}

    def exported_score(self, predictor: Any, exported: Any, networks: Mapping[str, Any]) -> tuple[str, float, int]:
        """Score validation rows that are evenly spread over the split."""
        val, network = Arrays.load(PROCESSED / "val"), networks["network"]
        rows = val[np.linspace(0, len(val) - 1, min(len(val), SCORED)).astype(np.int64)]
        inputs = inputs_with(predictor.crosses, rows)
        parts = [
            network(**{name: inputs[name][start : start + BATCH] for name in network.inputs})
            for start in range(0, len(rows), BATCH)
        ]
        value = kind_of(self.schema).score(rows.target, np.concatenate(parts))(np.ones(len(rows)))[self.headline]
        # With folds, all networks but one were trained on these rows.
        name = f"{self.headline}_in_sample" if self.config.data.folds > 1 else self.headline
        return name, value, len(rows)
