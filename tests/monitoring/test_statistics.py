"""Laws of the tests: they equal scipy's, know both samples' sizes, and survive what data may hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency, chisquare, ks_2samp

from monitoring import statistics

EMPTY = pd.Series([np.nan] * 5)


def test_the_tests_equal_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    before, now = pd.Series(rng.normal(size=300)), pd.Series(rng.normal(0.3, 1, 200))
    assert statistics.ks(before, now) == pytest.approx(
        (ks_2samp(before, now).pvalue, ks_2samp(before, now).statistic)
    )
    first, second = pd.Series(["a"] * 60 + ["b"] * 40), pd.Series(["a"] * 30 + ["b"] * 45)
    expected = chi2_contingency([[60, 40], [30, 45]], correction=False).pvalue
    assert statistics.homogeneity(first, second) == pytest.approx((expected, 0.2))


def test_without_drift_five_percent_of_categorical_columns_are_called_drifted_where_evidently_calls_many() -> (
    None
):
    rng = np.random.default_rng(1)
    ours, theirs = [], []
    for _ in range(250):
        before, now = (pd.Series(rng.choice(list("abcde"), 200)) for _ in range(2))
        ours.append(statistics.homogeneity(before, now)[0])
        seen = [side.value_counts().reindex(list("abcde"), fill_value=0) for side in (before, now)]
        theirs.append(chisquare(seen[1], seen[0]).pvalue)
    assert 0.02 < np.mean(np.array(ours) < 0.05) < 0.09
    assert np.mean(np.array(theirs) < 0.05) > 0.25


def test_one_user_of_an_unseen_category_is_no_drift() -> None:
    before, now = pd.Series(["a"] * 500 + ["b"] * 500), pd.Series(["a"] * 500 + ["b"] * 499 + ["new"])
    p_value, effect = statistics.homogeneity(before, now)
    assert p_value > 0.5 and effect < 0.01


@pytest.mark.parametrize("test", [statistics.ks, statistics.homogeneity, statistics.missing])
@pytest.mark.parametrize(
    ("before", "now"),
    [(EMPTY, EMPTY), (EMPTY, pd.Series([1.0, 2.0])), (pd.Series([7.0] * 9), pd.Series([7.0] * 4))],
)
def test_empty_and_constant_columns_give_finite_figures(test, before: pd.Series, now: pd.Series) -> None:
    p_value, effect = test(before, now)
    assert 0 <= p_value <= 1 and 0 <= effect <= 1


def test_the_largest_gap_is_the_distance_of_the_test() -> None:
    rng = np.random.default_rng(2)
    before, now = pd.Series(rng.poisson(2, 150)).astype(float), pd.Series(rng.poisson(3, 90)).astype(float)
    value, first, second = statistics.largest_gap(before, now)
    assert abs(first - second) == pytest.approx(statistics.ks(before, now)[1])
    assert first == pytest.approx((before <= value).mean())
    assert np.isnan(statistics.largest_gap(EMPTY, before)[0])
