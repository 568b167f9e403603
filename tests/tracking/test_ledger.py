"""Tests of the ledger: it only grows, and whoever changes it is seen."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pytest
from mlflow.tracking import MlflowClient
from registered import MODEL, fresh

from tracking import ledger, runs
from tracking.ledger_record import Record, problems


@pytest.fixture
def three(tmp_path: Path) -> list[Record]:
    fresh(tmp_path)
    with mlflow.start_run():
        return [ledger.append(MODEL, "switch", str(n), figures={"n": (n, float("nan"))}) for n in (1, 2, 3)]


def faults() -> list[str]:
    return problems(ledger.records(MODEL), ledger.head(MODEL))


def artifact(number: int) -> Path:
    experiment = MlflowClient().get_experiment_by_name(f"{MODEL}.ledger").experiment_id
    (run,) = MlflowClient().search_runs([experiment], f"tags.`ledger.number` = '{number}'")
    return Path(runs.location(f"runs:/{run.info.run_id}/record.json"))


def test_records_come_back_as_they_were_written_each_naming_the_one_before(three: list[Record]) -> None:
    found = ledger.records(MODEL)
    assert found == three
    assert [one.number for one in found] == [1, 2, 3]
    assert [one.previous for one in found] == ["none", found[0].digest, found[1].digest]
    assert found[2].figures == {"n": [3, None]}
    assert faults() == []


@pytest.mark.parametrize("field", ["reason", "version", "time"])
def test_an_edited_record_is_seen(three: list[Record], field: str) -> None:
    path = artifact(2)
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, field: "another"}))
    try:
        assert faults() == ["Record 2 was edited: its digest does not fit its content."]
    finally:
        path.write_text(json.dumps(kept))


def test_an_edit_with_a_new_digest_breaks_the_chain(three: list[Record]) -> None:
    path = artifact(2)
    kept = path.read_text()
    changed = Record(**{**json.loads(kept), "reason": "another"})
    path.write_text(json.dumps({**json.loads(kept), "reason": "another", "digest": changed.computed_digest()}))
    try:
        (fault,) = faults()
        assert fault.startswith("Record 3 does not follow the record before it")
    finally:
        path.write_text(kept)


@pytest.mark.parametrize(
    ("number", "said"), [(1, "Records before number 2"), (2, "Records before number 3"), (3, "newest records")]
)
def test_a_deleted_record_is_seen(three: list[Record], number: int, said: str) -> None:
    MlflowClient().delete_run(artifact(number).parents[1].name)
    (fault,) = faults()
    assert said in fault


def test_writers_at_once_stand_in_one_row(three: list[Record]) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: ledger.append(MODEL, "switch", str(n)), range(8)))
    assert [one.number for one in ledger.records(MODEL)] == list(range(1, 12))
    assert faults() == []


def test_tries_count_looks_at_the_gate_to_staging_and_nothing_else(tmp_path: Path) -> None:
    fresh(tmp_path)
    with mlflow.start_run():
        for action in ("promote", "refuse", "dry_run", "rollback", "switch"):
            ledger.append(MODEL, action, "2", to_stage="staging", against="1")
        ledger.append(MODEL, "refuse", "2", to_stage="staging", against="9")
        ledger.append(MODEL, "refuse", "2", to_stage="production", against="1")
    assert (ledger.tries(MODEL, "1"), ledger.tries(MODEL, "9")) == (3, 1)
