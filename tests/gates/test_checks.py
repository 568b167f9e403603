"""Tests of the gate's further checks: tries, accepted advantages, calibration, slices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tables import panel

from purchasing_power.evaluation.bootstrap import (
    Comparison,
    Interval,
    Measure,
    Resampling,
    percentiles,
    replicates_for,
    weighted_metric,
)
from purchasing_power.evaluation.slices import SliceComparison, slice_comparisons
from purchasing_power.gates.checks import (
    CalibrationEvidence,
    calibration_check,
    calibration_evidence,
    shift_check,
    slices_check,
    stability_check,
)
from purchasing_power.gates.decision import Check, corrected_level
from purchasing_power.gates.staging import Advantage, GateEvidence, GatePolicy, OwnEvidence, decide
from purchasing_power.snapshot.target import Target, fit_target

BETTER = Comparison("average_precision", 0.80, 0.75, 0.05, 0.02, 0.08, 1000, 0.95)
SLIGHTLY_WORSE = Comparison("average_precision", 0.748, 0.75, -0.002, -0.008, 0.004, 1000, 0.95)
GOOD = GateEvidence(
    challenger=Interval("average_precision", 0.80, 0.77, 0.83, 1000, 0.95),
    baseline=BETTER,
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
    (text,) = [c.text for c in decide(replace(again, production=surer), GatePolicy()).checks if c.name == "production"]
    assert "Try 3 against this version" in text and "99.44%" in text


def test_all_tries_together_pass_a_version_that_is_no_better_in_fewer_than_one_in_twenty_cases() -> None:
    assert corrected_level(0.95, 1) == 0.95
    assert sum((1 - corrected_level(0.95, n)) / 2 for n in range(1, 10_000)) < 0.05
    rng = np.random.default_rng(0)
    passed = sum(
        any(rng.normal() > -_quantile((1 - corrected_level(0.95, n)) / 2) for n in range(1, 31)) for _ in range(2000)
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
    assert calibration_check(CalibrationEvidence(0.09, 0.02, 2000), 0.1).held
    assert not calibration_check(CalibrationEvidence(0.11, 0.02, 2000), 0.1).held
    assert calibration_check(CalibrationEvidence(0.11, 0.15, 60), 0.1).held


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
    assert calibration_check(None, 0.1).held


def test_a_slice_that_is_clearly_worse_refuses_and_is_named() -> None:
    worse = Comparison("average_precision", 0.6, 0.7, -0.1, -0.15, -0.05, 1000, 0.99)
    unsure = replace(worse, high=0.01)
    small = replace(worse, difference=-0.04)
    slices = tuple(
        SliceComparison("age", name, 150, 150, one) for name, one in zip("abc", (worse, unsure, small), strict=True)
    )
    check = slices_check(slices, 0.05)
    text = check.text
    assert not check.held
    assert "1 of 3 slices" in text and "age a by 0.1000" in text and "150 users" in text
    assert slices_check(slices, 0.2).held
    assert slices_check((), 0.05).held and slices_check(None, 0.05).held


def test_a_check_of_the_kind_refuses_as_every_other_does() -> None:
    own = OwnEvidence(checks=(Check("stability", False, "It changes."),))
    assert missed(replace(GOOD, own=own)) == ["stability"]


def test_a_kind_without_labels_is_gated_by_its_own_checks_and_rows_alone() -> None:
    unlabelled = replace(GOOD, challenger=None, baseline=None, production=None)
    agreement = Interval("agreement", 0.9, 0.8, 0.95, 100, 0.95)
    own = OwnEvidence(checks=(stability_check(agreement, 0.7), shift_check(0.1, 0.3)))
    assert missed(replace(unlabelled, own=own)) == []
    shaky = OwnEvidence(checks=(stability_check(agreement, 0.85), shift_check(0.4, 0.3)))
    assert missed(replace(unlabelled, own=shaky)) == ["stability", "shift"]
    assert shift_check(None, 0.3).held


def test_slices_are_the_groups_of_profile_columns_with_enough_users() -> None:
    table = panel(users=400, cutoffs=1)
    rows = replace(table, meta=replace(table.meta, settings={"profile_categorical": ["region", "age"]}))
    rng = np.random.default_rng(0)
    y = (rng.random(400) < 0.4).astype(int)
    good, bad = y + rng.normal(size=400), y + rng.normal(size=400)
    south = (rows.frame["region"] == "south").to_numpy()
    bad[~south] = good[~south]
    good[south] = rng.normal(size=south.sum())

    def measures(at: np.ndarray) -> tuple[Measure, Measure]:
        first, second = (weighted_metric("average_precision", y[at], score[at]) for score in (good, bad))
        return first, second

    given = (measures, "average_precision")
    found = slice_comparisons(rows, *given, 100, Resampling(300))
    assert {(one.column, one.value) for one in found} == {("region", "north"), ("region", "south"), ("age", "35-44")}
    by_value = {one.value: one for one in found}
    assert by_value["north"].comparison.difference == 0
    assert by_value["south"].comparison.high < 0 and by_value["south"].users == south.sum()
    assert all(one.comparison.level == pytest.approx(1 - 0.05 / 3) for one in found)
    with_small = slice_comparisons(rows, *given, 10, Resampling(300))
    assert ("age", "not known") in {(one.column, one.value) for one in with_small}
    assert slice_comparisons(table, *given, 1, Resampling(300)) == ()
