"""A fitted purchasing-power model: a scorer and its calibration behind one ``predict``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.model.calibration import Calibrator, calibrated, calibrated_outputs, fit_calibrator
from purchasing_power.model.description import Training
from purchasing_power.model.features import prepare
from purchasing_power.model.params import ModelParams
from purchasing_power.model.predictions import prediction_columns, ranking_score, tier_levels
from purchasing_power.model.scorer import Curve, Fitting, RunSettings, Scorer, one_blas_thread
from purchasing_power.model.splits import Split
from purchasing_power.model.typical_user import typical_values
from purchasing_power.snapshot.target import Target
from purchasing_power.snapshot.user_table import CUTOFF, USER, UserTable, UserTableMeta

DEFAULTS = RunSettings()


@dataclass(frozen=True)
class PurchasingModel:
    """Everything a prediction needs.

    Attributes
    ----------
    score_levels
        Scores at which the next tier begins, see :func:`~purchasing_power.model.predictions.tier_levels`.
    seen
        Keys (uint64, ascending) of the rows fitted and calibrated on, see :func:`row_keys`.
    typical
        Median or most frequent value of each feature on the fitted rows, ``None`` where none has any: what
        an explanation compares with.
    """

    params: ModelParams
    meta: UserTableMeta
    target: Target
    scorer: Scorer
    calibrator: Calibrator
    score_levels: tuple[float, ...]
    training: Training
    seen: np.ndarray
    typical: dict[str, float | str | None]

    def prepared(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Feature columns and documents as the scorer takes them.

        Raises
        ------
        DataError
            If a feature column is missing or holds something that is no number where one is due.
        """
        return prepare(frame, self.meta)

    def outputs(self, frame: pd.DataFrame) -> np.ndarray:
        """Calibrated class probabilities, shape (n_rows, classes), or amounts, shape (n_rows,)."""
        return calibrated_outputs(self.calibrator, self.scorer.raw(self.prepared(frame)), self.target)

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Predict a row per user.

        Returns
        -------
        pd.DataFrame
            ``user_id`` (where given), ``score`` (probability of the positive class, or the predicted
            amount) and ``tier`` (low, middle, high, or none) unless the label has more than two classes and none
            was named positive, ``predicted`` and ``probability_<class>`` for classes, ``expected_spend``
            (currency) where spend is what is predicted.
        """
        columns: dict[str, Any] = {name: frame[name].to_numpy() for name in (USER,) if name in frame}
        return pd.DataFrame(columns | prediction_columns(self.target, self.score_levels, self.outputs(frame)))

    def unseen(self, table: UserTable) -> np.ndarray:
        """Positions of the rows that it was neither fitted nor calibrated on, by key and by time."""
        mask = ~np.isin(row_keys(table), self.seen)
        if table.meta.kind == "panel" and self.training.known_until is not None:
            mask &= (table.frame[CUTOFF] >= pd.Timestamp(self.training.known_until)).to_numpy()
        return np.flatnonzero(mask)

    def training_rows(self, table: UserTable) -> pd.DataFrame:
        """The rows of ``table`` that it was fitted or calibrated on.

        Raises
        ------
        DataError
            If the table holds none of them.
        """
        frame = table.frame
        if table.meta.kind == "panel":
            cutoffs = pd.to_datetime([*self.training.cutoffs, *self.training.calibration_cutoffs])
            frame = frame.loc[frame[CUTOFF].isin(cutoffs) & frame[str(table.meta.orders_outcome)].notna()]
        else:
            frame = frame.loc[np.isin(row_keys(table), self.seen)]
        if not len(frame):
            raise DataError(
                "training rows: the user table holds none of the rows that the model was trained on. "
                "Give the table it was trained on, or a later snapshot with the same first cutoff and step."
            )
        return frame

    def score(self, outputs: np.ndarray) -> np.ndarray:
        """One number a row by which users are ranked, shape (n_rows,); the likeliest class's where none is positive."""
        return ranking_score(self.target, outputs)


@one_blas_thread
def fit(
    table: UserTable,
    split: Split,
    target: Target,
    params: ModelParams,
    settings: RunSettings = DEFAULTS,
    curve: Curve | None = None,
) -> PurchasingModel:
    """Fit the scorer on the training rows, and calibrate it on the calibration rows.

    Parameters
    ----------
    curve
        As :class:`~purchasing_power.model.scorer.Fitting` takes it.
    """
    train, later = table.frame.iloc[split.train], table.frame.iloc[split.calibrate]
    fitted_on = fitting(train, table.meta, target, settings, curve)
    scorer = params.head.fit(params, table.meta, fitted_on)
    raw = scorer.raw(prepare(later, table.meta))
    calibrator = fit_calibrator(raw, target.labels(later), target.task, len(target.classes))
    return PurchasingModel(
        params=params,
        meta=table.meta,
        target=target,
        scorer=scorer,
        calibrator=calibrator,
        score_levels=tier_levels(target, calibrated(calibrator, raw, target.task)),
        training=_training(table, split, settings.seed),
        seen=np.sort(row_keys(table.rows(split.known))),
        typical=typical_values(fitted_on.frame, table.meta),
    )


def fitting(
    rows: pd.DataFrame,
    meta: UserTableMeta,
    target: Target,
    settings: RunSettings = DEFAULTS,
    curve: Curve | None = None,
) -> Fitting:
    """The rows and labels that a scorer is fitted with."""
    labels, classes = target.labels(rows), len(target.classes)
    prepared = rows_to_fit(rows, meta)
    return Fitting(prepared, labels, target.task, classes, curve, **settings.run_settings)


def rows_to_fit(frame: pd.DataFrame, meta: UserTableMeta) -> pd.DataFrame:
    """Prepared rows with their user and cutoff, which tell what may be held out of a fit."""
    known = [name for name in (USER, CUTOFF) if name in frame]
    return prepare(frame, meta).assign(**{name: frame[name] for name in known})


def row_keys(table: UserTable) -> np.ndarray:
    """A uint64 for each row, equal for the same user and cutoff (panel) or the same content (flat)."""
    if "keys" not in table.cache:
        table.cache["keys"] = _row_keys(table)
    keys: np.ndarray = table.cache["keys"]
    return keys


def _row_keys(table: UserTable) -> np.ndarray:
    if table.meta.kind == "panel":
        chosen = table.frame[[USER, CUTOFF]]
    else:
        names = [*table.meta.features, *([] if table.meta.label is None else [table.meta.label])]
        chosen = table.frame[names].assign(documents=table.frame["documents"].map(lambda texts: "\n".join(texts)))
    return pd.util.hash_pandas_object(chosen, index=False).to_numpy(np.uint64)


def _training(table: UserTable, split: Split, seed: int) -> Training:
    dates: list[tuple[str, ...]] = [(), ()]
    until = None
    if table.meta.kind == "panel":
        cutoffs = table.frame[CUTOFF]
        dates = [
            tuple(f"{moment:%Y-%m-%d}" for moment in sorted(cutoffs.iloc[part].unique()))
            for part in (split.train, split.calibrate)
        ]
        last = cutoffs.iloc[split.known].max() + pd.Timedelta(days=int(table.meta.horizon_days or 0))
        until = f"{last:%Y-%m-%d}"
    return Training(dates[0], dates[1], until, len(split.train), len(split.calibrate), table.digest(), seed)
