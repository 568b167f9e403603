"""Tests of the gate to staging: what moves up, and what is refused with which reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from purchasing_power.evaluation.bootstrap import Comparison, Interval, Resampling, paired_bootstrap
from purchasing_power.gates.staging import GateEvidence, GatePolicy, decide

BETTER = Comparison("average_precision", 0.80, 0.75, 0.05, 0.02, 0.08, 1000, 0.95)
TIE = Comparison("average_precision", 0.75, 0.75, 0.0, 0.0, 0.0, 1000, 0.95)
ALMOST = Comparison("average_precision", 0.77, 0.75, 0.02, -0.001, 0.04, 1000, 0.95)
USUAL = GatePolicy()
GOOD = GateEvidence(
    challenger=Interval("average_precision", 0.80, 0.77, 0.83, 1000, 0.95),
    baseline=BETTER,
    production=BETTER,
    rows=2469,
    users=2469,
)


def refusals(evidence: GateEvidence, policy: GatePolicy = USUAL) -> list[str]:
    decision = decide(evidence, policy)
    found = [reason for reason in decision.reasons if reason.startswith("Refused")]
    assert decision.passed == (not found)
    return found


def test_a_clearly_better_challenger_passes() -> None:
    assert refusals(GOOD) == []
    assert any("+0.0500" in r and "+0.0200 to +0.0800" in r for r in decide(GOOD, GatePolicy()).reasons)


def test_a_tie_keeps_production() -> None:
    (reason,) = refusals(replace(GOOD, production=TIE))
    assert "production is not clearly beaten" in reason


def test_an_interval_that_touches_zero_keeps_production() -> None:
    assert len(refusals(replace(GOOD, production=ALMOST))) == 1


def test_the_first_version_needs_to_beat_the_baseline_alone() -> None:
    assert refusals(replace(GOOD, production=None)) == []
    assert refusals(replace(GOOD, production=None, users=60)) == []
    (reason,) = refusals(replace(GOOD, production=None, baseline=ALMOST))
    assert "the naive baseline is not clearly beaten" in reason


def test_the_baseline_binds_later_versions_too() -> None:
    assert len(refusals(replace(GOOD, baseline=TIE))) == 1


def test_rows_that_a_model_trained_on_are_refused() -> None:
    (reason,) = refusals(replace(GOOD, overlap={"the challenger": 0, "production": 1}))
    assert "production was trained on 1 of the 2,469 evaluation rows" in reason
    assert "the challenger" not in reason
    none = decide(replace(GOOD, overlap={"the challenger": 0, "production": 0}), USUAL).checks[0]
    assert none.name == "unseen rows" and "trained on 0 of the 2,469 evaluation rows" in none.text


def test_too_few_users_are_refused() -> None:
    (reason,) = refusals(replace(GOOD, users=99))
    assert "99 users" in reason and "at least 100" in reason


def test_every_failed_check_has_its_own_reason() -> None:
    worst = replace(GOOD, users=3, overlap={"the challenger": 3}, baseline=TIE, production=TIE)
    assert len(refusals(worst)) == 4


def test_the_policy_moves_the_bar() -> None:
    assert len(refusals(GOOD, GatePolicy(margin=0.02))) == 1
    assert len(refusals(GOOD, GatePolicy(floor_margin=0.03))) == 1
    assert len(refusals(GOOD, GatePolicy(level=0.99))) == 2
    assert len(refusals(GOOD, GatePolicy(min_users=3000))) == 1


def test_an_undefined_difference_is_refused() -> None:
    nan = float("nan")
    undefined = replace(BETTER, challenger=nan, difference=nan, low=nan, high=nan)
    (reason,) = refusals(replace(GOOD, production=undefined))
    assert "not defined" in reason


def shop_month(rng: np.random.Generator, challenger_noise: float) -> bool:
    """Whether the gate lets a challenger pass on 500 simulated users; production's noise is 1."""
    signal = rng.normal(size=500)
    y = (signal + rng.normal(size=500) > 1.2).astype(int)
    production = signal + rng.normal(size=500)
    challenger = signal + challenger_noise * rng.normal(size=500)
    against = paired_bootstrap(y, challenger, production, np.arange(500), resampling=Resampling(300))
    return decide(replace(GOOD, production=against), GatePolicy()).passed


@pytest.mark.parametrize("seed", [0])
def test_of_two_equal_models_the_gate_lets_at_most_one_in_twenty_pass(seed: int) -> None:
    rng = np.random.default_rng(seed)
    passed = sum(shop_month(rng, 1.0) for _ in range(150))
    assert passed <= 14  # 2.5 % are expected; 14 of 150 is beyond chance for a rate of 5 %


def test_a_clearly_better_model_passes_nearly_always() -> None:
    rng = np.random.default_rng(1)
    assert sum(shop_month(rng, 0.2) for _ in range(20)) >= 19


def test_a_version_trained_on_leaking_columns_is_refused_unless_that_is_accepted() -> None:
    leaking = replace(GOOD, leaks=("refund alone gives an AUC of 0.9990 for y on 900 rows.",))
    (reason,) = refusals(leaking)
    assert "refund alone gives an AUC of 0.9990" in reason and "-P leak=accepted" in reason
    assert refusals(leaking, replace(USUAL, leak="accepted")) == []
    assert any("That was accepted" in said for said in decide(leaking, replace(USUAL, leak="accepted")).reasons)
    assert leaking.to_dict()["leaks"] == leaking.leaks
