"""Splits of a user table: forward in time for panels, stratified and grouped by user for flat tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from purchasing_power.errors import DataError
from purchasing_power.snapshot.user_table import CUTOFF, USER, UserTable

FIFTHS = 5
LEAST_PER_CLASS = 10


@dataclass(frozen=True)
class Split:
    """Positions of the rows that a model is fitted on, calibrated on and tested on, each ascending.

    For a panel each part's label windows end at or before the next part's first cutoff, as they
    would have in production: a model is never fitted on an outcome that was not known yet.
    """

    train: np.ndarray
    calibrate: np.ndarray
    test: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Rows that fitting, calibration and tuning may see."""
        return np.sort(np.concatenate([self.train, self.calibrate]))


def split(table: UserTable, seed: int = 0) -> Split:
    """Split a user table into training, calibration and test rows.

    Panel: the test rows are the last cutoff whose outcome is known, the calibration rows the last
    cutoff whose label window ends by then, the training rows every cutoff whose label window ends by
    the calibration cutoff. Flat: a fifth of the rows is held out, a fifth of the rest calibrates.

    Raises
    ------
    DataError
        If there are too few cutoffs or rows.
    """
    key = ("split", seed)
    if key not in table.cache:
        table.cache[key] = _panel_split(table) if table.meta.kind == "panel" else _flat_split(table, seed)
    found: Split = table.cache[key]
    return found


def folds(table: UserTable, rows: np.ndarray, count: int, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of (fitted, scored) row positions within ``rows``.

    Panel: each of the last ``count`` possible cutoffs is scored by a model fitted on cutoffs whose
    label windows were over, earliest first. Flat: stratified folds that keep a user's rows together.
    """
    if table.meta.kind == "flat":
        parts = _grouped(table, rows, max(count, 2), seed)
        return [(np.setdiff1d(rows, part), part) for part in parts][:count]
    times, horizon = table.frame[CUTOFF].iloc[rows], _horizon(table)
    moments = np.sort(times.unique())
    usable = [moment for moment in moments if moments[0] + horizon <= moment][-count:]
    if not usable:
        raise DataError(
            f"folds: {_seen(moments, horizon)}; at least two that lie a horizon apart are needed. "
            f"{_shorter(moments, 1)}"
        )
    return [(rows[(times + horizon <= moment).to_numpy()], rows[(times == moment).to_numpy()]) for moment in usable]


def known_outcomes(table: UserTable) -> np.ndarray:
    """Positions of the rows whose outcome or label is known; none of a flat table without a label."""
    column = table.meta.label if table.meta.kind == "flat" else table.meta.orders_outcome
    if column is None:
        return np.array([], np.int64)
    return np.flatnonzero(table.frame[column].notna().to_numpy())


def _horizon(table: UserTable) -> pd.Timedelta:
    return pd.Timedelta(days=int(table.meta.horizon_days or 0))


def _seen(moments: np.ndarray, horizon: pd.Timedelta) -> str:
    ends = [f"{pd.Timestamp(moment):%Y-%m-%d}" for moment in moments[[0, -1]]] if len(moments) else []
    span = f" ({' to '.join(ends)})" if ends else ""
    return f"{len(moments)} cutoffs have a known outcome{span}, at a horizon of {horizon.days} days"


def _shorter(moments: np.ndarray, gaps: int) -> str:
    """The longest horizon that fits that many times between the first cutoff and the last, as horizon and step."""
    days = (pd.Timestamp(moments[-1]) - pd.Timestamp(moments[0])).days // gaps if len(moments) else 0
    shorter = f"Take a horizon of at most {days} days (-P horizon={days} -P step={days}), or bring" if days else "Bring"
    return f"{shorter} orders from before."


def _panel_split(table: UserTable) -> Split:
    rows = known_outcomes(table)
    times, horizon = table.frame[CUTOFF].iloc[rows], _horizon(table)
    moments = np.sort(times.unique())
    test = moments[-1:]
    before_test = moments[moments + horizon <= test[0]] if len(test) else test
    calibrate = before_test[-1:]
    train = moments[moments + horizon <= calibrate[0]] if len(calibrate) else calibrate
    if not len(train):
        raise DataError(
            f"split: {_seen(moments, horizon)}; training, calibration and test need three that lie a horizon apart. "
            f"{_shorter(moments, 2)}"
        )
    return Split(*(rows[times.isin(part).to_numpy()] for part in (train, calibrate, test)))


def _flat_split(table: UserTable, seed: int) -> Split:
    if table.meta.label is None:
        raise DataError(
            f"user table: it has no label, only the features {', '.join(table.meta.features[:20])}; it can be scored "
            "and monitored, not trained on. Ingest a file with the column to predict, and name it (-P label=COLUMN)."
        )
    rows = known_outcomes(table)
    _check_flat(table, rows)
    test = _grouped(table, rows, FIFTHS, seed)[0]
    known = np.setdiff1d(rows, test)
    calibrate = _grouped(table, known, FIFTHS, seed + 1)[0]
    return Split(np.setdiff1d(known, calibrate), calibrate, test)


def _check_flat(table: UserTable, rows: np.ndarray) -> None:
    counts = _strata(table, rows).value_counts()
    if len(rows) < FIFTHS * LEAST_PER_CLASS or counts.min() < LEAST_PER_CLASS:
        raise DataError(
            f"{table.meta.label}: {len(rows)} rows, {int(counts.min())} of the rarest class; allowed are at least "
            f"{FIFTHS * LEAST_PER_CLASS} rows and {LEAST_PER_CLASS} of each class. "
            "Add rows, join rare classes, or read the label as a number (task=regression)."
        )
    if table.frame[USER].iloc[rows].nunique() < 2 * FIFTHS:
        raise DataError(
            f"{USER}: {table.frame[USER].iloc[rows].nunique()} distinct users; at least {2 * FIFTHS} are needed to "
            "hold some out. Name the right user column or leave it away."
        )


def _strata(table: UserTable, rows: np.ndarray) -> pd.Series:
    labels = table.frame[str(table.meta.label)].iloc[rows]
    if table.meta.task == "regression":
        return pd.Series(pd.qcut(labels.rank(method="first"), FIFTHS, labels=False), index=labels.index)
    return labels.astype(str)


def _grouped(table: UserTable, rows: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    users = table.frame[USER].iloc[rows]
    strata = _strata(table, rows).to_numpy()
    counts = pd.Series(strata).value_counts()
    splitter = (
        StratifiedGroupKFold(count, shuffle=True, random_state=seed)
        if counts.min() >= count
        else GroupKFold(count, shuffle=True, random_state=seed)
    )
    return [np.sort(rows[part]) for _, part in splitter.split(strata, strata, users)]
