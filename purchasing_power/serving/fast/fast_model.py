"""A model for the rows of a request, without the time and memory that scikit-learn takes."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from purchasing_power.model.bundle_files import SCORER
from purchasing_power.model.calibration import calibrated_outputs
from purchasing_power.model.description import Description
from purchasing_power.model.heads.blend import BlendScorer
from purchasing_power.model.predictions import prediction_columns
from purchasing_power.model.table_scorer import TableScorer, stacked
from purchasing_power.model.typical_user import probe_rows
from purchasing_power.serving.fast.blocks import block
from purchasing_power.serving.fast.fitted_parts import Fitted, Unsupported, class_name, read_calibrator, read_scorer
from purchasing_power.serving.rows import RequestColumns, Rows, rows_of_frame
from purchasing_power.snapshot.target import Target
from purchasing_power.snapshot.user_table import UserTableMeta

if TYPE_CHECKING:
    from purchasing_power.model.purchasing_model import PurchasingModel

log = logging.getLogger(__name__)

# Scores or outputs of checked rows.
FastPath = Callable[[Rows], np.ndarray]
LINEAR = ("LogisticRegression", "LinearSVC", "LinearSVR", "Ridge")
# scikit-learn's cost per call is spread over the rows of a larger request.
FAST_ROWS = 16
# Scores are compared to six decimals.
TOLERANCE = 1e-7


@dataclass(frozen=True)
class FastModel:
    """The predictions of a model for checked rows: by the fast path, or by the full model.

    The fast path computes the same sums in numpy; a part that it does not know (a head, a block) runs as it is. It is
    compared with the full model on probe rows first, and left out where one output differs.

    Attributes
    ----------
    meta, target, score_levels
        As :class:`~purchasing_power.model.purchasing_model.PurchasingModel` has them.
    fast_path
        Outputs of checked rows; ``None`` where there is no fast path.
    most
        Rows up to which it is taken.
    full_model
        Gives the full model.
    """

    meta: UserTableMeta
    target: Target
    score_levels: tuple[float, ...]
    fast_path: FastPath | None
    most: int
    full_model: Callable[[], PurchasingModel]

    @classmethod
    def of(cls, model: PurchasingModel) -> FastModel:
        """A full model at hand: it computes many rows, the fast path a few."""
        rows, columns = probe_rows(model.typical, model.meta), RequestColumns.of(model.meta)
        path = fast_path(model.scorer, model.calibrator, model.target, columns)
        agrees = _agrees(path, rows_of_frame(rows, columns), model.outputs(rows))
        return cls(model.meta, model.target, model.score_levels, path if agrees else None, FAST_ROWS, lambda: model)

    @classmethod
    def open(cls, folder: Path) -> FastModel:
        """A bundle: what the fast path computes with is read without scikit-learn; the full model waits until needed.

        Raises
        ------
        DataError
            If the folder is no bundle of this format, or a file holds a class that is not trusted.
        """
        made = Description.read(folder)
        path, full_model = _path_of_bundle(folder, made), _once(lambda: _load(folder))
        if path is None:
            return cls.of(full_model())
        return cls(made.meta, made.target, made.score_levels, path, sys.maxsize, full_model)

    def outputs(self, rows: Rows) -> np.ndarray:
        """Class probabilities or amounts, as ``PurchasingModel.outputs`` gives them."""
        if self.fast_path is None or len(rows) > self.most:
            return self.full_model().outputs(rows.frame)
        return self.fast_path(rows)

    def predict(self, rows: Rows) -> dict[str, np.ndarray]:
        """Columns of a prediction as ``PurchasingModel.predict`` gives them, but the user; shape (n_rows,) each."""
        return prediction_columns(self.target, self.score_levels, self.outputs(rows))


def fast_path(scorer: Any, calibrator: Any, target: Target, columns: RequestColumns) -> FastPath:
    """Outputs of checked rows from fitted objects, or from what was read of their files.

    Raises
    ------
    Unsupported
        If a part that is not known was read of a file, and so cannot run.
    """
    raw = _raw(scorer, columns)
    return lambda rows: calibrated_outputs(calibrator, raw(rows), target)


def _raw(scorer: Any, columns: RequestColumns) -> FastPath:
    if isinstance(scorer, BlendScorer):
        members = [_raw(one, columns) for one in scorer.scorers]
        return lambda rows: scorer.combined([raw(rows) for raw in members])
    if not isinstance(scorer, TableScorer):
        return lambda rows: scorer.raw(rows.frame)
    chosen = [one for one in scorer.features.transformers_ if one[0] != "remainder"]
    blocks = [block(name, fitted, names, columns) for name, fitted, names in chosen]
    weights = scorer.features.transformer_weights or {}
    factors = [float(weights.get(name, 1.0)) for name, _, _ in chosen] if weights else []
    head = scores_of(scorer)
    return lambda rows: head(stacked([part(rows) for part in blocks], factors))


def scores_of(scorer: TableScorer) -> Callable[[Any], np.ndarray]:
    """Uncalibrated scores of rows of the feature matrix: a linear head's as one product, another's by its own code."""
    fitted = scorer.fitted
    if class_name(fitted) not in LINEAR:
        if isinstance(fitted, Fitted):
            raise Unsupported(class_name(fitted))
        return scorer.scores
    weights, intercept = fitted.coef_.T, fitted.intercept_
    if weights.ndim == 2 and weights.shape[1] == 1:
        weights, intercept = weights[:, 0], np.ravel(intercept)[0]
    return lambda X: np.asarray(X @ weights + intercept)


def _path_of_bundle(folder: Path, made: Description) -> FastPath | None:
    columns = RequestColumns.of(made.meta)
    try:
        scorer, calibrator = read_scorer(folder / SCORER, made.params), read_calibrator(folder)
        path = fast_path(scorer, calibrator, made.target, columns)
        rows = rows_of_frame(probe_rows(made.typical, made.meta), columns)
        return path if made.probe_outputs and _agrees(path, rows, made.probe_outputs) else None
    except (Unsupported, AttributeError, OSError):
        # What the library that fitted it cannot read either, it refuses with a reason.
        return None


def _agrees(path: FastPath, rows: Rows, outputs: Any) -> bool:
    outputs = np.asarray(outputs, np.float64)
    agrees = bool(np.allclose(path(rows), outputs, rtol=TOLERANCE, atol=TOLERANCE))
    if not agrees:
        log.warning("fast path: its predictions of probe rows differ from the full model's, which serves alone")
    return agrees


def _load(folder: Path) -> PurchasingModel:
    from purchasing_power.model import bundle

    return bundle.load(folder)


def _once(make: Callable[[], PurchasingModel]) -> Callable[[], PurchasingModel]:
    """The same, made when it is first called for, by one thread."""
    lock = threading.Lock()
    made: list[PurchasingModel] = []

    def get() -> PurchasingModel:
        with lock:
            if not made:
                made.append(make())
            return made[0]

    return get
