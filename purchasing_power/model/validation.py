"""Cross-validation within the known rows: what tuning and training judge parameters by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import average_precision_score, r2_score, roc_auc_score

from purchasing_power.model.calibration import calibrated
from purchasing_power.model.comparison import MetricName
from purchasing_power.model.features import block_key, blocks, prepare
from purchasing_power.model.heads import fit_head, one_blas_thread, raw_scores
from purchasing_power.model.params import ModelParams
from purchasing_power.model.purchasing_model import dense
from purchasing_power.snapshot.target import Target, fit_target
from purchasing_power.snapshot.user_table import UserTable

Pair = tuple[np.ndarray, np.ndarray]


@dataclass
class CrossValidation:
    """Folds of a user table with every feature block computed once per fold.

    Attributes
    ----------
    table, folds
        The user table and (fitted, scored) positions of its rows.
    target_name, positive
        As ``fit_target`` takes them; thresholds are learned anew on each fold's fitted rows.
    seed, store, threads
        As ``purchasing_model.fit`` takes them.
    """

    table: UserTable
    folds: list[Pair]
    target_name: str
    positive: str = "auto"
    seed: int = 0
    store: str | None = None
    threads: int = 0
    _blocks: dict[tuple[Any, ...], Pair] = field(default_factory=dict)
    _targets: dict[int, Target] = field(default_factory=dict)

    @one_blas_thread
    def scores(self, params: ModelParams, after: Callable[[int, float], None] | None = None) -> list[float]:
        """The primary metric on each fold, earliest fold first.

        Parameters
        ----------
        after
            Called with (fold number, score) after each fold; what it raises ends the evaluation.
        """
        results = []
        for number in range(len(self.folds)):
            results.append(self._score_fold(number, params))
            if after is not None:
                after(number, results[-1])
        return results

    def _score_fold(self, number: int, params: ModelParams) -> float:
        fit_rows, score_rows = self.folds[number]
        if number not in self._targets:
            self._targets[number] = fit_target(self.target_name, self.table, fit_rows, self.positive)
        target = self._targets[number]
        pairs = [
            self._block(number, params, name) for name, _, _ in blocks(params, self.table.meta, self.seed)
        ]
        X, later = (np.hstack([pair[side] for pair in pairs]) for side in (0, 1))
        frame = self.table.frame
        y = target.labels(frame.iloc[fit_rows])
        head = fit_head(params, X, y, target.task, len(target.classes), self.seed, self.threads)
        outputs = calibrated(None, raw_scores(head, later), target.task)
        return primary_score(target, target.labels(frame.iloc[score_rows]), outputs)

    def _block(self, number: int, params: ModelParams, name: str) -> Pair:
        key = (number, *block_key(name, params))
        if key not in self._blocks:
            fit_rows, score_rows = self.folds[number]
            chosen = {block: (made, columns) for block, made, columns in self._made(params)}
            made, columns = chosen[name]
            before = prepare(self.table.frame.iloc[fit_rows], self.table.meta)[columns]
            later = prepare(self.table.frame.iloc[score_rows], self.table.meta)[columns]
            self._blocks[key] = _fit_block(made, before, later)
        return self._blocks[key]

    def _made(self, params: ModelParams) -> list[tuple[str, Any, list[str]]]:
        return blocks(params, self.table.meta, self.seed, self.store)


def primary_metric(target: Target) -> MetricName:
    """Name of the figure a model is chosen by.

    ``average_precision`` of the positive class, ``auc_macro`` (one against the rest) where no class is
    positive, ``r2`` for a regression.
    """
    if target.task == "regression":
        return "r2"
    return "auc_macro" if target.positive is None else "average_precision"


def primary_score(target: Target, y: np.ndarray, outputs: np.ndarray) -> float:
    """The primary metric; NaN where the rows hold a single class."""
    metric = primary_metric(target)
    if metric == "r2":
        return float(r2_score(y, outputs))
    if metric == "auc_macro":
        present = [code for code in range(outputs.shape[1]) if 0 < (y == code).sum() < len(y)]
        return float(np.mean([roc_auc_score(y == code, outputs[:, code]) for code in present]))
    positive = y == target.positive
    return (
        float(average_precision_score(positive, outputs[:, int(target.positive or 0)]))
        if positive.any()
        else np.nan
    )


def _fit_block(made: Any, before: Any, later: Any) -> Pair:
    if made == "passthrough":
        return before.to_numpy(np.float64), later.to_numpy(np.float64)
    fitted = clone(made)
    return dense(fitted.fit_transform(before)), dense(fitted.transform(later))
