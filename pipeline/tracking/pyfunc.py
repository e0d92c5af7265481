"""The model that MLflow stores: raw rows in, predictions out. MLflow runs this file; nothing is pickled."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pyarrow as pa
from mlflow.pyfunc import PythonModel
from mlflow.pyfunc.model import PythonModelContext


class RawModel(PythonModel):
    """Loads what the train stage saved."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load network and schema."""
        from pipeline.tasks import predictor_for

        self._predictor = predictor_for(Path(context.artifacts["models"]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return a frame of predictions, a row for each row of the input frame."""
        rows = pa.Table.from_pandas(model_input, preserve_index=False)
        found: pd.DataFrame = self._predictor(rows).to_pandas()
        return found.set_index(model_input.index)


mlflow.models.set_model(RawModel())
