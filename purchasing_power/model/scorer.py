"""Scorers: what turns the rows of a user table into raw scores, whatever the head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

# Matrices here are small: a second BLAS thread costs three times the time on two quiet cores, and far more
# on busy ones. LightGBM's own threads are not touched.
one_blas_thread = threadpool_limits.wrap(limits=1, user_api="blas")

# Takes (name, value, step) while a network is trained: its loss curve.
Curve = Callable[[str, float, int], None]


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """How models are fitted, whatever they are fitted on.

    Attributes
    ----------
    seed
        Seed of everything random.
    store
        Folder of the vector store; ``None`` keeps vectors in this process.
    workspace
        Folder for the checkpoints of a long fit; ``None`` takes a temporary one.
    threads
        Threads a fit may use; 0 takes all cores.
    progress
        Show bars.
    """

    seed: int = 0
    store: str | None = None
    workspace: str | None = None
    threads: int = 0
    progress: bool = False

    @property
    def run_settings(self) -> dict[str, Any]:
        """These settings by name, for who takes them among others."""
        return {one.name: getattr(self, one.name) for one in fields(RunSettings)}


@dataclass(frozen=True)
class Fitting(RunSettings):
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
    curve
        Called with (name, value, step) while a network is trained.
    """

    frame: pd.DataFrame
    y: np.ndarray
    task: str
    classes: int
    curve: Curve | None = None

    def reseeded(self, seed: int) -> Fitting:
        """The same with a seed added that the head draws by; feature blocks take the run's own."""
        return replace(self, seed=self.seed + seed)


class Scorer(Protocol):
    """A fitted model without its calibration."""

    def raw(self, frame: pd.DataFrame) -> np.ndarray:
        """Uncalibrated scores of prepared rows.

        Shape (n,) for two classes (log-odds or margin of class 1) and a regression (amount), else (n, classes).
        """

    def save(self, folder: Path, warm_texts: list[str], store: str | None) -> None:
        """Write everything that ``Head.load`` needs offline, without pickle, to an existing folder.

        Parameters
        ----------
        warm_texts
            Texts whose vectors go along, so that a request with them needs no encoder run.
        store
            Folder of the vector store to take those vectors from.
        """
