"""Cross-validation within the known rows: what tuning and training compare parameters by."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from scipy import sparse
from sklearn.base import clone

from purchasing_power.errors import DataError
from purchasing_power.evaluation.target_metrics import primary_score
from purchasing_power.model.calibration import calibrated
from purchasing_power.model.features import block_key, block_weight, blocks, prepare
from purchasing_power.model.heads import blend
from purchasing_power.model.imbalance import resampled
from purchasing_power.model.params import ModelParams
from purchasing_power.model.purchasing_model import fitting
from purchasing_power.model.scorer import RunSettings, one_blas_thread
from purchasing_power.model.table_scorer import MatrixFitting, MatrixHead, stacked
from purchasing_power.snapshot.target import Target, fit_target
from purchasing_power.snapshot.user_table import UserTable

# A study of many trials would else fill the memory of the machine.
BLOCK_BYTES, OUTPUT_BYTES = 2 << 30, 1 << 28
T = TypeVar("T")
Pair = tuple[np.ndarray, np.ndarray]
BlockPair = tuple[Any, Any]


@dataclass(frozen=True)
class FoldScores:
    """The primary metric of parameters on each fold, and what else it depends on.

    Attributes
    ----------
    users
        Digest of the user table.
    params
        As :meth:`ModelParams.to_dict` gives them.
    scores
        One per fold, earliest fold first.
    """

    users: str
    target: str
    positive: str
    seed: int
    params: dict[str, Any]
    scores: tuple[float, ...]

    def to_json(self) -> str:
        """Everything, as a text."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def read(cls, path: Path) -> FoldScores:
        """What :meth:`to_json` gave, from a file."""
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**values, "scores": tuple(values["scores"])})


@dataclass(frozen=True)
class CrossValidation(RunSettings):
    """Folds of a user table with every feature block computed once per fold.

    Attributes
    ----------
    table, folds
        The user table and (fitted, scored) positions of its rows.
    target_name, positive
        As ``fit_target`` takes them; thresholds are learned anew on each fold's fitted rows. Give the full name that
        was chosen on all training rows: ``auto`` and ``tier`` could come out differently on a fold's rows.
    """

    table: UserTable
    folds: list[Pair]
    target_name: str
    positive: str = "auto"
    _blocks: dict[tuple[Any, ...], BlockPair] = field(default_factory=dict)
    _targets: dict[int, Target] = field(default_factory=dict)
    _outputs: dict[tuple[int, ModelParams], np.ndarray] = field(default_factory=dict)

    def scores(self, params: ModelParams, after: Callable[[int, float], None] | None = None) -> list[float]:
        """The primary metric on each fold, earliest fold first.

        Parameters
        ----------
        after
            Called with (fold number, score) after each fold; what it raises ends the evaluation.
        """
        results = []
        for number in range(len(self.folds)):
            results.append(self.score(number, self.outputs(number, params)))
            if after is not None:
                after(number, results[-1])
        return results

    def fold_scores(self, params: ModelParams, scores: Sequence[float]) -> FoldScores:
        """Scores of parameters on these folds, as another run may take them over."""
        # What JSON gives back is compared with what was never written.
        flat = json.loads(json.dumps(params.to_dict()))
        target = self.target(0).full_name
        return FoldScores(self.table.digest(), target, self.positive, self.seed, flat, tuple(scores))

    def score(self, number: int, outputs: np.ndarray) -> float:
        """The primary metric of outputs on a fold's scored rows."""
        target = self.target(number)
        return primary_score(target, self.labels(number), outputs)

    def labels(self, number: int) -> np.ndarray:
        """Labels of a fold's scored rows, shape (n,)."""
        return self.target(number).labels(self.table.frame.iloc[self.folds[number][1]])

    def target(self, number: int) -> Target:
        """The target as a fold's fitted rows define it."""
        if number not in self._targets:
            fit_rows = self.folds[number][0]
            self._targets[number] = fit_target(self.target_name, self.table, fit_rows, self.positive)
        return self._targets[number]

    @one_blas_thread
    def outputs(self, number: int, params: ModelParams) -> np.ndarray:
        """Uncalibrated probabilities or amounts of a fold's scored rows, from a fit on its fitted rows.

        They are remembered up to ``OUTPUT_BYTES``, so that a blend of models that were tried before costs nothing.
        """
        return cached(self._outputs, (number, params), lambda: self._fresh_outputs(number, params), OUTPUT_BYTES)

    def _fresh_outputs(self, number: int, params: ModelParams) -> np.ndarray:
        if params.members:
            parts = [self.outputs(number, member.params) for member in params.members]
            return blend.mean(parts, [member.weight for member in params.members])
        if isinstance(params.head, MatrixHead):
            raw = self._matrix_raw(number, params, params.head)
        else:
            raw = self._text_raw(number, params)
        return calibrated(None, raw, self.target(number).task)

    def _matrix_raw(self, number: int, params: ModelParams, head: MatrixHead) -> np.ndarray:
        target, frame = self.target(number), self.table.frame
        pairs = [self._block(number, params, name) for name, _, _ in self._made(params)]
        weights = [block_weight(name, params) for name, _, _ in self._made(params)]
        X, later = (stacked([pair[side] for pair in pairs], weights) for side in (0, 1))
        y = target.labels(frame.iloc[self.folds[number][0]])
        seed = self.seed + params.seed
        X, y = resampled(params, X, y, target.task, seed)
        given = MatrixFitting(params, target.task, len(target.classes), seed, self.threads)
        return head.raw(head.fit_matrix(X, y, given), later)

    def _text_raw(self, number: int, params: ModelParams) -> np.ndarray:
        target, meta = self.target(number), self.table.meta
        before, later = (self.table.frame.iloc[rows] for rows in self.folds[number])
        fitted = params.head.fit(params, meta, fitting(before, meta, target, self))
        return fitted.raw(prepare(later, meta))

    def _block(self, number: int, params: ModelParams, name: str) -> BlockPair:
        key = (number, *block_key(name, params))
        return cached(self._blocks, key, lambda: self._fresh_block(number, params, name), BLOCK_BYTES)

    def _fresh_block(self, number: int, params: ModelParams, name: str) -> BlockPair:
        chosen = {block: (made, columns) for block, made, columns in self._made(params)}
        made, columns = chosen[name]
        fit_rows, score_rows = (self.table.frame.iloc[rows] for rows in self.folds[number])
        before, later = (prepare(rows, self.table.meta)[columns] for rows in (fit_rows, score_rows))
        return _fit_block(made, before, later, self.target(number).labels(fit_rows))

    def _made(self, params: ModelParams) -> list[tuple[str, Any, list[str]]]:
        return blocks(params, self.table.meta, self.seed, self.store)


def scorable(table: UserTable, pairs: list[Pair], target_name: str, positive: str = "auto") -> list[Pair]:
    """The folds of a panel whose fitted rows hold every class of the target, and whose scored rows can rank its score.

    Where few users buy, early folds may have none of a class. All folds of a flat table are kept.

    Raises
    ------
    DataError
        If no fold is left.
    """
    if table.meta.kind == "flat":
        return pairs
    kept = [pair for pair in pairs if _is_scorable(table, pair, target_name, positive)]
    if not kept:
        raise DataError(
            f"folds: none of {len(pairs)} has rows of every class of the target {target_name} to fit on, and rows of "
            "more than one to score. Set target=auto, an earlier first_cutoff or a longer horizon (-P horizon=DAYS)."
        )
    return kept


def _is_scorable(table: UserTable, pair: Pair, target_name: str, positive: str) -> bool:
    try:
        target = fit_target(target_name, table, pair[0], positive)
    except DataError:
        return False
    labels = target.labels(table.frame.iloc[pair[1]])
    return target.task == "regression" or 0 < int((labels == target.positive).sum()) < len(labels)


def _fit_block(made: Any, before: Any, later: Any, y: np.ndarray) -> BlockPair:
    if made == "passthrough":
        return before.to_numpy(np.float64), later.to_numpy(np.float64)
    fitted = clone(made)
    return fitted.fit_transform(before, y), fitted.transform(later)


def cached(cache: dict[Any, T], key: Hashable, make: Callable[[], T], limit: int) -> T:
    """The result under ``key``, made where it is missing.

    Parameters
    ----------
    cache
        Results by key, the one longest unused first; the last one used stays whatever its size.
    limit
        Bytes that the results may take together.
    """
    value = cache.pop(key) if key in cache else make()
    cache[key] = value
    size = sum(map(_bytes, cache.values()))
    while size > limit and len(cache) > 1:
        size -= _bytes(cache.pop(next(iter(cache))))
    return value


def _bytes(value: Any) -> int:
    if isinstance(value, tuple):
        return sum(map(_bytes, value))
    if sparse.issparse(value):
        return value.data.nbytes + value.indices.nbytes + value.indptr.nbytes
    return int(value.nbytes)
