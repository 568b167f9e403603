"""Small user tables that tests share: a panel whose future is predictable, and flat files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from purchasing_power.snapshot.user_table import UserTable, UserTableMeta, documents_array

HORIZON = 28
TEXTS = ["organic apples", "red wine", "diapers and milk", "cheap noodles", "蓝牙耳机 很好用", "dog food 🐶"]


def panel(users: int = 150, cutoffs: int = 6, seed: int = 0, signal: float = 1.0) -> UserTable:
    """A panel of ``users`` x ``cutoffs`` rows, 28 days apart; the last cutoff's outcome is unknown.

    Spend follows a user's level, which the features show with noise; users of a high level buy wine.
    """
    rng = np.random.default_rng(seed)
    level = rng.normal(size=users)
    moments = pd.date_range("2024-01-07", periods=cutoffs, freq=f"{HORIZON}D")
    blocks = []
    for number, moment in enumerate(moments):
        spend = np.maximum(0, np.exp(3 + level + 0.4 * rng.normal(size=users)) - 8)
        after = np.maximum(0, np.exp(3 + signal * level + 0.4 * rng.normal(size=users)) - 8)
        unknown = number == cutoffs - 1
        blocks.append(
            pd.DataFrame(
                {
                    "user_id": [f"user-{n:04d}" for n in range(users)],
                    "cutoff": moment,
                    "spend_28d": spend,
                    "orders_28d": np.round(spend / 10),
                    "days_since_order": np.where(spend > 0, rng.uniform(0, 28, users), np.nan),
                    "noise": rng.normal(size=users),
                    "region": pd.array(rng.choice(["north", "south"], users), dtype="str"),
                    "age": pd.array(np.where(rng.random(users) < 0.2, None, "35-44"), dtype="str"),
                    "spend_next_28d": np.nan if unknown else after,
                    "orders_next_28d": np.nan if unknown else np.round(after / 10),
                }
            )
        )
    frame = pd.concat(blocks, ignore_index=True)
    frame["documents"] = _documents(np.tile(level, cutoffs), rng)
    meta = UserTableMeta(
        kind="panel",
        numeric=("spend_28d", "orders_28d", "days_since_order", "noise"),
        categorical=("region", "age"),
        horizon_days=HORIZON,
        lookback_days=28,
        spend_outcome="spend_next_28d",
        orders_outcome="orders_next_28d",
    )
    return UserTable(frame, meta)


def sparse(users: int = 2_000, cutoffs: int = 5, buys: float = 0.1, seed: int = 0) -> UserTable:
    """A panel of a slow shop: in each horizon about ``buys`` of the users spend something, by their own rate."""
    table, rng = panel(users, cutoffs, seed), np.random.default_rng(seed + 1)
    rate = np.tile(rng.gamma(0.5, 2.0 * buys, users), cutoffs)
    orders, before = rng.poisson(rate).astype(np.float64), rng.poisson(rate).astype(np.float64)
    spend = orders * np.round(rng.gamma(2.0, 20.0, len(rate)), 2)
    unknown = table.frame["spend_next_28d"].isna().to_numpy()
    return changed(
        table,
        orders_28d=before,
        spend_28d=before * 40.0,
        orders_next_28d=np.where(unknown, np.nan, orders),
        spend_next_28d=np.where(unknown, np.nan, spend),
    )


def without_amounts(table: UserTable) -> UserTable:
    """The panel of the same shop, had its orders no amounts."""
    numeric = tuple(name for name in table.meta.numeric if not name.startswith("spend"))
    spend = [name for name in table.frame if name.startswith("spend")]
    meta = replace(table.meta, numeric=numeric, spend_outcome=None)
    return replace(table, frame=table.frame.drop(columns=spend), meta=meta)


def flat(rows: int = 240, classes: int = 2, seed: int = 0) -> UserTable:
    """A flat table; ``classes`` = 0 makes the label a number. Its texts and one column tell the label."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=rows)
    label: list[object] = list(level * 10)
    if classes:
        cuts = np.quantile(level, np.linspace(0, 1, classes + 1)[1:-1])
        label = [f"class {code}" for code in np.searchsorted(cuts, level)]
    frame = pd.DataFrame(
        {
            "user_id": [f"row-{n}" for n in range(rows)],
            "income": level + rng.normal(size=rows),
            "city": pd.array(rng.choice(["Berlin", "北京"], rows), dtype="str"),
            "label": label,
        }
    )
    frame["documents"] = _documents(level, rng)
    task = {0: "regression", 2: "binary"}.get(classes, "multiclass")
    meta = UserTableMeta(kind="flat", numeric=("income",), categorical=("city",), label="label", task=task)
    return UserTable(frame, meta)


def changed(table: UserTable, **columns: object) -> UserTable:
    """The table with some columns replaced."""
    return replace(table, frame=table.frame.assign(**columns))


def _documents(level: np.ndarray, rng: np.random.Generator) -> pd.Series:
    lengths = rng.integers(0, 4, len(level))
    likely = np.where(np.repeat(level, lengths) > 0, 1, 3)
    codes = np.where(rng.random(len(likely)) < 0.6, likely, rng.integers(0, len(TEXTS), len(likely)))
    return documents_array(np.concatenate([[0], np.cumsum(lengths)]), codes, TEXTS)
