"""Tests of the gate to production: contract, agreement, latency and approval each can refuse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from purchasing_power.errors import DataError
from purchasing_power.gates.serving import ContractTest, Load, ServingEvidence, ServingPolicy, decide_serving

LOAD = Load(clients=4, seconds=3.0, workers=2, requests=900, failed=0, p50_ms=12.0, p99_ms=80.0)
GOOD = ServingEvidence(
    (ContractTest("a good row", 200, 200), ContractTest("a wrong type", 400, 400)), 2e-9, 50, LOAD, None
)


def missed(evidence: ServingEvidence, **policy: object) -> list[str]:
    decision = decide_serving(evidence, ServingPolicy(**policy))
    found = [check.name for check in decision.checks if not check.held]
    assert decision.passed == (not found)
    return found


def test_a_version_that_keeps_what_was_promised_passes() -> None:
    assert missed(GOOD) == []
    assert "p99 80 ms" in " ".join(decide_serving(GOOD, ServingPolicy()).reasons)


@pytest.mark.parametrize(
    "broken", [ContractTest("a null", 200, 500), ContractTest("a null", 200, 200, "not one prediction for one row")]
)
def test_one_wrong_answer_breaks_the_contract_and_is_named(broken: ContractTest) -> None:
    evidence = replace(GOOD, contract=(*GOOD.contract, broken))
    assert missed(evidence) == ["contract"]
    assert "1 of 3 contract requests went wrong: a null" in " ".join(decide_serving(evidence, ServingPolicy()).reasons)


@pytest.mark.parametrize("changes", [{"difference": 2e-6}, {"difference": float("inf")}, {"rows": 0}])
def test_a_figure_that_differs_or_nothing_compared_refuses(changes: dict[str, float]) -> None:
    assert missed(replace(GOOD, **changes)) == ["agreement"]


@pytest.mark.parametrize("load", [replace(LOAD, p99_ms=1001.0), replace(LOAD, failed=1), replace(LOAD, requests=0)])
def test_a_slow_or_failing_or_silent_server_refuses(load: Load) -> None:
    assert missed(replace(GOOD, load=load)) == ["latency"]


def test_approval_is_asked_for_where_it_is_required_and_by_a_name() -> None:
    assert missed(GOOD, approval=True) == ["approval"]
    assert missed(replace(GOOD, approved_by="A. Person"), approval=True) == []
    assert "'approved_by'" in " ".join(decide_serving(GOOD, ServingPolicy(approval=True)).reasons)


def test_a_share_of_unanswered_requests_above_all_of_them_is_refused() -> None:
    with pytest.raises(DataError, match=r"shadow_failed: got 1\.5; a share from 0 to 1"):
        ServingPolicy(shadow_failed=1.5)
