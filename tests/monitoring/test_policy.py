"""Laws of the policy: it is pure, too few users conclude nothing, and drift must be real and matter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from monitoring import statistics
from monitoring.evidence import ColumnDrift, Evidence, Performance, Realised
from monitoring.policy import Policy, decide, drifted_columns, significance_cut, verdict
from purchasing_power.errors import DataError
from purchasing_power.model.comparison import Comparison, Interval

UNKNOWN = Performance((), "No outcome has ripened.", 0)


def column(p_value: float = 1.0, effect: float = 0.0, name: str = "spend_28d") -> ColumnDrift:
    return ColumnDrift(
        name, "numeric", "Kolmogorov-Smirnov", p_value, effect, "at most 3", 0.1, 0.1, 1.0, 1.0
    )


def judged(value: float, promised: float | None = 0.8, users: int = 1000) -> Performance:
    def around(middle: float) -> Interval:
        return Interval("average_precision", middle, middle - 0.03, middle + 0.03, 1000, 0.95)

    naive = Comparison("average_precision", value, 0.5, value - 0.5, 0.0, 0.5, 1000, 0.95)
    promise = around(promised) if promised is not None else None
    return Performance((Realised(around(value), naive, promise),), "Judged.", users)


def evidence(
    drifted: int = 0, score: bool = False, performance: Performance = UNKNOWN, users: int = 1000
) -> Evidence:
    columns = [column(1e-9, 0.4, f"c{n}") for n in range(drifted)]
    columns += [column(0.9, 0.01, f"c{n}") for n in range(drifted, 10)]
    return Evidence(users, users, tuple(columns), column(1e-9 if score else 0.5, 0.3), performance)


CASES = [
    # drifted columns of ten, score drifted, performance, drifted?, retrain?, verdict opens with
    (0, False, UNKNOWN, False, False, "Healthy: no column drifted; the scores did not. No retraining."),
    (2, False, UNKNOWN, False, False, "Healthy: 2 of 10 columns drifted; the scores did not. No retraining."),
    (3, False, UNKNOWN, False, False, "Healthy: 3 of 10 columns drifted; the scores did not."),
    (4, False, UNKNOWN, True, False, "Watch: 4 of 10 columns drifted; the scores did not. No retraining."),
    (0, True, UNKNOWN, True, False, "Watch: no column drifted; the scores did. No retraining."),
    (2, True, UNKNOWN, True, False, "Watch: 2 of 10 columns drifted and so did the scores. No retraining."),
    (4, True, UNKNOWN, True, True, "Act: 4 of 10 columns drifted and so did the scores. Retraining."),
    (0, False, judged(0.8), False, False, "Healthy: no column drifted"),
    (0, False, judged(0.78), False, False, "Healthy: no column drifted"),
    (
        0,
        False,
        judged(0.6),
        False,
        True,
        "Act: no column drifted; the scores did not, and the model performs",
    ),
    (0, False, judged(0.6, promised=None), False, False, "Healthy"),
    (0, False, judged(0.6, users=50), False, False, "Healthy"),
    (0, False, judged(0.9), False, False, "Healthy"),
]


@pytest.mark.parametrize(("drifted", "score", "performance", "alert", "retrain", "opening"), CASES)
def test_a_decision_follows_from_the_evidence_alone(
    drifted: int, score: bool, performance: Performance, alert: bool, retrain: bool, opening: str
) -> None:
    given, policy = evidence(drifted, score, performance), Policy(0.3, 200, "when_needed")
    decision = decide(given, policy)
    assert (decision.drifted, decision.retrain) == (alert, retrain)
    assert verdict(given, decision, policy).startswith(opening)
    assert decide(given, policy) == decision
    assert len(decision.reasons) == 4


@pytest.mark.parametrize("mode", ["when_needed", "always", "never"])
@pytest.mark.parametrize("reference", [True, False])
def test_too_few_users_on_either_side_conclude_nothing_in_any_mode(mode: str, reference: bool) -> None:
    given = evidence(10, True, judged(0.1))
    few = Evidence(
        1000 if reference else 199, 199 if reference else 1000, given.columns, given.score, given.performance
    )
    decision = decide(few, Policy(0.3, 200, mode))
    assert (decision.drifted, decision.retrain) == (False, False)
    assert decision.reasons[0].startswith("Too few users to tell: 199")
    assert verdict(few, decision, Policy(0.3, 200, mode)).startswith("Too few users to tell")


def test_never_holds_back_and_always_goes_ahead_and_both_say_so() -> None:
    held = decide(evidence(8, True), Policy(0.3, 200, "never"))
    assert held.drifted and not held.retrain and "retrain=never" in held.reasons[-1]
    quiet = decide(evidence(), Policy(0.3, 200, "always"))
    assert quiet.retrain and not quiet.drifted and "retrain=always" in quiet.reasons[-1]
    assert verdict(evidence(), quiet, Policy(0.3, 200, "always")).startswith("Healthy")


def test_ten_thousand_users_do_not_flag_what_nobody_would_act_on() -> None:
    rng = np.random.default_rng(0)
    before, now = (pd.Series(rng.normal(mean, 1, 10_000)) for mean in (0, 0.07))
    p_value, effect = statistics.ks(before, now)
    assert p_value < 0.01
    assert not drifted_columns((column(p_value, effect),))


def test_a_p_value_counts_only_after_correction_for_the_number_of_columns() -> None:
    assert significance_cut(np.array([0.03])) == 0.03
    assert significance_cut(np.array([0.03, *[0.9] * 59])) == -1.0
    assert significance_cut(np.array([0.0001, 0.0012, *[0.9] * 58])) == 0.0012
    assert significance_cut(np.array([])) == -1.0


@pytest.mark.parametrize("users", [50, 200, 1000])
def test_windows_without_drift_seldom_raise_an_alert(users: int) -> None:
    rng = np.random.default_rng(users)
    alerts = 0
    for _ in range(60):
        tested = [
            statistics.ks(*(pd.Series(rng.exponential(size=users)) for _ in range(2))) for _ in range(20)
        ]
        columns = tuple(column(p, effect, f"c{n}") for n, (p, effect) in enumerate(tested))
        given = Evidence(users, users, columns, columns[0], UNKNOWN)
        alerts += decide(given, Policy(0.0, 1, "when_needed")).drifted
    assert alerts <= 7  # 3 are expected where a single column is enough


@pytest.mark.parametrize(("share", "mode"), [(1.5, "never"), (-0.1, "never"), (0.3, "sometimes")])
def test_a_policy_out_of_range_is_refused(share: float, mode: str) -> None:
    with pytest.raises(DataError, match="allowed"):
        Policy(share, 200, mode)
