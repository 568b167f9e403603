"""Tests of the gate to production, which serves the version for real, and of two promotions at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import mlflow
import pandas as pd
import pytest
from held_requests import Request, way_through
from mlflow.tracking import MlflowClient
from project import Project
from registered import MODEL, QUICK, arguments, fresh, process, run, stand
from registry_server import registry_server

from purchasing_power.kinds.purchase import KIND
from purchasing_power.snapshot import user_table
from steps import promote
from steps.deploy import shadow_scores
from steps.deploy.server_process import free_port
from steps.promotion.gates import Case, run_gate
from steps.promotion.move import Step, carry_out
from steps.promotion.serving import difference
from tracking import ledger, registry, runs
from tracking.alias_audit import audit_stages
from tracking.chain import entry_points
from tracking.ledger_record import problems

PROMOTE = """
import sys, time
from pathlib import Path
from registered import arguments
import mlflow
from steps import promote
from tracking import runs
from purchasing_power.errors import DataError
from purchasing_power.model import bundle  # imported before the start, so that both begin together
from purchasing_power.model.heads import blend
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


def shadowed(workspace: Path) -> None:
    """Version 2 was the shadow of version 1 at 50 requests of a user each, and left one unanswered."""
    rows = []
    for number in range(50):
        ours = [{"user_id": f"user-{number}", "score": number / 100, "tier": "low"}]
        theirs = [{**ours[0], "score": number / 100 + 0.25, "tier": "high"}] if number else []
        at = datetime.now(UTC) + timedelta(seconds=number)
        rows += shadow_scores.pairs(ours, theirs, "1", "2", b"a key for tests only", at)
    shadow_scores.write(rows, workspace / "deployments" / f"{MODEL}@production" / "shadow")


@pytest.mark.slow
def test_a_version_is_served_and_needs_approval_and_a_shadow_that_answered_before_production(
    users: str, tmp_path: Path
) -> None:
    given = {"users": users, "version": "2", "approval": "required", "workspace": str(tmp_path)}
    shadowed(tmp_path)
    made = run(promote, **given, p99_ms="0.001")
    staged, refused = ledger.records(MODEL)
    assert made["gate"] == "refused"
    assert (staged.action, staged.to_stage, refused.action, refused.to_stage) == (
        "promote",
        "staging",
        "refuse",
        "production",
    )
    assert [check["name"] for check in refused.checks if not check["held"]] == ["latency", "shadow", "approval"]
    assert "left 1 unanswered (2.00%" in refused.reason and "by 0.25 on average" in refused.reason
    assert "set_model_version_tag" in refused.reason
    assert all(one["status"] == one["wanted"] for one in refused.figures["contract"])
    assert len(refused.figures["contract"]) == 5
    assert refused.figures["difference"] <= 1e-6 and refused.figures["rows"] == 50
    load = refused.figures["load"]
    assert load["rounds"] == 2
    assert load["requests"] > 0 and load["failed"] == 0 and 0 < load["p50_ms"] <= load["p99_ms"]
    assert registry.number_at(MODEL, "production") == "1"

    MlflowClient().set_model_version_tag(MODEL, "2", "approved_by", "A. Person")
    made = run(promote, **given, shadow_failed="0.02")
    assert made["gate"] == "promoted"
    last = ledger.records(MODEL)[-1]
    assert (last.figures["shadow"]["requests"], last.figures["shadow"]["failed"]) == (50, 1)
    assert last.policy["shadow_failed"] == 0.02 and len(last.data["shadow.digest"]) == 16
    page = Path(runs.location(made["promotion_report"])).read_text()
    assert "49 of them change tier" in page and "at most 2.00% is allowed" in page
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
    assert sorted(one.action for one in known) == ["promote", "refuse"] and problems(known, ledger.head(MODEL)) == []
    assert registry.number_at(MODEL, "staging") == "23"[winner]
    assert next(one.version for one in known if one.action == "refuse") == "23"[1 - winner]


@pytest.mark.slow
def test_over_http_of_two_promotions_at_once_the_last_set_wins_and_the_other_is_told_it_was_overtaken(
    users: str, tmp_path: Path
) -> None:
    compared, recorded, overtook = Event(), Event(), Event()

    def before(asked: Request) -> None:
        if sets_stage(asked, "3"):  # it has seen nobody at staging, and now waits until version 2 stands there
            compared.set()
            assert recorded.wait(60)
        if looks_at_stage(asked) and recorded.is_set():
            assert overtook.wait(60)

    def after(asked: Request) -> None:
        if '"ledger.head"' in asked.body:
            recorded.set()
        if sets_stage(asked, "3"):
            overtook.set()

    table, port = user_table.read(Path(users)), free_port()
    with (
        registry_server(Project(tmp_path), port),
        way_through(port, before, after) as through,
        ThreadPoolExecutor() as pool,
    ):
        mlflow.set_tracking_uri(f"http://127.0.0.1:{through}")
        assert registry.number_at(MODEL, "staging") is None
        production = registry.find(MODEL, "1")
        cases = {}
        for version in ("2", "3"):
            args = arguments(promote, users=users, version=version, to="staging")
            cases[version] = Case(args, registry.find(MODEL, version), MODEL, production, KIND, table, users)
        gated = {version: run_gate(case, "staging") for version, case in cases.items()}

        def moves(version: str) -> Step:
            with mlflow.start_run():
                return carry_out(cases[version], gated[version], cases[version].version, None)

        winner = pool.submit(moves, "3")
        assert compared.wait(60)
        with pytest.raises(registry.ConcurrentMove, match="now version 3, not 2"):
            moves("2")
        assert winner.result(60).moved
        known = ledger.records(MODEL)
        assert problems(known, ledger.head(MODEL)) == []
        told = [(one.action, one.version) for one in known]
        assert sorted(told) == [("overtaken", "2"), ("promote", "2"), ("promote", "3")]
        assert "now version 3, not 2" in next(one.reason for one in known if one.action == "overtaken")
        (staging,) = [one for one in audit_stages(MODEL, known) if one.stage == "staging"]
        assert (staging.version, staging.recorded, staging.problem) == ("3", "3", "")


def sets_stage(asked: Request, version: str) -> bool:
    """Whether a request points staging at a version."""
    if asked.method != "POST" or not asked.path.endswith("/registered-models/alias"):
        return False
    said = json.loads(asked.body)
    return (said["alias"], said["version"]) == ("staging", version)


def looks_at_stage(asked: Request) -> bool:
    """Whether a request asks what stands at staging."""
    return asked.method == "GET" and "/registered-models/alias" in asked.path and "staging" in asked.path


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
    assert set(QUICK) <= set(entry_points()["promote"].defaults)
