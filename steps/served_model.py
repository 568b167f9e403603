"""The model as MLflow serves it (models-from-code): a bundle behind ``predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext

from purchasing_power.model import bundle


class ServedModel(PythonModel):
    """Loads the bundle once per worker and predicts a row per user."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the bundle; it holds no pickle and needs no network."""
        self.model = bundle.load(Path(context.artifacts["bundle"]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Score, tier, class probabilities and expected spend of each user; see ``PurchasingModel.predict``."""
        return self.model.predict(model_input)


mlflow.models.set_model(ServedModel())
