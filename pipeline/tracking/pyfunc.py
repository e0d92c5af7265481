"""The MLflow model, which maps raw rows to predictions. MLflow runs this file; nothing is pickled."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pyarrow as pa
from mlflow.pyfunc import PythonModel
from mlflow.pyfunc.model import PythonModelContext


class RawModel(PythonModel):
    """An MLflow model that loads the files of the train stage."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the network and the schema."""
        from pipeline.tasks import predictor_for

        self._predictor = predictor_for(Path(context.artifacts["models"]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return a frame of predictions, one row per row of the input frame."""
        rows = pa.Table.from_pandas(model_input, preserve_index=False)
        predictions: pd.DataFrame = self._predictor(rows).to_pandas()
        return predictions.set_index(model_input.index)


mlflow.models.set_model(RawModel())
