"""Tests of what the ledger says about stages."""

from __future__ import annotations

from typing import Any

from tracking.alias_audit import StageAudit, came_after, replay
from tracking.ledger_record import Record


def records(*facts: dict[str, Any]) -> list[Record]:
    common = {"time": "2026-01-01T00:00:00+00:00", "who": "a@b", "model": "m"}
    return [Record(number=number, **{**common, **one}) for number, one in enumerate(facts, 1)]


def up(version: str, before: str | None, run: str = "r") -> dict[str, Any]:
    return {"action": "promote", "version": version, "to_stage": "production", "before": before, "run_id": run}


def stands(found: list[Record]) -> dict[str, str | None]:
    return {stage: version for stage, (version, _) in replay(found).items()}


def test_a_promotion_leaves_the_version_before_as_previous() -> None:
    found = records(up("1", None), up("2", "1"))
    assert stands(found) == {"production": "2", "previous": "1"}
    assert came_after("2", found) == "1" and came_after("1", found) is None


def test_a_rollback_and_a_retired_alias_move_stages_and_a_refusal_moves_none() -> None:
    back = {"action": "rollback", "version": "2", "to_stage": "production", "before": "3", "data": {"previous": "1"}}
    gone = {"action": "retire", "version": "1", "from_stage": "previous"}
    refused = {"action": "refuse", "version": "9", "to_stage": "production"}
    found = records(up("1", None), up("2", "1"), up("3", "2"), back, refused)
    assert stands(found) == {"production": "2", "previous": "1"}
    assert stands(records(up("1", None), up("2", "1"), gone)) == {"production": "2", "previous": None}


def test_a_move_that_was_overtaken_does_not_count() -> None:
    lost = {"action": "overtaken", "version": "2", "to_stage": "production", "run_id": "loser"}
    found = records(up("1", None), up("3", "1", "winner"), up("2", "1", "loser"), lost)
    assert stands(found) == {"production": "3", "previous": "1"}


def test_a_stage_tells_whether_it_vanished_was_moved_or_is_as_recorded() -> None:
    (record,) = records(up("2", None))
    assert StageAudit("production", "2", "2", record).problem == ""
    assert "has vanished" in StageAudit("production", None, "2", record).problem
    assert "moved past the gate" in StageAudit("production", "5", "2", record).problem
    assert StageAudit("candidate", "5", None, None).problem == ""
