from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchasing_power.errors import DataError
from purchasing_power.snapshot.cutoffs import cutoffs
from purchasing_power.snapshot.settings import SnapshotSettings

FIRST, LAST = date(2017, 1, 1), date(2018, 1, 1)


def test_a_year_of_complete_journey_has_twelve_cutoffs() -> None:
    found = cutoffs(SnapshotSettings(), FIRST, LAST)
    assert len(found) == 12
    assert found[0] == date(2017, 2, 26)
    assert found[-2:] == [date(2017, 12, 3), date(2017, 12, 31)]


@given(
    begin=st.dates(date(2000, 1, 1), date(2030, 1, 1)),
    days=st.integers(100, 900),
    step=st.integers(1, 90),
    horizon=st.integers(1, 28),
    lookback=st.integers(7, 400),
)
def test_cutoffs_lie_on_a_grid_that_ends_on_a_sunday(
    begin: date, days: int, step: int, horizon: int, lookback: int
) -> None:
    end = begin + timedelta(days=days)
    settings = SnapshotSettings(lookback=lookback, horizon=horizon, step=step)
    try:
        found = cutoffs(settings, begin, end)
    except DataError as error:
        # Only a grid so coarse that its first cutoff is its last can lack an outcome here.
        assert "horizon" in str(error) and step > days - 56 - 6 - horizon
        return
    assert {late - early for early, late in pairwise(found)} <= {timedelta(days=step)}
    assert found[-1].weekday() == 6 and timedelta(0) <= end - found[-1] < timedelta(days=7)
    least = timedelta(days=min(56, lookback))
    assert least <= found[0] - begin < least + timedelta(days=step)


def test_cutoffs_given_by_hand_are_kept() -> None:
    settings = SnapshotSettings(first_cutoff=date(2017, 6, 1), last_cutoff=date(2017, 9, 1), step=30)
    assert cutoffs(settings, FIRST, LAST) == [date(2017, 6, 3), date(2017, 7, 3), date(2017, 8, 2), date(2017, 9, 1)]


def test_a_single_cutoff_to_score_need_not_be_matured() -> None:
    day = date(2017, 12, 31)
    assert cutoffs(SnapshotSettings(first_cutoff=day, last_cutoff=day), FIRST, LAST) == [day]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (SnapshotSettings(last_cutoff=date(2018, 2, 4)), "allow 2017-01-02 to 2018-01-01"),
        (SnapshotSettings(first_cutoff=date(2017, 1, 1)), "allow 2017-01-02 to 2018-01-01"),
        (SnapshotSettings(horizon=400), "got 400 days after the earliest cutoff 2017-02-26"),
        (SnapshotSettings(last_cutoff=date(2017, 2, 1)), "must leave 56 days of orders"),
    ],
)
def test_cutoffs_that_the_orders_cannot_serve_are_refused(settings: SnapshotSettings, message: str) -> None:
    with pytest.raises(DataError, match=message):
        cutoffs(settings, FIRST, LAST)


def test_a_short_history_is_refused() -> None:
    with pytest.raises(DataError, match="56 days of orders before it"):
        cutoffs(SnapshotSettings(), FIRST, FIRST + timedelta(days=30))
