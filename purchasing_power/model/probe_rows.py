"""Rows that nobody sent, on which two ways of computing the same are compared."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from purchasing_power.snapshot.user_table import DOCUMENTS, UserTableMeta

# Typical, nothing, above, far below, unknown.
FACTORS = (1.0, 0.0, 1.7, -3.0, np.nan)


def probe_rows(typical: Mapping[str, float | str | None], meta: UserTableMeta) -> pd.DataFrame:
    """Rows around a model's typical values, one of them empty and one of unknown categories, none with a document."""
    numeric = [typical.get(name) for name in meta.numeric]
    base = np.array([np.nan if value is None else value for value in numeric], np.float64)
    usual = {name: typical.get(name) for name in meta.categorical}
    unknown, none = dict.fromkeys(usual, "no such category"), dict.fromkeys(usual)
    frame = pd.DataFrame(
        np.stack([base * factor for factor in FACTORS]) if len(base) else np.zeros((len(FACTORS), 0)),
        columns=list(meta.numeric),
    )
    categories = pd.DataFrame([usual, usual, unknown, usual, none], columns=list(usual), dtype=object)
    documents: pd.Series = pd.Series([[] for _ in FACTORS], dtype=object, name=DOCUMENTS)
    return pd.concat([frame, categories.where(categories.notna(), None), documents], axis=1)
