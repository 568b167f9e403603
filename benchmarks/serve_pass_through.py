"""A pass-through model: it reads no column and gives a settled row per user, as fast as MLflow can serve one."""

from __future__ import annotations

from typing import Any

import mlflow
from mlflow.pyfunc import PythonModel

PREDICTION = {
    "user_id": "none",
    "score": 0.5,
    "tier": "low",
    "predicted": "low",
    "probability_low": 0.25,
    "probability_middle": 0.25,
    "probability_high": 0.5,
    "expected_spend": 10.0,
    "model_version": "1",
    "stage": "production",
    "loaded_at": "2024-01-01T00:00:00Z",
}


class PassThrough(PythonModel):
    """Type hints make MLflow hand the request over as plain objects: its fastest way."""

    def predict(self, model_input: list[dict[str, Any]], params: Any = None) -> list[dict[str, Any]]:
        """A settled row per user."""
        return [PREDICTION for _ in model_input]


mlflow.models.set_model(PassThrough())
