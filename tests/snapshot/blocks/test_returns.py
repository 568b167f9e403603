from __future__ import annotations

from collections.abc import Callable
from datetime import date

import ibis
import numpy as np
import pandas as pd

from purchasing_power.snapshot.build import build
from purchasing_power.snapshot.settings import SnapshotSettings

JUNE = SnapshotSettings(first_cutoff=date(2024, 6, 2), last_cutoff=date(2024, 6, 2))
ROWS = [
    # Of ann's order of 20.00 ten days before; the moment of the cutoff is the future.
    ("ann", "a2", "p1", "2024-06-01 00:00", 1.0, 20.00),
    ("ann", "a1", "p1", "2024-06-02 00:00", 1.0, 4.00),
    # Of an order of 50.00 that lies 28 days and a second back: what came back is within 28 days, the order is not.
    ("ben", "b2", "p2", "2024-05-20 12:00", 1.0, 50.00),
    ("ben", "b1", "p2", "2024-05-20 12:00", None, 130.00),
    # After the horizon.
    ("cid", "c2", "p9", "2024-07-01 00:00", 1.0, 40.00),
    # A guest's, and that of a user without an order.
    (None, "g1", "p9", "2024-05-20 12:00", 1.0, 9.00),
    ("zoe", None, None, "2024-05-30 00:00", None, 3.00),
]


def test_returns_are_netted_in_the_window_in_which_they_happen(
    orders: dict[str, pd.DataFrame], scanned: Callable[..., dict[str, ibis.Table]]
) -> None:
    names = ["user_id", "order_id", "product_id", "returned_at", "quantity", "amount"]
    returns = pd.DataFrame(ROWS, columns=names)
    returns["returned_at"] = pd.to_datetime(returns["returned_at"]).astype("datetime64[us]")
    table = build(scanned({**orders, "returns": returns}), JUNE, progress=False)
    found = table.frame.set_index("user_id")
    expected = {
        "ann": {
            "spend_7d": -4.5,
            "spend_14d": 15.5,
            "spend_56d": 22.75,
            "orders_14d": 2,
            "order_amount_max": 20,
            "returned_lines_28d": 1,
            "returned_amount_28d": 20,
            "return_line_share_168d": 1 / 4,
            "return_amount_share_168d": 20 / 42.75,
            "days_since_return": 1,
            "spend_next_28d": -4,
            "orders_next_28d": 0,
        },
        "ben": {
            "spend_28d": -80,
            "spend_56d": -30,
            "spend_growth_28d": np.log(1 / 51),
            "active_periods_168d": 2,
            "spend_least_168d": -80,
            "returned_lines_28d": 2,
            "return_amount_share_168d": 180 / 150,
            "days_since_return": 12.5,
            "spend_next_28d": 30,
        },
        "cid": {"spend_168d": 9.99, "returned_lines_168d": 0, "days_since_return": np.nan, "spend_next_28d": 40},
        "zoe": {"spend_28d": -3, "orders_28d": 0, "return_line_share_168d": np.nan, "days_since_order": np.nan},
    }
    assert list(found.index) == list(expected)
    for user, values in expected.items():
        got = found.loc[user, list(values)].astype(float)
        np.testing.assert_allclose(got, list(values.values()), atol=1e-6, rtol=2e-6)
    assert table.meta.blocks["returns"] == "on"
