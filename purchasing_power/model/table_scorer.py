"""A head on the feature matrix: tabular columns and text representations side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file
from scipy import sparse
from sklearn.compose import ColumnTransformer

from purchasing_power.model import skops_files
from purchasing_power.model.bundle_files import ENCODER, FEATURES, WARM, encoder_reference
from purchasing_power.model.features import set_encoder, transformer
from purchasing_power.model.heads.fitting import Head, fit_head, load_head, raw_scores, save_head
from purchasing_power.model.imbalance import check_imbalance, resampled
from purchasing_power.model.params import ModelParams
from purchasing_power.model.scorer import Fitting, reseeded
from purchasing_power.snapshot.user_table import UserTableMeta
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.store import VectorStore, vectors

CENTRE = "centre.safetensors"


@dataclass(frozen=True)
class TableScorer:
    """Fitted feature blocks and the head on their matrix.

    Attributes
    ----------
    centre
        Means of the fitted rows' matrix, float64, shape (n_columns,): what an explanation compares with.
    """

    params: ModelParams
    features: ColumnTransformer
    head: Head
    centre: np.ndarray

    def matrix(self, frame: pd.DataFrame) -> np.ndarray | sparse.csr_matrix:
        """Feature matrix of prepared rows, shape (n_rows, n_columns)."""
        return self.features.transform(frame)

    def raw(self, frame: pd.DataFrame) -> np.ndarray:
        """Uncalibrated scores; see :class:`~purchasing_power.model.scorer.Scorer`."""
        return raw_scores(self.head, self.matrix(frame))

    def save(self, folder: Path, warm_texts: list[str], store: str | None) -> None:
        """Write features and head to ``folder``, and the encoder beside it, where members of a blend share it."""
        skops_files.dump(self.features, folder / FEATURES)
        save_head(self.head, folder)
        save_file({"centre": self.centre}, folder / CENTRE)
        for reference in self.params.encoders:
            encoder = Encoder.open(reference)
            home = folder.parent / f"encoder-{encoder.store_key}"
            if not home.exists():
                encoder.save(home)
            if warm_texts:
                values = vectors(encoder, warm_texts, VectorStore(store))
                VectorStore(folder.parent / WARM).put(encoder.store_key, warm_texts, values)
            (folder / ENCODER).write_text(json.dumps({"folder": home.name, "runtime": encoder.precision}))


def fit(params: ModelParams, meta: UserTableMeta, fitting: Fitting) -> TableScorer:
    """Fit the feature blocks and the head on the same rows; only the head's rows are resampled."""
    check_imbalance(params, fitting.task)
    features = transformer(params, meta, fitting.seed, fitting.store)
    X = features.fit_transform(fitting.frame, fitting.y)
    centre = np.asarray(X.mean(axis=0), np.float64).ravel()
    fitting = reseeded(fitting, params)
    X, y = resampled(params, X, fitting.y, fitting.task, fitting.seed)
    head = fit_head(params, X, y, fitting.task, fitting.classes, fitting.seed, fitting.threads, fitting.curve)
    return TableScorer(params, features, head, centre)


def load(folder: Path, params: ModelParams, meta: UserTableMeta) -> TableScorer:
    """Load what :meth:`TableScorer.save` wrote."""
    features = skops_files.load(folder / FEATURES)
    reference = encoder_reference(folder)
    if reference is not None:
        set_encoder(features, reference, str(folder.parent / WARM), None)
    return TableScorer(params, features, load_head(folder), load_file(folder / CENTRE)["centre"])
