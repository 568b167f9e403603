"""The naive pipeline as a plain MLflow model: tokenise, BERT, logistic regression, on every request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import torch
from mlflow.pyfunc import PythonModel, PythonModelContext
from safetensors.numpy import load_file
from transformers import AutoModel, AutoTokenizer


class Naive(PythonModel):
    """The classifier's weights and the language model, loaded once per worker."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the language model and the weights."""
        encoder = context.artifacts["encoder"]
        self.tokenizer = AutoTokenizer.from_pretrained(encoder)
        self.encoder = AutoModel.from_pretrained(encoder).eval()
        self.weights = load_file(Path(context.artifacts["weights"]))

    def predict(self, context: PythonModelContext, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Probability of class 1 of each row."""
        texts = [" ".join(documents) for documents in model_input["documents"]]
        tokens = self.tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
        with torch.no_grad():
            hidden = self.encoder(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1)
        vectors = ((hidden * mask).sum(1) / mask.sum(1)).numpy()
        numbers = model_input.drop(columns=["user_id", "documents"]).select_dtypes("number").to_numpy(np.float64)
        numbers = (np.nan_to_num(numbers) - self.weights["means"]) / self.weights["scales"]
        margins = np.hstack([numbers, vectors]) @ self.weights["coefficients"] + self.weights["intercept"]
        return pd.DataFrame({"score": 1 / (1 + np.exp(-margins))})


mlflow.models.set_model(Naive())
