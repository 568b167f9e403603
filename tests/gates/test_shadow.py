"""Tests of the shadow's evidence: unanswered requests refuse, differences are shown, no scores refuse nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from purchasing_power.gates.shadow import ShadowEvidence, shadow_check, shadow_evidence

START = pd.Timestamp("2026-01-02", tz="UTC")


def answers(*rows: tuple[str | None, int, float, float, str | None, str | None]) -> pd.DataFrame:
    """User, second of the request, both scores (production's first) and both tiers."""
    names = ["user", "at", "production_score", "staging_score", "production_tier", "staging_tier"]
    frame = pd.DataFrame(rows, columns=names)
    return frame.assign(at=START + pd.to_timedelta(frame["at"], unit="s"))


def evidence(**changes: object) -> ShadowEvidence:
    known = ShadowEvidence(200, 2, "2026-01-02T00:00:00+00:00", "2026-01-03T00:00:00+00:00", 180, 0.02, 0.97, 9)
    return replace(known, **changes)


def test_no_scores_are_no_evidence_and_refuse_nothing() -> None:
    assert shadow_evidence(answers()) is None
    check = shadow_check(None, 0.0)
    assert check.held and "There are no shadow scores" in check.text


@pytest.mark.parametrize(("failed", "held"), [(0, True), (2, True), (3, False), (200, False)])
def test_more_unanswered_requests_than_the_share_refuse(failed: int, held: bool) -> None:
    check = shadow_check(evidence(failed=failed), 0.01)
    assert (check.name, check.held) == ("shadow", held)
    assert f"left {failed} unanswered ({failed / 200:.2%}, at most 1.00% is allowed)" in check.text


def test_answers_that_differ_are_shown_and_do_not_refuse() -> None:
    check = shadow_check(evidence(difference=0.9, correlation=-1.0, moved=180), 0.01)
    assert check.held
    for words in ("180 users", "by 0.9 on average", "correlation of -1.0000", "180 of them change tier"):
        assert words in check.text


def test_a_request_of_many_users_fails_once() -> None:
    nan = float("nan")
    found = shadow_evidence(
        answers(("a", 1, 0.1, nan, "low", None), ("b", 1, 0.2, nan, "low", None), ("a", 2, 0.1, 0.1, "low", "low"))
    )
    assert (found.requests, found.failed, found.users) == (2, 1, 1)
    assert (found.first, found.last) == ("2026-01-02T00:00:01+00:00", "2026-01-02T00:00:02+00:00")


def test_the_newest_answer_to_each_user_is_compared_and_a_nameless_row_counts_for_itself() -> None:
    found = shadow_evidence(
        answers(
            ("a", 9, 0.3, 0.5, "low", "high"),
            ("a", 1, 0.1, 0.1, "low", "low"),
            ("b", 2, 0.9, 0.8, "high", "high"),
            (None, 3, 0.5, 0.5, "low", "low"),
            (None, 4, 0.6, 0.7, "low", "high"),
        )
    )
    assert (found.requests, found.users, found.moved) == (5, 4, 2)
    assert found.difference == pytest.approx((0.2 + 0.1 + 0.0 + 0.1) / 4)


def test_the_rank_correlation_is_that_of_scipy() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    ours, theirs = rng.random(50).round(1), rng.random(50)
    rows = [(f"u{n}", n, ours[n], theirs[n], None, None) for n in range(50)]
    found = shadow_evidence(answers(*rows))
    assert found.correlation == pytest.approx(spearmanr(ours, theirs).statistic)
    assert found.moved is None and "tier" not in shadow_check(found, 0.01).text


def test_what_cannot_be_compared_is_said() -> None:
    alone = shadow_evidence(answers(("a", 1, 0.1, 0.4, "low", "low")))
    assert np.isnan(alone.correlation) and "correlation that is not defined" in shadow_check(alone, 0.01).text
    failed = shadow_evidence(answers(("a", 1, 0.1, float("nan"), "low", None)))
    assert "No answer of both versions" in shadow_check(failed, 1.0).text
    assert shadow_check(failed, 1.0).held
