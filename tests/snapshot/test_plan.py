from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchasing_power.snapshot.feature import slugs
from purchasing_power.snapshot.plan import Plan


def test_spans_fit_the_lookback_and_hold_it() -> None:
    assert Plan(lookback=168).spans(28, 84) == [28, 84, 168]
    assert Plan(lookback=30).spans(28, 84) == [28, 30]
    assert Plan(lookback=7).spans(28) == [7]
    assert Plan(lookback=60).windows == (7, 14, 28, 56)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["T-Shirts", "t shirts", "T SHIRTS"], ["t_shirts", "t_shirts_2", "t_shirts_3"]),
        (["a", "A", "a_2"], ["a", "a_3", "a_2"]),
        (["a_2", "a", "A"], ["a_2", "a", "a_3"]),
        (["A", "a", "a 2", "a_2"], ["a", "a_3", "a_2", "a_2_2"]),
        (["?", "other", "云杉"], ["other", "other_2", "云杉"]),
    ],
)
def test_values_that_read_alike_get_names_of_their_own(values: list[str], names: list[str]) -> None:
    assert slugs(values) == names


@given(st.lists(st.text("aA2_ -", max_size=5), max_size=8, unique=True))
def test_no_two_values_share_a_name(values: list[str]) -> None:
    assert len(set(slugs(values))) == len(values)


def test_a_plan_is_found_in_settings_that_hold_more() -> None:
    plan = Plan(categories=["a"], profile_numeric=["age"])
    assert Plan.of({**asdict(plan), "leaks": ["age alone gives an AUC of 0.9990."]}) == plan
