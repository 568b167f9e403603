from __future__ import annotations

from collections.abc import Callable
from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest

from purchasing_power.snapshot.history import History
from purchasing_power.snapshot.order_rhythm import order_rhythm, proposal, suited_horizon
from purchasing_power.snapshot.plan import Plan


@pytest.mark.parametrize(
    ("gaps", "longest", "horizon"),
    [
        ([3] * 7 + [40] * 3, 365, 7),
        ([3] * 6 + [40] * 4, 365, 56),
        ([60] * 7 + [300] * 3, 365, 84),
        ([300] * 10, 365, 168),
        ([300] * 10, 100, 84),
        ([300] * 10, 5, None),
        ([3] * 9, 365, None),
    ],
)
def test_two_thirds_of_those_who_come_back_do_so_within_the_suited_horizon(
    gaps: list[float], longest: int, horizon: int | None
) -> None:
    assert suited_horizon(np.array(gaps, np.float64), longest) == horizon


def test_the_rhythm_equals_a_computation_in_pandas(
    shop: dict[str, pd.DataFrame], scanned: Callable[..., dict[str, ibis.Table]]
) -> None:
    found = order_rhythm(History(scanned(shop), [date(2024, 7, 7)], Plan()), 200)
    orders = shop["orders"].groupby(["user_id", "order_id"], as_index=False)["ordered_at"].min()
    gaps = []
    for _, at in orders.groupby("user_id")["ordered_at"]:
        days = np.sort(at.dt.normalize().unique())
        if len(days) > 1:
            gaps.append(np.median(np.diff(days) / np.timedelta64(1, "D")))
    assert (found.orders, found.users, found.returning) == (len(orders), orders["user_id"].nunique(), len(gaps))
    assert found.per_user == orders["user_id"].value_counts().median()
    assert found.gap_days == pytest.approx(np.quantile(gaps, 2 / 3))
    assert found.horizon == min(days for days in (7, 14, 28, 56, 84, 168) if np.mean(np.array(gaps) <= days) >= 2 / 3)


def test_another_horizon_than_the_given_one_is_proposed_and_the_given_one_is_not(
    shop: dict[str, pd.DataFrame], scanned: Callable[..., dict[str, ibis.Table]]
) -> None:
    rhythm = order_rhythm(History(scanned(shop), [date(2024, 7, 7)], Plan()), 200)
    assert rhythm.horizon == 28
    assert "-P horizon=28" in (said := proposal(rhythm, 84) or "") and said.endswith("it is 84.")
    assert proposal(rhythm, 28) is None
