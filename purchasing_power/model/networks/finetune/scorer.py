"""A language model fine-tuned on the users' documents, with the tabular columns beside them."""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer

from purchasing_power.model import skops_files
from purchasing_power.model.features import transformer
from purchasing_power.model.networks.documents import RowWindows, row_texts, row_windows
from purchasing_power.model.networks.files import ENCODER, HEAD
from purchasing_power.model.networks.objective import Objective, objective
from purchasing_power.model.networks.perceptron import Perceptron
from purchasing_power.model.networks.settings import FinetuneSettings
from purchasing_power.model.params import ModelParams
from purchasing_power.model.scorer import Fitting
from purchasing_power.snapshot.user_table import DOCUMENTS, UserTableMeta
from purchasing_power.text import checkpoint
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.encoder_spec import FLOAT32
from purchasing_power.text.store import VectorStore, vectors
from purchasing_power.text.tokens import Tokens

FEATURES, DESCRIPTION = "features.skops", "network.json"
WARM = "vectors"


@dataclass(frozen=True)
class FinetunedScorer:
    """A fine-tuned encoder, and a perceptron on the mean vector of a row's documents and the tabular columns.

    The encoder is an :class:`~purchasing_power.text.encoder.Encoder` like any other, with a fingerprint of
    its own: each distinct text is encoded once, and its vector cached in the store.

    Attributes
    ----------
    documents
        Most documents of a row that are read, newest first.
    store, warm
        Folders of the vector store and of one that is only read.
    home
        Temporary folder of the encoder's files, which goes with the last scorer that reads them.
    """

    features: ColumnTransformer
    encoder: Encoder
    head: Perceptron
    objective: Objective
    documents: int
    store: str | None = None
    warm: str | None = None
    progress: bool = False
    home: Any = None

    def inputs(self, frame: pd.DataFrame) -> np.ndarray:
        """What the perceptron reads of prepared rows: float32, shape (n_rows, dimension + n_columns)."""
        rows = row_texts(frame[DOCUMENTS], self.documents)
        warm = None if self.warm is None else VectorStore(self.warm)
        values = np.zeros((0, self.encoder.dimension), np.float32)
        if rows.texts:
            values = vectors(self.encoder, rows.texts, VectorStore(self.store), self.progress, warm)
        table = np.asarray(self.features.transform(frame), np.float32)
        return np.hstack([(rows.share @ values) * math.sqrt(self.encoder.dimension), table])

    def raw(self, frame: pd.DataFrame) -> np.ndarray:
        """Uncalibrated scores; see :class:`~purchasing_power.model.scorer.Scorer`."""
        return self.objective.raw(self.head.outputs(self.inputs(frame)))

    def save(self, folder: Path, warm_texts: list[str], store: str | None) -> None:
        """Write the fine-tuned encoder, the perceptron and the tabular blocks; the encoder is this model's own."""
        skops_files.dump(self.features, folder / FEATURES)
        self.encoder.save(folder / ENCODER)
        self.head.save(folder / HEAD)
        description = {"objective": self.objective.to_dict(), "runtime": self.encoder.precision}
        (folder / DESCRIPTION).write_text(json.dumps(description))
        if warm_texts:
            values = vectors(self.encoder, warm_texts, VectorStore(store))
            VectorStore(folder.parent / WARM).put(self.encoder.store_key, warm_texts, values)


def fit(
    settings: FinetuneSettings, documents: int, params: ModelParams, meta: UserTableMeta, fitting: Fitting
) -> FinetunedScorer:
    """Fine-tune the language model that ``params.encoder`` names, end to end with a perceptron.

    Part of the fitted rows is held out to stop by; see :func:`~purchasing_power.model.networks.holdout.hold_out`.
    With a workspace, a killed fit goes on from its last checkpoint when the same is fitted again.

    Parameters
    ----------
    documents
        Most documents of a row that are read.

    Raises
    ------
    DataError
        If the encoder cannot be loaded, or head, ``loss``, ``imbalance`` or ``frozen_layers`` do not go with the data.
    """
    from purchasing_power.model.networks.finetune.fit import Finetuning

    goal = objective(params, fitting.y, fitting.task, fitting.classes)
    features = transformer(params, meta, fitting.seed)
    table = np.asarray(features.fit_transform(fitting.frame, fitting.y), np.float32)

    def texts(tokens: Tokens) -> RowWindows:
        return row_windows(row_texts(fitting.frame[DOCUMENTS], documents), tokens)

    home = tempfile.TemporaryDirectory(prefix="finetuned-")
    seeded = fitting.reseeded(params.seed)
    Finetuning(settings, params, meta, seeded, goal, table, texts).write(Path(home.name))
    return FinetunedScorer(
        features=features,
        encoder=_encoder(Path(home.name, ENCODER), params.encoder),
        head=Perceptron.load(Path(home.name, HEAD)),
        objective=goal,
        documents=documents,
        store=fitting.store,
        progress=fitting.progress,
        home=home,
    )


def load(folder: Path, documents: int) -> FinetunedScorer:
    """Load what :meth:`FinetunedScorer.save` wrote."""
    description = json.loads((folder / DESCRIPTION).read_text())
    return FinetunedScorer(
        features=skops_files.load(folder / FEATURES),
        encoder=Encoder.open(f"{folder / ENCODER}?runtime={description['runtime']}"),
        head=Perceptron.load(folder / HEAD),
        objective=Objective.from_dict(description["objective"]),
        documents=documents,
        warm=str(folder.parent / WARM),
    )


def _encoder(folder: Path, reference: str) -> Encoder:
    """The fine-tuned encoder in a folder, run as the one that it was trained from."""
    source, wanted = checkpoint.find(str(folder)), Encoder.open(reference)
    # In torch, since an exported graph of every trial's model would be kept. Not opened for the whole process: the
    # models of all trials of a study would stay in memory.
    return Encoder(source, source.fingerprint(), FLOAT32, wanted.device)
