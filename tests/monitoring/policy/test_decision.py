"""Tests of the policy: it is pure, too few users conclude nothing, and drift must be real and important."""

from __future__ import annotations

import pytest

from monitoring.drift.results import ColumnDrift
from monitoring.drift.window_drift import window_drift
from monitoring.evidence import Evidence
from monitoring.performance.results import EstimatedFigure, Performance, RealisedFigure, ReferencePerformance
from monitoring.policy.decision import NOTHING_BEFORE, MonitoringDecision, decide, drifted_columns
from monitoring.policy.policy import Policy
from monitoring.policy.reasons import reasons, verdict
from monitoring.policy.window_history import MonitoredWindow, WindowHistory, latest_of_each, poor_among, since
from purchasing_power.errors import DataError
from purchasing_power.evaluation.bootstrap import Comparison, Interval

UNKNOWN = Performance((), "No label has matured.", 0)
NOW = "2024-06-23"


def column(p_value: float = 1.0, effect: float = 0.0, name: str = "spend_28d", importance: float = 0.1) -> ColumnDrift:
    test = "Kolmogorov-Smirnov"
    return ColumnDrift(name, "numeric", test, p_value, effect, "at most 3", 0.1, 0.1, 1.0, 1.0, importance=importance)


def around(middle: float) -> Interval:
    return Interval("average_precision", middle, middle - 0.03, middle + 0.03, 1000, 0.95)


def ahead(value: float, by: float) -> Comparison:
    return Comparison("average_precision", value, value - by, by, by - 0.04, by + 0.04, 1000, 0.95)


def realised(
    value: float, reference: float | None = 0.8, users: int = 1000, lead: float = 0.01, moment: str = ""
) -> Performance:
    before = None if reference is None else ReferencePerformance(around(reference), ahead(reference, 0.2))
    return Performance((RealisedFigure(around(value), ahead(value, lead), before),), "Evaluated.", users, moment)


def evidence(
    drifted: int = 0,
    score: bool = False,
    performance: Performance = UNKNOWN,
    users: int = 1000,
    estimate: float | None = None,
) -> Evidence:
    columns = [column(1e-9, 0.4, f"c{n}") for n in range(drifted)]
    columns += [column(0.9, 0.01, f"c{n}") for n in range(drifted, 10)]
    of_score = column(1e-9 if score else 0.5, 0.3, "score")
    estimates = () if estimate is None else (EstimatedFigure(around(estimate), around(0.8), 0.8),)
    window = window_drift(tuple(columns), of_score, None)
    return Evidence(users, users, tuple(columns), of_score, performance, window=window, estimates=estimates)


def history(*windows: MonitoredWindow, retrain: float | None = None, age: float | None = None) -> WindowHistory:
    return WindowHistory(windows, retrain, age)


def before(number: int, **found: object) -> MonitoredWindow:
    """A healthy window, the one ``number`` windows before this one."""
    moment = f"2024-0{6 - number}-01"
    healthy = {
        "state": "Healthy",
        "drifted": False,
        "important": False,
        "dropped": False,
        "evaluated": "",
        "poor": False,
    }
    return MonitoredWindow(moment, **{**healthy, **found})


def acted(
    given: Evidence, past: WindowHistory = NOTHING_BEFORE, mode: str = "when_needed", **policy: float
) -> MonitoringDecision:
    return decide(given, Policy(0.3, 200, mode, **policy), past, NOW)


def why(given: Evidence, past: WindowHistory = NOTHING_BEFORE, mode: str = "when_needed") -> tuple[str, ...]:
    return reasons(given, acted(given, past, mode), Policy(0.3, 200, mode), past)


CASES = [
    # drifted columns of ten, score drifted, performance, drifted?, verdict opens with
    (0, False, UNKNOWN, False, "Healthy: no column drifted; the scores did not. No retraining."),
    (2, False, UNKNOWN, False, "Healthy: 2 of 10 columns drifted; the scores did not. No retraining."),
    (3, False, UNKNOWN, False, "Healthy: 3 of 10 columns drifted; the scores did not."),
    (4, False, UNKNOWN, True, "Watch: 4 of 10 columns drifted; the scores did not. No retraining."),
    (0, True, UNKNOWN, True, "Watch: no column drifted; the scores did. No retraining."),
    (2, True, UNKNOWN, True, "Watch: 2 of 10 columns drifted and so did the scores. No retraining."),
    (9, True, UNKNOWN, True, "Watch: 9 of 10 columns drifted and so did the scores. No retraining."),
    (0, False, realised(0.8), False, "Healthy: no column drifted"),
    (0, False, realised(0.78), False, "Healthy: no column drifted"),
    (0, False, realised(0.6), False, "Watch: no column drifted; the scores did not, and the model performs below"),
    (0, False, realised(0.6, reference=None), False, "Healthy"),
    (0, False, realised(0.6, users=50), False, "Healthy"),
    (0, False, realised(0.6, lead=0.2), False, "Healthy"),
    (0, False, realised(0.9), False, "Healthy"),
]


@pytest.mark.parametrize(("drifted", "score", "performance", "alert", "opening"), CASES)
def test_one_window_alone_never_starts_a_retraining(
    drifted: int, score: bool, performance: Performance, alert: bool, opening: str
) -> None:
    given, policy = evidence(drifted, score, performance), Policy(0.3, 200, "when_needed")
    decision = decide(given, policy)
    assert (decision.drifted, decision.retrain) == (alert, False)
    assert verdict(given, decision, policy).startswith(opening)
    assert decide(given, policy) == decision
    assert len(reasons(given, decision, policy, NOTHING_BEFORE)) == 4


def test_poor_performance_in_m_of_n_windows_and_in_the_latest_one_starts_a_retraining() -> None:
    poor_before = before(2, evaluated="2024-03-01", poor=True)
    fine_before = before(1, evaluated="2024-04-01")
    found = acted(evidence(performance=realised(0.6, moment="2024-05-26")), history(poor_before, fine_before))
    assert found.retrain and (found.state, found.cause, found.poor) == ("Act", "performance", (2, 3))
    given = evidence(performance=realised(0.6, moment="2024-05-26"))
    assert "below its reference (in 2 of the last 3 windows). Retraining." in verdict(
        given, found, Policy(0.3, 200, "when_needed")
    )
    again = history(poor_before, before(1, evaluated="2024-04-01", poor=True))
    assert not acted(evidence(performance=realised(0.8, moment="2024-05-26")), again).retrain
    assert not acted(
        given, history(before(4, evaluated="2024-01-01", poor=True), fine_before, before(0, evaluated="2024-05-01"))
    ).retrain


def test_a_cutoff_that_two_windows_evaluate_is_one_piece_of_evidence() -> None:
    same = before(1, evaluated="2024-05-26", poor=True)
    found = acted(evidence(performance=realised(0.6, moment="2024-05-26")), history(same))
    assert not found.retrain and found.poor == (1, 1) and found.state == "Watch"
    assert poor_among((same, before(0, evaluated="2024-05-26")), 3) == (0, 1)


def test_a_window_counts_once_however_often_it_was_looked_at() -> None:
    twice = [before(2, state="Watch"), before(1), before(2, state="Act")]
    kept = latest_of_each(twice)
    assert [(one.moment, one.state) for one in kept] == [("2024-04-01", "Act"), ("2024-05-01", "Healthy")]
    assert since([before(3), before(2, state="Watch"), before(1, state="Watch")]) == "2024-04-01"
    assert since([]) == ""


def test_an_estimated_drop_calls_for_retraining_only_with_important_drift_in_m_of_n_windows() -> None:
    dropped = history(before(2, dropped=True, important=True), before(1))
    assert acted(evidence(4, estimate=0.6), dropped).cause == "estimate"
    assert acted(evidence(4, estimate=0.6), dropped).retrain
    assert not acted(evidence(0, estimate=0.6), dropped).retrain
    assert acted(evidence(0, estimate=0.6), dropped).state == "Watch"
    assert not acted(evidence(4, estimate=0.6), history(before(2, dropped=True))).retrain
    assert not acted(evidence(4, estimate=0.6), dropped, drift_importance=0.5).retrain
    assert not acted(evidence(4, estimate=0.79), dropped).retrain


def test_after_a_retraining_the_cool_down_holds_the_next_one_back_and_says_so() -> None:
    given = evidence(performance=realised(0.6, moment="2024-05-26"))
    poor = before(1, evaluated="2024-04-01", poor=True)
    held = acted(given, history(poor, retrain=14))
    assert not held.retrain and held.blocked_by == "cool_down" and held.state == "Act"
    assert "the last one was 14 days ago" in why(given, history(poor, retrain=14))[-1]
    assert acted(given, history(poor, retrain=28)).retrain
    assert acted(given, history(poor, retrain=14), "always").retrain
    assert not acted(evidence(), history(retrain=14, age=400)).retrain


@pytest.mark.parametrize("mode", ["when_needed", "always"])
def test_a_retraining_that_is_at_work_is_not_doubled(mode: str) -> None:
    poor = before(1, evaluated="2024-04-01", poor=True)
    given = evidence(performance=realised(0.6, moment="2024-05-26"))
    found = acted(given, WindowHistory((poor,), at_work=True), mode)
    assert not found.retrain and found.blocked_by == "at_work"
    assert "at work" in why(given, WindowHistory((poor,), at_work=True), mode)[-1]
    assert acted(evidence(), WindowHistory((poor,), at_work=True)).blocked_by == ""


def test_an_old_version_is_retrained_on_schedule_and_nothing_is_wrong() -> None:
    found = acted(evidence(), history(age=180))
    assert found.retrain and (found.state, found.cause) == ("Healthy", "schedule")
    assert verdict(evidence(), found, Policy(0.3, 200, "when_needed")).endswith("Retraining on schedule.")
    assert not acted(evidence(), history(age=179)).retrain
    assert not acted(evidence(), history(age=5000), max_age_days=0).retrain
    assert not acted(evidence(users=199), history(age=400)).retrain


def test_a_hard_month_is_not_blamed_on_a_model_that_keeps_its_lead() -> None:
    hard = evidence(performance=realised(0.6, lead=0.2, moment="2024-05-26"))
    past = history(before(1, evaluated="2024-04-01", poor=True))
    assert not acted(hard, past).retrain and "The month was hard" in why(hard, past)[2]
    # A model that is no longer clearly ahead is to blame even where its lead was small before.
    reference = ReferencePerformance(around(0.8), ahead(0.8, 0.05))
    small = RealisedFigure(around(0.6), ahead(0.6, 0.02), reference)
    assert small.poor and not small.keeps_its_lead


@pytest.mark.parametrize("mode", ["when_needed", "always", "never"])
@pytest.mark.parametrize("reference", [True, False])
def test_too_few_users_on_either_side_conclude_nothing_in_any_mode(mode: str, reference: bool) -> None:
    given = evidence(10, True, realised(0.1))
    few = Evidence(
        1000 if reference else 199, 199 if reference else 1000, given.columns, given.score, given.performance
    )
    policy = Policy(0.3, 200, mode)
    decision = decide(few, policy)
    assert (decision.drifted, decision.retrain) == (False, False)
    (reason,) = reasons(few, decision, policy, NOTHING_BEFORE)
    assert reason.startswith("Too few users to tell: 199")
    assert verdict(few, decision, policy).startswith("Too few users to tell")


def test_never_holds_back_and_always_goes_ahead_and_both_say_so() -> None:
    poor = history(before(1, evaluated="2024-04-01", poor=True))
    given = evidence(8, True, realised(0.6, moment="2024-05-26"))
    held = acted(given, poor, "never")
    assert held.drifted and held.state == "Act" and not held.retrain
    assert "retrain=never" in why(given, poor, "never")[-1]
    quiet = decide(evidence(), Policy(0.3, 200, "always"))
    assert quiet.retrain and not quiet.drifted
    assert "retrain=always" in why(evidence(), NOTHING_BEFORE, "always")[-1]
    assert verdict(evidence(), quiet, Policy(0.3, 200, "always")).startswith("Healthy")


def test_a_p_value_counts_only_after_correction_for_the_number_of_tests() -> None:
    others = tuple(column(0.9, 0.01, f"c{n}") for n in range(59))
    for p_value, counts in ((0.03, 0), (0.0001, 1)):
        columns = (column(p_value, 0.4), *others)
        window = window_drift(columns, column(0.5, 0.3, "score"), None)
        given = Evidence(1000, 1000, columns, columns[0], UNKNOWN, window=window)
        assert len(drifted_columns(given)) == counts
    assert drifted_columns(Evidence(1000, 1000, others, others[0], UNKNOWN)) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"drift_share": 1.5},
        {"drift_share": -0.1},
        {"drift_importance": 2},
        {"retrain": "sometimes"},
        {"poor_windows": 4},
    ],
)
def test_a_policy_out_of_range_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(DataError, match="allowed"):
        Policy(**{"drift_share": 0.3, "min_users": 200, "retrain": "never", **wrong})
