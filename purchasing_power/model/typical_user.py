"""The typical user of the training rows, with which an explanation compares, and probe rows around that user."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from purchasing_power.shop.values import as_objects
from purchasing_power.snapshot.user_table import DOCUMENTS, UserTableMeta

Typical = dict[str, float | str | None]
# Typical, nothing, above, far below, unknown.
FACTORS = (1.0, 0.0, 1.7, -3.0, np.nan)


def typical_values(prepared: pd.DataFrame, meta: UserTableMeta) -> Typical:
    """Median of each numeric and most frequent value of each categorical feature of prepared rows.

    ``None`` where no row has a value. Of equally frequent values it is the first in sorted order.
    """
    typical: Typical = {}
    for name in meta.numeric:
        values = prepared[name].to_numpy(np.float64)
        values = values[np.isfinite(values)]
        typical[name] = float(np.median(values)) if len(values) else None
    for name in meta.categorical:
        modes = prepared[name].dropna().astype(str).mode()
        typical[name] = str(modes.iloc[0]) if len(modes) else None
    return typical


def probe_rows(typical: Mapping[str, float | str | None], meta: UserTableMeta) -> pd.DataFrame:
    """Rows that nobody sent, on which two ways of computing the same are compared.

    They lie around a model's typical values, one of them empty and one of unknown categories, none with a document.
    """
    base = pd.Series([typical.get(name) for name in meta.numeric], dtype=np.float64).to_numpy()
    usual = {name: typical.get(name) for name in meta.categorical}
    unknown, none = dict.fromkeys(usual, "no such category"), dict.fromkeys(usual)
    numeric = pd.DataFrame(np.outer(FACTORS, base), columns=list(meta.numeric))
    categories = pd.DataFrame([usual, usual, unknown, usual, none], columns=list(usual), dtype=object)
    documents: pd.Series = pd.Series([[] for _ in FACTORS], dtype=object, name=DOCUMENTS)
    return pd.concat([numeric, as_objects(categories), documents], axis=1)
