"""Tests of the gate to staging and of the ledger that tells it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient
from registered import MODEL, arguments, fresh, run, stand

from purchasing_power.errors import DataError
from purchasing_power.evaluation.holdout import held_out
from purchasing_power.gates.staging import decide
from purchasing_power.kinds.purchase import KIND
from purchasing_power.snapshot import user_table
from steps import promote
from steps.promotion.evidence import Models, gate_policy, gather
from steps.promotion.gates import Case, run_gate
from steps.promotion.move import carry_out
from tracking import ledger, lock, registry, runs
from tracking.ledger_record import problems


@pytest.fixture
def users(tmp_path: Path) -> str:
    """A registry whose version 1 is in production, and a user table that nobody has seen the end of."""
    folder = fresh(tmp_path)
    stand(production="1")
    return str(folder)


def where() -> dict[str, str | None]:
    return {stage: registry.number_at(MODEL, stage) for stage in registry.STAGES}


def test_a_better_version_moves_one_step_and_the_ledger_tells_all(users: str) -> None:
    made = run(promote, users=users, version="2", to="staging")
    assert made["gate"] == "promoted"
    assert where() == {"candidate": "3", "staging": "2", "production": "1", "previous": None}
    (record,) = ledger.records(MODEL)
    assert (record.action, record.version, record.from_stage, record.to_stage) == (
        "promote",
        "2",
        "candidate",
        "staging",
    )
    assert (record.before, record.against, record.attempt, record.forced) == (None, "1", 1, "")
    assert len(record.commit) == 40 and record.dirty in ("true", "false") and "@" in record.who
    assert record.data["users.digest"] == user_table.read(Path(users)).digest()
    against = record.figures["production"]
    assert 0 < against["low"] < against["difference"] < against["high"]
    assert {one["column"] for one in record.figures["slices"]} == {"region", "age"}
    assert all(check["held"] for check in record.checks)
    assert record.figures["overlap"] == {"the challenger": 0, "production": 0}


def test_the_report_shows_the_checks_the_intervals_and_the_record(users: str) -> None:
    made = run(promote, users=users, version="2", to="staging")
    page = Path(runs.location(made["promotion_report"])).read_text()
    (record,) = ledger.records(MODEL)
    for words in ("Version 2 is now in staging", "against production, version 1", "region north", "Ledger record 1"):
        assert words in page
    assert record.digest[:16] in page and record.data["users.digest"] in page
    assert f"{record.figures['production']['low']:+.4f}" in page


def test_a_worse_version_is_refused_and_each_try_is_counted(users: str) -> None:
    stand(production="2")
    for attempt in (1, 2, 3):
        assert run(promote, users=users, version="1", to="staging")["gate"] == "refused"
        record = ledger.records(MODEL)[-1]
        assert (record.action, record.attempt) == ("refuse", attempt)
        assert record.figures["production"]["level"] == pytest.approx(1 - 0.05 / attempt**2)
    assert where()["staging"] is None
    assert problems(ledger.records(MODEL), ledger.head(MODEL)) == []
    stand(production="3")
    assert ledger.tries(MODEL, "3") == 0 and ledger.tries(MODEL, "2") == 3


def test_a_tie_keeps_production_even_where_being_newer_is_accepted(users: str) -> None:
    stand(production="2")
    made = run(promote, users=users, version="3", to="staging", accept="newer")
    assert made["gate"] == "refused"
    assert "not clearly beaten" in ledger.records(MODEL)[-1].reason


def test_a_dry_run_shows_the_same_decision_moves_nothing_and_counts_as_a_try(users: str) -> None:
    before = where()
    made = run(promote, users=users, version="2", to="staging", gate="dry_run", force="in a hurry")
    assert made["gate"] == "would_promote"
    assert where() == before
    assert "gate" not in MlflowClient().get_model_version(MODEL, "2").tags
    (record,) = ledger.records(MODEL)
    assert (record.action, record.forced) == ("dry_run", "") and ledger.tries(MODEL, "1") == 1


def test_a_forced_move_is_made_and_keeps_its_reason_and_what_the_gate_said(users: str) -> None:
    stand(production="2")
    made = run(promote, users=users, version="1", to="staging", force="the contract with the supplier")
    assert made["gate"] == "promoted" and where()["staging"] == "1"
    (record,) = ledger.records(MODEL)
    assert record.forced == "the contract with the supplier"
    assert [check["name"] for check in record.checks if not check["held"]]
    assert MlflowClient().get_model_version(MODEL, "1").tags["gate.forced"] == record.forced
    assert record.forced in Path(runs.location(made["promotion_report"])).read_text()


def test_a_version_trained_on_leaking_columns_is_refused_unless_that_is_accepted(
    users: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, leak = registry.open_model, "refund alone gives an AUC of 0.9990 for buying on 900 rows."

    def leaking(version, kind):  # type: ignore[no-untyped-def]
        model, leaks = opened(version, kind), [leak] if str(version.version) == "2" else []
        return replace(model, meta=replace(model.meta, settings={**model.meta.settings, "leaks": leaks}))

    monkeypatch.setattr(registry, "open_model", leaking)
    assert run(promote, users=users, version="2", to="staging")["gate"] == "refused"
    assert [one["name"] for one in ledger.records(MODEL)[-1].checks if not one["held"]] == ["leaks"]
    assert run(promote, users=users, version="2", to="staging", leak="accepted")["gate"] == "promoted"
    record = ledger.records(MODEL)[-1]
    assert record.policy["leak"] == "accepted" and record.figures["leaks"] == [leak] and "was accepted" in record.reason


def test_a_leak_that_production_has_too_was_accepted_and_a_further_one_is_refused(
    users: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = registry.open_model
    known = "refund alone gives an AUC of 0.{}990 for buying on 900 rows."
    further = ["paid alone gives an AUC of 0.9950 for buying on 900 rows."]
    more: dict[str, list[str]] = {"1": [], "2": []}

    def leaking(version, kind):  # type: ignore[no-untyped-def]
        model, number = opened(version, kind), str(version.version)
        leaks = [known.format(number), *more[number]]
        return replace(model, meta=replace(model.meta, settings={**model.meta.settings, "leaks": leaks}))

    monkeypatch.setattr(registry, "open_model", leaking)
    stand(production="1")
    more["2"] = further
    assert run(promote, users=users, version="2", to="staging")["gate"] == "refused"
    (text,) = [one["text"] for one in ledger.records(MODEL)[-1].checks if one["name"] == "leaks"]
    assert "paid" in text and "refund" not in text
    more["2"] = []
    assert run(promote, users=users, version="2", to="staging")["gate"] == "promoted"


def test_rows_that_a_version_was_trained_on_refuse_it_with_a_record(users: str, tmp_path: Path) -> None:
    table = user_table.read(Path(users))
    cutoffs = sorted(table.frame["cutoff"].unique())
    seen = table.rows((table.frame["cutoff"] < cutoffs[-2]).to_numpy().nonzero()[0])
    user_table.write(seen, tmp_path / "seen")
    with pytest.raises(DataError, match="held-out rows"):
        run(promote, users=str(tmp_path / "seen"), version="2", to="staging")
    (record,) = ledger.records(MODEL)
    assert record.action == "refuse" and "held-out rows" in record.reason
    assert where()["staging"] is None


@pytest.mark.parametrize("planted", [0, 1])
def test_one_planted_row_that_a_compared_model_was_trained_on_refuses(users: str, planted: int) -> None:
    args, table = arguments(promote, users=users, version="2", to="staging"), user_table.read(Path(users))
    challenger, champion = (registry.open_bundle(registry.find(MODEL, number)) for number in ("2", "1"))
    unseen = held_out(KIND, table, [challenger, champion]).frame
    trained = table.frame[table.frame["cutoff"] == table.frame["cutoff"].min()].head(planted)
    rows = replace(table, frame=pd.concat([unseen, trained], ignore_index=True))
    evidence = gather(args, Models(KIND, challenger, champion), table, rows, 1)
    assert evidence.overlap == {"the challenger": planted, "production": planted}
    refused = [check.name for check in decide(evidence, gate_policy(args)).checks if not check.held]
    assert refused == ["unseen rows"] * planted


def test_a_stage_that_moved_while_the_gate_ran_is_left_alone_and_the_ledger_says_so(users: str) -> None:
    args = arguments(promote, users=users, version="2", to="staging")
    table = user_table.read(Path(users))
    with mlflow.start_run():
        case = Case(args, registry.find(MODEL, "2"), MODEL, registry.find(MODEL, "1"), KIND, table, users)
        gated = run_gate(case, "staging")
        stand(staging="3")
        with pytest.raises(registry.ConcurrentMove, match="went from version none to 3"):
            carry_out(case, gated, case.version, None)
    assert where()["staging"] == "3"
    assert "went from version none to 3" in ledger.records(MODEL)[-1].reason


def test_a_second_command_is_refused_while_the_first_is_at_work(users: str) -> None:
    with lock.held(f"stages of {MODEL}"), pytest.raises(lock.Busy, match="another process is at work"):
        run(promote, users=users, version="2")
    (record,) = ledger.records(MODEL)
    assert record.action == "refuse" and "another process is at work" in record.reason


def test_what_stands_there_already_is_not_promoted_again(users: str) -> None:
    with pytest.raises(DataError, match="in production already"):
        run(promote, users=users, version="1")


def test_the_run_keeps_the_figures_and_the_records(users: str) -> None:
    made = run(promote, users=users, version="2", to="staging")
    found = MlflowClient().get_run(made["promotion_report"].split("/")[1])
    assert found.data.metrics["gate.difference_low"] > 0 and found.data.metrics["gate.attempt"] == 1
    kept = json.loads(Path(runs.location(f"runs:/{found.info.run_id}/gate.json")).read_text())
    assert kept["records"][0]["digest"] == ledger.records(MODEL)[0].digest
