"""Scorers: what turns the rows of a user table into raw scores, whatever the head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from purchasing_power.model.params import TABLE_HEADS, ModelParams
from purchasing_power.snapshot.user_table import UserTableMeta

# Modules with the functions ``fit`` and ``load`` of each head that is not on the feature matrix.
MODULES = {
    "blend": "heads.blend",
    "textcnn": "networks.text_cnn",
    "finetuned": "networks.finetune.scorer",
}


@dataclass(frozen=True)
class Fitting:
    """The rows and settings that a scorer is fitted with.

    Attributes
    ----------
    frame
        Rows that ``features.prepare`` gave, n of them, with ``documents``, and with ``user_id`` and
        ``cutoff`` where the table has them.
    y
        Class codes 0..classes-1, or amounts; shape (n,).
    task, classes
        ``"binary"``, ``"multiclass"`` or ``"regression"``, and the number of classes (0 for a regression).
    store
        Folder of the vector store; ``None`` keeps vectors in this process.
    workspace
        Folder for the checkpoints of a long fit; ``None`` takes a temporary one.
    threads
        Threads a fit may use; 0 takes all cores.
    progress
        Show bars.
    curve
        Told (name, value, step) while a network is trained: its loss curve.
    """

    frame: pd.DataFrame
    y: np.ndarray
    task: str
    classes: int
    seed: int = 0
    store: str | None = None
    workspace: str | None = None
    threads: int = 0
    progress: bool = False
    curve: Callable[[str, float, int], None] | None = None


def reseeded(fitting: Fitting, params: ModelParams) -> Fitting:
    """The same with the seed that the head of ``params`` draws by; feature blocks take the run's own."""
    return replace(fitting, seed=fitting.seed + params.seed)


class Scorer(Protocol):
    """A fitted model without its calibration."""

    def raw(self, frame: pd.DataFrame) -> np.ndarray:
        """Uncalibrated scores of prepared rows.

        Shape (n,) for two classes (log-odds or margin of class 1) and a regression (amount), else (n, classes).
        """

    def save(self, folder: Path, warm_texts: list[str], store: str | None) -> None:
        """Write everything that ``load_scorer`` needs offline, without pickle, to an existing folder.

        Parameters
        ----------
        warm_texts
            Texts whose vectors go along, so that a request with them needs no encoder run.
        store
            Folder of the vector store to take those vectors from.
        """


def fit_scorer(params: ModelParams, meta: UserTableMeta, fitting: Fitting) -> Scorer:
    """Fit the scorer that ``params.head`` names on the given rows."""
    return _module(params.head).fit(params, meta, fitting)


def load_scorer(folder: Path, params: ModelParams, meta: UserTableMeta) -> Scorer:
    """Load what ``Scorer.save`` wrote."""
    return _module(params.head).load(folder, params, meta)


def _module(head: str) -> Any:
    # Networks need torch, and a blend needs the others: each is imported only where it is used.
    return import_module(f"purchasing_power.model.{'table_scorer' if head in TABLE_HEADS else MODULES[head]}")
