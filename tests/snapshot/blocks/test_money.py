from __future__ import annotations

from collections.abc import Callable
from datetime import date

import ibis
import numpy as np
import pandas as pd

from purchasing_power.snapshot.build import build
from purchasing_power.snapshot.settings import SnapshotSettings

JUNE = SnapshotSettings(first_cutoff=date(2024, 6, 2), last_cutoff=date(2024, 6, 2))


def test_recency_frequency_and_money_equal_a_hand_computation(
    orders: dict[str, pd.DataFrame], scanned: Callable[..., dict[str, ibis.Table]]
) -> None:
    table = build(scanned(orders), JUNE, progress=False)
    found = table.frame.set_index("user_id")
    expected = {
        # ann: an order 12 hours, one 10 days and one 49.75 days before the cutoff.
        "ann": {
            "days_since_order": 0.5,
            "days_since_first_order": 49.75,
            "orders_7d": 1,
            "spend_7d": 15.5,
            "lines_7d": 2,
            "quantity_7d": 3,
            "orders_14d": 2,
            "spend_14d": 35.5,
            "spend_28d": 35.5,
            "orders_56d": 3,
            "spend_56d": 42.75,
            "quantity_168d": 8,
            "spend_28_56d_ago": 7.25,
            "gap_days_mean": 24.625,
            "gap_days_max": 39.75,
            "gap_days_last": 9.5,
            "overdue_ratio": 0.020305,
            "gap_days_std": 21.38998,
            "order_amount_mean": 14.25,
            "order_amount_last": 15.5,
            "lines_per_order": 1.333333,
            "discount_share_168d": 0.06044,
            "discounted_line_share_168d": 0.5,
            "products_168d": 3,
            "repeat_product_share_168d": 0.701754,
            "spend_growth_28d": 1.487099,
            "spend_next_28d": 0,
            "orders_next_28d": 0,
        },
        # ben: an order exactly 28 days before (inside 28 days), one a second earlier, one at the cutoff (future).
        "ben": {
            "days_since_order": 28,
            "orders_14d": 0,
            "spend_14d": 0,
            "orders_28d": 1,
            "spend_28d": 100,
            "orders_56d": 2,
            "spend_56d": 150,
            "spend_next_28d": 30,
            "orders_next_28d": 1,
        },
        # cid: an order 92.67 days before; of two later ones the second falls on the end of the horizon.
        "cid": {
            "days_since_order": 92.666667,
            "orders_84d": 0,
            "spend_84d": 0,
            "orders_168d": 1,
            "spend_168d": 9.99,
            "quantity_168d": 3,
            "gap_days_mean": np.nan,
            "spend_next_28d": 40,
            "orders_next_28d": 1,
        },
    }
    assert list(found.index) == ["ann", "ben", "cid"]
    for user, values in expected.items():
        np.testing.assert_allclose(
            found.loc[user, list(values)].astype(float), list(values.values()), atol=1e-6, rtol=2e-6
        )
