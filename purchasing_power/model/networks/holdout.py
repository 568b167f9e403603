"""The rows that a network is stopped by: a later part of the fitted rows, or a part of the users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from purchasing_power.model.scorer import Fitting
from purchasing_power.snapshot.user_table import CUTOFF, USER, UserTableMeta

# A held-out part of some hundred rows separates epochs; of more rows a smaller share is enough.
TENTH, TWENTIETH, MANY_ROWS = 10, 20, 5_000


@dataclass(frozen=True)
class HoldOut:
    """Positions of the rows that a network learns from and of those it is stopped by, each ascending.

    Attributes
    ----------
    refit
        Whether to learn again from all rows once the number of epochs is known.
    """

    learn: np.ndarray
    held: np.ndarray
    refit: bool


def hold_out(refit: str, meta: UserTableMeta, fitting: Fitting) -> HoldOut:
    """Hold out a part of the fitted rows for early stopping.

    Panel: the latest cutoff; the rows learned from are those whose label windows end by then, so that no
    outcome of the held-out weeks is seen. A panel whose cutoffs all lie within one horizon, and a flat
    table: a tenth of the users (a twentieth from ``MANY_ROWS`` rows on) with all their rows.

    ``refit`` says what comes next. ``"auto"`` fits anew on all rows after a later part was held
    out, since the newest weeks are most like the next ones and are a large share of a panel; it keeps the
    stopped network where a small part of the users was held out, which costs less than a second fit.
    """
    later = _latest_cutoff(meta, fitting)
    learn, held = later if later is not None else _users(fitting)
    again = refit == "always" or (refit == "auto" and later is not None)
    return HoldOut(learn, held, again and len(held) > 0)


def held_out_part(y: np.ndarray, task: str, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """Positions of a tenth of the rows (a twentieth of many), no group of which has rows elsewhere.

    Of rows that are each a group of their own, every class has its share. Empty where there are fewer than two groups.

    Parameters
    ----------
    groups
        Rows of one group stay together; without groups each row is its own.
    """
    groups = np.arange(len(y)) if groups is None else pd.factorize(groups)[0]
    different = len(np.unique(groups))
    count = min(TWENTIETH if len(y) >= MANY_ROWS else TENTH, different)
    if count < 2:
        return np.zeros(0, np.int64)
    rarest = 0 if task == "regression" else np.unique(y, return_counts=True)[1].min()
    if different < len(y):
        parts = GroupKFold(count, shuffle=True, random_state=seed).split(y, groups=groups)
    elif rarest >= count:
        parts = StratifiedKFold(count, shuffle=True, random_state=seed).split(y, y)
    else:
        parts = KFold(count, shuffle=True, random_state=seed).split(y)
    return np.sort(next(iter(parts))[1])


def _users(fitting: Fitting) -> tuple[np.ndarray, np.ndarray]:
    users = fitting.frame[USER].to_numpy() if USER in fitting.frame else None
    held = held_out_part(fitting.y, fitting.task, fitting.seed, users)
    return np.setdiff1d(np.arange(len(fitting.y)), held), held


def _latest_cutoff(meta: UserTableMeta, fitting: Fitting) -> tuple[np.ndarray, np.ndarray] | None:
    if meta.kind != "panel" or CUTOFF not in fitting.frame:
        return None
    times = fitting.frame[CUTOFF]
    over = (times + pd.Timedelta(days=int(meta.horizon_days or 0)) <= times.max()).to_numpy()
    if not over.any():
        return None
    return np.flatnonzero(over), np.flatnonzero((times == times.max()).to_numpy())
