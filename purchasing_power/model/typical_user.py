"""The typical user: median and most frequent values, with which an explanation compares."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from purchasing_power.model.features import prepare
from purchasing_power.snapshot.user_table import UserTableMeta

Typical = dict[str, float | str | None]


def typical_values(prepared: pd.DataFrame, meta: UserTableMeta) -> Typical:
    """Median of each numeric and most frequent value of each categorical feature of prepared rows.

    ``None`` where no row has a value. Of equally frequent values it is the first in sorted order.
    """
    found: Typical = {}
    for name in meta.numeric:
        values = prepared[name].to_numpy(np.float64)
        values = values[np.isfinite(values)]
        found[name] = float(np.median(values)) if len(values) else None
    for name in meta.categorical:
        modes = prepared[name].dropna().astype(str).mode()
        found[name] = str(modes.iloc[0]) if len(modes) else None
    return found


def typical_row(typical: Mapping[str, float | str | None], meta: UserTableMeta) -> pd.DataFrame:
    """The typical values as one prepared row without documents."""
    row = pd.DataFrame({name: [typical.get(name)] for name in meta.features}, index=[0])
    return prepare(row, meta)
