"""Tests of the tests: they equal scipy's, know both samples' sizes, and survive what counts may hold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare, fisher_exact, ks_2samp, mannwhitneyu

from monitoring.drift import sample_tests
from purchasing_power.reference.sketch import count_numbers, sketch_numbers

SIZES = [(2469, 50), (2469, 200), (1000, 1000)]


def test_on_every_value_the_tests_equal_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    before, now = rng.poisson(4, 900).astype(float), rng.poisson(4.3, 700).astype(float)
    cuts = np.union1d(before, now)
    first, second = (count_numbers(sample, cuts).counts for sample in (before, now))
    expected = ks_2samp(before, now, method="asymp")
    assert sample_tests.ks(first, second) == pytest.approx((expected.pvalue, expected.statistic), rel=1e-6)
    ranks = mannwhitneyu(before, now, use_continuity=False, method="asymptotic").pvalue
    assert sample_tests.rank_sum(first, second) == pytest.approx(ranks)
    expected = chi2_contingency([[60, 40], [30, 45]], correction=False).pvalue
    found = sample_tests.homogeneity(np.array([60, 40]), np.array([30, 45]))
    assert found == pytest.approx((expected, 0.2))


def test_two_rare_categories_are_left_to_fishers_exact_test() -> None:
    p_value, _ = sample_tests.homogeneity(np.array([2450, 19]), np.array([48, 2]))
    tail = min(fisher_exact([[2450, 19], [48, 2]], alternative=side).pvalue for side in ("less", "greater"))
    assert p_value == pytest.approx(2 * tail) and p_value > 0.1


@pytest.mark.parametrize(("then", "users"), SIZES)
def test_without_drift_no_test_calls_more_than_its_level_drifted(then: int, users: int) -> None:
    rng = np.random.default_rng(1)
    found: dict[str, list[float]] = {"ks": [], "ranks": [], "zeros": [], "common": [], "rare": [], "missing": []}
    for _ in range(400):
        before, now = rng.lognormal(size=then), rng.lognormal(size=users)
        for kind, keep in (("", 1.0), ("zeros", 0.3)):
            samples = [sample * (rng.random(len(sample)) < keep) for sample in (before, now)]
            sketch = sketch_numbers(samples[0])
            counts = sketch.counts, count_numbers(samples[1], sketch.cuts).counts
            found[kind or "ks"].append(sample_tests.ks(*counts)[0])
            if not kind:
                found["ranks"].append(sample_tests.rank_sum(*counts))
        for kind, shares in (("common", [0.4, 0.3, 0.2, 0.1]), ("rare", [0.9, 0.08] + [0.002] * 10)):
            drawn = (rng.multinomial(size, shares) for size in (then, users))
            found[kind].append(sample_tests.homogeneity(*drawn)[0])
        gone = [np.array([size, 0]) + np.array([-1, 1]) * rng.binomial(size, 0.003) for size in (then, users)]
        found["missing"].append(sample_tests.homogeneity(*gone)[0])
    for name, p_values in found.items():
        # Three standard deviations above 5 % and 0.5 % in 400 draws.
        assert np.mean(np.array(p_values) < 0.05) < 0.083, name
        assert np.mean(np.array(p_values) < 0.005) < 0.0156, name


def test_where_both_are_samples_evidentlys_chi_square_calls_many_columns_drifted() -> None:
    rng = np.random.default_rng(1)
    ours, theirs = [], []
    for _ in range(250):
        seen = rng.multinomial(200, [0.2] * 5, size=2)
        ours.append(sample_tests.homogeneity(*seen)[0])
        theirs.append(chisquare(seen[1], seen[0]).pvalue)
    assert 0.02 < np.mean(np.array(ours) < 0.05) < 0.09
    assert np.mean(np.array(theirs) < 0.05) > 0.25


def test_one_user_of_an_unseen_category_is_no_drift() -> None:
    p_value, effect = sample_tests.homogeneity(np.array([500, 500, 0]), np.array([500, 499, 1]))
    assert p_value > 0.5 and effect < 0.01


@pytest.mark.parametrize("before", [[0, 0], [7, 0], [0, 3]])
@pytest.mark.parametrize("now", [[0, 0], [4, 0], [0, 2]])
def test_empty_and_constant_columns_give_finite_figures(before: list[int], now: list[int]) -> None:
    samples = np.array(before), np.array(now)
    for p_value, effect in (sample_tests.ks(*samples), sample_tests.homogeneity(*samples)):
        assert 0 <= p_value <= 1 and 0 <= effect <= 1
    assert 0 <= sample_tests.rank_sum(*samples) <= 1
    assert np.isfinite(sample_tests.largest_gap(*samples)).all()


def test_the_correction_and_the_joint_p_value_are_those_of_their_papers() -> None:
    assert sample_tests.significance_threshold(np.array([0.01, 0.02, 0.9, 0.8]), 0.05) == 0.02
    assert sample_tests.significance_threshold(np.array([0.04, 0.9, 0.9]), 0.05) == -1
    assert sample_tests.significance_threshold(np.zeros(0), 0.05) == -1
    assert sample_tests.simes(np.array([0.02, 0.03, 0.9])) == pytest.approx(0.045)
    assert sample_tests.simes(np.zeros(0)) == 1
