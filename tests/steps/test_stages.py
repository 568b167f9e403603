"""Tests of rollback, stages, history and retire."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from registered import MODEL, fresh, lift, run, stand, table
from tables import changed, panel

from purchasing_power.errors import DataError
from purchasing_power.snapshot import user_table
from steps import history, promote, retire, rollback, stages
from tracking import ledger, registry, runs


@pytest.fixture
def users(tmp_path: Path) -> str:
    return str(fresh(tmp_path))


def where(*names: str) -> list[str | None]:
    return [registry.number_at(MODEL, name) for name in names]


def later() -> object:
    """The same shop two cutoffs later: outcomes have ripened that the gate did not know."""
    made = panel(users=400, cutoffs=8)
    return changed(made, spend_28d=np.random.default_rng(5).uniform(0, 9, len(made.frame)))


def test_each_rollback_goes_one_version_further_back(users: str, capsys: pytest.CaptureFixture[str]) -> None:
    for version in ("1", "2", "3"):
        lift(version)
    assert run(rollback, reason="complaints from support") == {"production": "2", "rolled_back": "3"}
    assert where("production", "previous") == ["2", "1"]
    record = ledger.records(MODEL)[-1]
    assert (record.action, record.before, record.reason) == ("rollback", "3", "complaints from support")
    run(rollback)
    assert where("production", "previous") == ["1", None]
    with pytest.raises(DataError, match="nothing to go back to; version 1 is in production"):
        run(rollback)
    assert run(stages)["stages_faults"] == "0"
    assert "rolled back from version 2: No reason was given." in capsys.readouterr().out


def test_a_rollback_without_a_version_before_says_what_is_missing_and_what_can_be_done(users: str) -> None:
    lift("2")
    before = where(*registry.STAGES)
    with pytest.raises(DataError) as said:
        run(rollback)
    for words in (
        f"no version of {MODEL} stands at previous",
        "version 2 is in production",
        "promote -P version=N",
        "registered are 1, 2, 3.",
    ):
        assert words in str(said.value)
    assert where(*registry.STAGES) == before
    assert [one.action for one in ledger.records(MODEL)] == ["promote"]
    with pytest.raises(DataError, match=r"no version is in production.*registered are none"):
        run(rollback, model="unknown")


def test_a_rollback_that_cannot_take_previous_away_is_on_record_all_the_same(users: str) -> None:
    lift("1")
    lift("2")
    database = sqlite3.connect(mlflow.get_tracking_uri().removeprefix("sqlite:///"))
    database.execute(
        "CREATE TRIGGER kept BEFORE DELETE ON registered_model_aliases BEGIN SELECT RAISE(ABORT, 'kept'); END"
    )
    database.close()
    with pytest.raises(MlflowException, match="kept"):
        run(rollback)
    assert where("production", "previous") == ["1", "1"]
    assert (ledger.records(MODEL)[-1].action, ledger.records(MODEL)[-1].version) == ("rollback", "1")
    assert run(stages)["stages_faults"] == "1"


def test_a_version_that_was_rolled_back_passes_the_gate_to_staging_again(users: str) -> None:
    lift("1")
    run(promote, users=users, version="2", to="staging")
    lift("2")
    run(rollback)
    run(promote, users=users, version="2", to="staging")
    assert [one.action for one in ledger.records(MODEL)] == ["promote", "promote", "promote", "rollback", "promote"]


def test_stages_tell_version_account_reason_and_what_was_forced(users: str, capsys: pytest.CaptureFixture[str]) -> None:
    stand(production="2")
    run(promote, users=users, version="1", to="staging", force="a promise to sales")
    run(stages)
    said = capsys.readouterr().out
    lines = {line.split()[0]: line for line in said.splitlines() if line and line[0].isalpha()}
    assert "YES" in lines["staging"] and "forced (a promise to sales)" in lines["staging"]
    assert ledger.records(MODEL)[0].who in lines["staging"] and "of version 2 (" in lines["staging"]
    assert "trained on four cutoffs" in lines["candidate"] and "nothing stands here" in lines["previous"]


@pytest.mark.parametrize(("how", "said"), [("deleted", "has vanished"), ("moved", "moved past the gate")])
def test_an_alias_that_vanished_or_was_moved_by_hand_is_reported(
    users: str, capsys: pytest.CaptureFixture[str], how: str, said: str
) -> None:
    lift("2")
    client = MlflowClient()
    if how == "deleted":
        client.delete_model_version(MODEL, "2")
    else:
        client.set_registered_model_alias(MODEL, "production", "1")
    assert run(stages)["stages_faults"] == "1"
    printed = capsys.readouterr().out
    assert f"! production {said}" in printed.replace(
        "points at version 1, by record 1 version 2 stands there: it was ", ""
    )


def test_what_a_stage_points_at_is_not_deleted(users: str) -> None:
    lift("1")
    lift("2")
    for version, stage in (("1", "previous"), ("2", "production"), ("3", "candidate")):
        with pytest.raises(DataError, match=f"version {version} of {MODEL} stands at {stage}"):
            run(retire, version=version)
    with pytest.raises(DataError, match="what is served"):
        run(retire, alias="production")
    with pytest.raises(DataError, match="one of them"):
        run(retire)
    assert len(MlflowClient().search_model_versions(f"name = '{MODEL}'")) == 3


def test_retiring_is_written_down_and_is_no_fault(users: str) -> None:
    stand(previous="1")
    run(retire, alias="previous", reason="too old")
    run(retire, version="1", reason="too old")
    with pytest.raises(DataError, match="no version '1'"):
        registry.find(MODEL, "1")
    alias, version = ledger.records(MODEL)
    assert (alias.from_stage, alias.version, version.version) == ("previous", "1", "1")
    assert {alias.reason, version.reason} == {"too old"}
    assert run(stages)["stages_faults"] == "0"


def test_history_shows_expected_gain_and_realised_gain_once_labels_mature(
    users: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lift("1")
    run(promote, users=users, version="2", to="staging")
    lift("2")
    now = json.loads(page_beside(run(history, users=users)).read_text())
    assert now["gains"][0]["realised"] is None and "Not matured yet" in now["gains"][0]["note"]
    user_table.write(later(), tmp_path / "later")
    made = run(history, users=str(tmp_path / "later"))
    (gain,) = json.loads(page_beside(made).read_text())["gains"]
    assert (gain["version"], gain["before"]) == ("2", "1")
    assert gain["expected"] == ledger.records(MODEL)[1].figures["production"]
    assert 0 < gain["realised"]["low"] < gain["realised"]["difference"] < gain["realised"]["high"]
    assert "On 800 rows of 400 users" in gain["note"]
    printed, html = capsys.readouterr().out, Path(runs.location(made["history_report"])).read_text()
    for text in (printed, html):
        assert f"{gain['realised']['difference']:+.4f}" in text and f"{gain['expected']['difference']:+.4f}" in text


def test_history_tells_that_a_record_was_edited(users: str, capsys: pytest.CaptureFixture[str]) -> None:
    lift("1")
    run(history, users="none")
    assert "1 records, none edited, none missing." in capsys.readouterr().out
    MlflowClient().delete_registered_model_tag(MODEL, ledger.HEAD)
    MlflowClient().set_registered_model_tag(MODEL, ledger.HEAD, "2")
    run(history, users="none")
    assert "! The newest records are missing" in capsys.readouterr().out


def test_a_model_that_nobody_knows_is_said(users: str) -> None:
    for step in (stages, history):
        with pytest.raises(DataError, match=r"another model|one that exists"):
            run(step, model="unknown", users="none")


def page_beside(made: dict[str, str]) -> Path:
    return Path(runs.location(made["history_report"].replace("history.html", "history.json")))


def test_the_test_table_has_a_profile() -> None:
    assert table().meta.settings["profile_categorical"] == ["region", "age"]
