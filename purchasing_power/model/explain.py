"""What drives a model's score: mean absolute contribution of each user-table column."""

from __future__ import annotations

import numpy as np
import pandas as pd

from purchasing_power.model.evaluation import Driver
from purchasing_power.model.features import column_groups
from purchasing_power.model.heads import contributions
from purchasing_power.model.purchasing_model import PurchasingModel

LEVEL = 0.95


def column_contributions(model: PurchasingModel, frame: pd.DataFrame) -> pd.DataFrame:
    """What each user-table column adds to the raw score of the positive class, shape (n_rows, n_columns).

    A text representation's matrix columns count together, as do those of one categorical column.
    """
    added = contributions(model.head, model.matrix(frame), model.target.positive)
    groups = column_groups(model.features, model.meta)
    return pd.DataFrame(
        {name: added[:, columns].sum(axis=1) for name, columns in groups.items()}, index=frame.index
    )


def drivers(
    model: PurchasingModel, frame: pd.DataFrame, replicates: int = 200, seed: int = 0
) -> tuple[Driver, ...]:
    """Columns by mean absolute contribution to the raw score, largest first, with bootstrap intervals.

    Source: Lundberg et al. (2020), From local explanations to global understanding with explainable AI
    for trees, Nature Machine Intelligence 2.
    """
    size = column_contributions(model, frame).abs()
    values = size.to_numpy(np.float64)
    rng = np.random.default_rng(seed)
    rows = len(values)
    weights = rng.multinomial(rows, np.full(rows, 1 / rows), size=replicates) / rows
    low, high = np.quantile(weights @ values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    mean = values.mean(axis=0)
    meanings = model.meta.meanings
    found = [
        Driver(name, float(mean[at]), float(low[at]), float(high[at]), meanings.get(name, ""))
        for at, name in enumerate(map(str, size.columns))
    ]
    return tuple(sorted(found, key=lambda driver: -driver.importance))
