"""Laws of the gate to production, which serves the version for real, and of two promotions at once."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient
from registered import MODEL, QUICK, fresh, process, run, stand

from steps import promote
from steps.promotion_serving import difference
from tracking import ledger, registry
from tracking.ledger_record import problems

PROMOTE = """
import sys, time
from pathlib import Path
from registered import arguments
import mlflow
from steps import promote
from tracking import runs
from purchasing_power.errors import DataError
from purchasing_power.model import blend, bundle  # imported before the start, so that both begin together
runs.prepare()
mlflow.set_experiment("tests")
args = arguments(promote, users=sys.argv[2], version=sys.argv[1], to="staging")
print("ready", flush=True)
sys.stdin.readline()
try:
    with mlflow.start_run():
        print(promote.run(args)["gate"])
except DataError as error:
    print(error)
"""


@pytest.fixture
def users(tmp_path: Path) -> str:
    folder = fresh(tmp_path)
    stand(production="1")
    return str(folder)


@pytest.mark.slow
def test_a_version_is_served_and_needs_its_approval_before_production(users: str) -> None:
    made = run(promote, users=users, version="2", approval="required", p99_ms="0.001")
    staged, refused = ledger.records(MODEL)
    assert made["gate"] == "refused"
    assert (staged.action, staged.to_stage, refused.action, refused.to_stage) == (
        "promote",
        "staging",
        "refuse",
        "production",
    )
    assert [check["name"] for check in refused.checks if not check["held"]] == ["latency", "approval"]
    assert "set_model_version_tag" in refused.reason
    assert all(one["status"] == one["wanted"] for one in refused.figures["contract"])
    assert len(refused.figures["contract"]) == 5
    assert refused.figures["difference"] <= 1e-6 and refused.figures["rows"] == 50
    load = refused.figures["load"]
    assert load["rounds"] == 2
    assert load["requests"] > 0 and load["failed"] == 0 and 0 < load["p50_ms"] <= load["p99_ms"]
    assert registry.number_at(MODEL, "production") == "1"

    MlflowClient().set_model_version_tag(MODEL, "2", "approved_by", "A. Person")
    assert run(promote, users=users, version="2", approval="required")["gate"] == "promoted"
    last = ledger.records(MODEL)[-1]
    assert (last.number, last.before, last.approved_by) == (3, "1", "A. Person")
    assert last.figures["load"]["rounds"] == 1
    assert (registry.number_at(MODEL, "production"), registry.number_at(MODEL, "previous")) == ("2", "1")


@pytest.mark.parametrize("wrong", ["a number", "a word", "a column", "a row", "an error"])
def test_a_served_answer_that_differs_is_seen(wrong: str) -> None:
    expected = pd.DataFrame({"score": [0.25, 0.5], "tier": ["low", "high"]})
    served = [{"score": 0.25, "tier": "low", "model_version": "3"}, {"score": 0.5, "tier": "high"}]
    assert difference(expected, served) == 0
    if wrong == "a number":
        assert difference(expected, [served[0], {**served[1], "score": 0.5002}]) == pytest.approx(0.0002)
        return
    answers = {
        "a word": [served[0], {**served[1], "tier": "low"}],
        "a column": [{"score": 0.25}, {"score": 0.5}],
        "a row": served[:1],
        "an error": None,
    }
    assert difference(expected, answers[wrong]) == float("inf")


@pytest.mark.slow
def test_of_two_promotions_at_once_one_wins_one_is_refused_and_the_ledger_tells_both(users: str) -> None:
    both = [process(PROMOTE, version, users) for version in ("2", "3")]
    try:
        for one in both:
            assert one.stdout.readline() == "ready\n", one.stderr.read()
        for one in both:
            one.stdin.write("go\n")
            one.stdin.flush()
        said = [one.communicate(timeout=120)[0] for one in both]
    finally:
        for one in both:
            one.kill()
            one.wait()
    assert sorted("another process is at work" in words for words in said) == [False, True], said
    winner = said.index("promoted\n")
    known = ledger.records(MODEL)
    assert (
        sorted(one.action for one in known) == ["promote", "refuse"]
        and problems(known, ledger.head(MODEL)) == []
    )
    assert registry.number_at(MODEL, "staging") == "23"[winner]
    assert next(one.version for one in known if one.action == "refuse") == "23"[1 - winner]


def test_a_copy_in_another_model_is_made_once_and_its_own_stages_move(users: str) -> None:
    with mlflow.start_run():
        ledger.append(MODEL, "switch", "1", reason="something of the first model's own")
    for _ in range(2):
        stand(production="1")
        run(promote, users=users, version="2", to="staging", to_model="prod.purchasing_power", gate="enforce")
        registry.leave("prod.purchasing_power", "staging")
    client = MlflowClient()
    copies = client.search_model_versions("name = 'prod.purchasing_power'")
    assert [(str(one.version), one.source) for one in copies] == [("1", f"models:/{MODEL}/2")]
    assert registry.number_at(MODEL, "staging") is None
    assert [one.action for one in ledger.records("prod.purchasing_power")] == ["copy", "promote", "promote"]
    assert [one.action for one in ledger.records(MODEL)] == ["switch"]
    mine, theirs = (registry.open_bundle(one) for one in (registry.find(MODEL, "2"), copies[0]))
    assert mine.training == theirs.training


def test_the_quick_settings_are_parameters_of_the_step() -> None:
    assert set(QUICK) <= set(promote.parser().names)
