"""Tests of sketches: exact at their cuts, never too large a distance, and no value of fewer than ten users."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from monitoring.drift import sample_tests
from purchasing_power.reference.sketch import (
    LEAST_USERS,
    MOST_CATEGORIES,
    count_categories,
    count_numbers,
    quantiles,
    sketch_categories,
    sketch_numbers,
)

DRAWS = {
    "smooth": lambda rng, size: rng.lognormal(size=size),
    "zeros": lambda rng, size: rng.lognormal(size=size) * (rng.random(size) < 0.3),
    "whole": lambda rng, size: rng.poisson(3, size).astype(float),
}


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_the_distance_at_the_cuts_is_below_the_true_one_by_no_more_than_the_error(draw: str, shift: float) -> None:
    rng = np.random.default_rng(0)
    before, now = DRAWS[draw](rng, 3000), DRAWS[draw](rng, 400) + shift
    sketch = sketch_numbers(before)
    distance = sample_tests.ks(sketch.counts, count_numbers(now, sketch.cuts).counts)[1]
    true = ks_2samp(before, now, method="asymp").statistic
    assert true - sketch.error - 1e-12 <= distance <= true + 1e-12
    assert sketch.error <= 1 / 200


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=300), st.lists(st.integers(-6, 6), min_size=1, max_size=50))
def test_counts_add_up_and_the_bound_holds_for_any_numbers(before: list[int], now: list[int]) -> None:
    first, second = np.array(before, float), np.array(now, float)
    sketch = sketch_numbers(first)
    counts = count_numbers(second, sketch.cuts)
    assert sketch.counts.sum() == len(before) and counts.counts.sum() == len(now)
    distance = sample_tests.ks(sketch.counts, counts.counts)[1]
    true = ks_2samp(first, second, method="asymp").statistic
    assert true - sketch.error - 1e-9 <= distance <= true + 1e-9


def test_cuts_are_the_values_of_one_user_in_ten_at_most_and_the_ends_of_the_range_of_none() -> None:
    for draw in DRAWS.values():
        values = draw(np.random.default_rng(1), 1234)
        sketch = sketch_numbers(values)
        assert np.isin(sketch.cuts, values).sum() <= len(values) / LEAST_USERS
        assert sketch.low <= values.min() and values.max() <= sketch.high
        assert [sketch.low, sketch.high] == [float(f"{end:.0e}") for end in (sketch.low, sketch.high)]


def test_missing_and_infinite_values_are_counted_apart_at_every_cutoff() -> None:
    values = np.array([1.0, np.nan, np.inf, 2.0] * 50)
    codes = np.repeat([0, 1], 100)
    sketch = sketch_numbers(values, values, codes)
    assert (sketch.missing, sketch.mean) == (100, 1.5)
    assert sketch.by_cutoff.sum(axis=1).tolist() == [100, 100] and sketch.by_cutoff[:, -1].tolist() == [50, 50]
    empty = sketch_numbers(np.full(20, np.nan))
    assert empty.missing == 20 and np.isnan(empty.mean) and not len(empty.cuts)


def test_rare_categories_are_pooled_but_known_and_new_ones_are_counted() -> None:
    values = pd.Series(["north"] * 50 + ["Mr Smith of 3 Hill Road"] * 3, dtype=object)
    sketch = sketch_categories(values)
    assert (sketch.names, sketch.counts.tolist()) == (("north",), [50, 3])
    now = pd.Series(["north"] * 20 + ["Mr Smith of 3 Hill Road"] * 4 + ["mars"] * 12, dtype=object)
    counts = count_categories(now, sketch.names, sketch.known)
    assert counts.counts.tolist() == [20, 16]
    assert (counts.new, counts.largest_other, counts.largest_users) == (12, "mars", 12)
    many = pd.Series([f"city {n}" for n in range(60)] * 10, dtype=object)
    assert len(sketch_categories(many).names) == MOST_CATEGORIES


def test_drawn_quantiles_have_the_spread_of_the_values() -> None:
    values = np.random.default_rng(2).lognormal(size=5000)
    values[::10] = np.nan
    sketch = sketch_numbers(values)
    drawn = quantiles(sketch, sketch.counts, sketch.missing, 1000)
    assert np.isnan(drawn).sum() == 100
    wanted = np.nanquantile(values, [0.05, 0.5, 0.95])
    np.testing.assert_allclose(np.nanquantile(drawn, [0.05, 0.5, 0.95]), wanted, rtol=0.03)
