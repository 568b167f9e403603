"""Tests of the gate's further checks: tries, accepted advantages, calibration, slices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from purchasing_power.gates.calibration import CalibrationEvidence, calibration_evidence
from tables import panel

from purchasing_power.evaluation.bootstrap import Comparison, Interval, percentiles, replicates_for
from purchasing_power.evaluation.slices import SliceComparison, slice_comparisons
from purchasing_power.gates.level import corrected_level
from purchasing_power.gates.staging import Advantage, GateEvidence, GatePolicy, decide
from purchasing_power.snapshot.target import Target, fit_target

BETTER = Comparison("average_precision", 0.80, 0.75, 0.05, 0.02, 0.08, 1000, 0.95)
SLIGHTLY_WORSE = Comparison("average_precision", 0.748, 0.75, -0.002, -0.008, 0.004, 1000, 0.95)
GOOD = GateEvidence(
    challenger=Interval("average_precision", 0.80, 0.77, 0.83, 1000, 0.95),
    floor=BETTER,
    production=BETTER,
    rows=2469,
    users=2469,
)
NEWER = Advantage("newer", "its labels reach 2017-12-03, production's 2017-11-05")


def missed(evidence: GateEvidence, **policy: object) -> list[str]:
    return [check.name for check in decide(evidence, GatePolicy(**policy)).checks if not check.held]


def test_a_later_try_needs_a_surer_interval() -> None:
    again = replace(GOOD, attempt=3)
    assert missed(again) == ["production"]
    surer = replace(BETTER, level=corrected_level(0.95, 3))
    assert missed(replace(again, production=surer)) == []
    (text,) = [
        c.text
        for c in decide(replace(again, production=surer), GatePolicy()).checks
        if c.name == "production"
    ]
    assert "Try 3 against this version" in text and "99.44%" in text


def test_all_tries_together_pass_a_version_that_is_no_better_in_fewer_than_one_in_twenty_cases() -> None:
    assert corrected_level(0.95, 1) == 0.95
    assert sum((1 - corrected_level(0.95, n)) / 2 for n in range(1, 10_000)) < 0.05
    rng = np.random.default_rng(0)
    passed = sum(
        any(rng.normal() > -_quantile((1 - corrected_level(0.95, n)) / 2) for n in range(1, 31))
        for _ in range(2000)
    )
    assert passed / 2000 < 0.05


def _quantile(tail: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(tail)


def test_replicates_grow_with_the_level_up_to_a_limit() -> None:
    assert replicates_for(0.95, 1000) == 1000
    assert replicates_for(corrected_level(0.95, 3), 1000) == pytest.approx(10 / (0.05 / 18), abs=1)
    assert replicates_for(0.999999, 1000) == 10_000
    assert replicates_for(0.999999, 50_000) == 50_000


def test_bounds_beyond_the_last_replicate_are_those_of_a_normal_distribution() -> None:
    drawn = np.random.default_rng(0).normal(0.5, 0.1, 5000)
    low, high, _ = percentiles([drawn], 1 - 1e-5)
    assert low == pytest.approx(0.5 - 4.417 * 0.1, abs=0.02) and low < drawn.min()
    assert high == pytest.approx(0.5 + 4.417 * 0.1, abs=0.02) and high > drawn.max()
    assert percentiles([drawn], 0.95)[0] == np.quantile(drawn, 0.025)


@pytest.mark.parametrize(
    ("accept", "held"), [("better", False), ("cheaper", False), ("newer", True), ("cheaper_or_newer", True)]
)
def test_an_advantage_counts_where_the_policy_accepts_it(accept: str, held: bool) -> None:
    near = replace(GOOD, production=SLIGHTLY_WORSE, advantages=(NEWER,))
    assert (missed(near, accept=accept) == []) == held
    assert missed(near, accept=accept, tolerance=0.005) == ["production"]
    assert missed(replace(near, advantages=()), accept=accept) == ["production"]


def test_probabilities_that_do_not_come_true_are_refused_unless_chance_explains_it() -> None:
    assert missed(replace(GOOD, calibration=CalibrationEvidence(0.09, 0.02, 2000))) == []
    assert missed(replace(GOOD, calibration=CalibrationEvidence(0.11, 0.02, 2000))) == ["calibration"]
    assert missed(replace(GOOD, calibration=CalibrationEvidence(0.11, 0.15, 60))) == []


@pytest.mark.parametrize("positive", [1, None])
def test_calibration_evidence_tells_true_probabilities_from_flattened_ones(positive: int | None) -> None:
    target = _target(positive)
    rng = np.random.default_rng(0)
    p = rng.random(4000)
    y = (rng.random(4000) < p).astype(int)
    true = calibration_evidence(target, y, np.column_stack([1 - p, p]), 0)
    assert true.error <= true.by_chance < 0.04
    flat = 0.5 + (p - 0.5) * 0.2
    wrong = calibration_evidence(target, y, np.column_stack([1 - flat, flat]), 0)
    assert wrong.error > 0.15 > wrong.by_chance


def _target(positive: int | None) -> Target:
    table = panel(users=60)
    return replace(fit_target("intent", table, np.arange(60)), positive=positive)


def test_amounts_have_no_calibration() -> None:
    table = panel(users=60)
    target = fit_target("spend", table, np.arange(60))
    assert calibration_evidence(target, np.ones(3), np.ones(3), 0) is None
    assert missed(replace(GOOD, calibration=None)) == []


def test_a_slice_that_is_clearly_worse_refuses_and_is_named() -> None:
    worse = Comparison("average_precision", 0.6, 0.7, -0.1, -0.15, -0.05, 1000, 0.99)
    unsure = replace(worse, high=0.01)
    small = replace(worse, difference=-0.04)
    slices = tuple(
        SliceComparison("age", name, 150, 150, one)
        for name, one in zip("abc", (worse, unsure, small), strict=True)
    )
    decision = decide(replace(GOOD, slices=slices), GatePolicy())
    (text,) = [check.text for check in decision.checks if not check.held]
    assert "1 of 3 slices" in text and "age a by 0.1000" in text and "150 users" in text
    assert missed(replace(GOOD, slices=slices), slice_margin=0.2) == []
    assert missed(replace(GOOD, slices=())) == missed(GOOD) == []


def test_slices_are_the_groups_of_profile_columns_with_enough_users() -> None:
    table = panel(users=400, cutoffs=1)
    rows = replace(table, meta=replace(table.meta, settings={"profile_categorical": ["region", "age"]}))
    rng = np.random.default_rng(0)
    y = (rng.random(400) < 0.4).astype(int)
    good, bad = y + rng.normal(size=400), y + rng.normal(size=400)
    south = (rows.frame["region"] == "south").to_numpy()
    bad[~south] = good[~south]
    good[south] = rng.normal(size=south.sum())
    given = {"metric": "average_precision", "level": 0.95, "replicates": 300, "seed": 0}
    found = slice_comparisons(rows, y, good, bad, least_users=100, **given)
    assert {(one.column, one.value) for one in found} == {
        ("region", "north"),
        ("region", "south"),
        ("age", "35-44"),
    }
    by_value = {one.value: one for one in found}
    assert by_value["north"].comparison.difference == 0
    assert by_value["south"].comparison.high < 0 and by_value["south"].users == south.sum()
    assert all(one.comparison.level == pytest.approx(1 - 0.05 / 3) for one in found)
    with_small = slice_comparisons(rows, y, good, bad, least_users=10, **given)
    assert ("age", "not known") in {(one.column, one.value) for one in with_small}
    assert slice_comparisons(table, y, good, bad, least_users=1, **given) == ()
