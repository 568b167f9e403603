"""Tests of what a user has: versions, statistics and a ledger of an earlier commit go through every entry point."""

from __future__ import annotations

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from before import Before, restore
from registered import arguments, run

from purchasing_power.errors import DataError
from purchasing_power.snapshot import user_table
from steps import explain, history, promote, retrain, rollback, score, stages
from tracking import ledger, registry, runs
from tracking.ledger_record import problems

SHOP = "shop"


@pytest.fixture
def before(tmp_path: Path) -> Before:
    found = restore(tmp_path)
    mlflow.set_experiment("fixture")
    return found


def standing() -> dict[str, str | None]:
    """Versions of the shop's model by stage."""
    return {stage: registry.number_at(SHOP, stage) for stage in registry.STAGES}


def test_its_ledger_is_whole_and_its_stages_are_told(before: Before, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(stages, model=SHOP)["stages_faults"] == "0"
    page = Path(runs.location(run(history, model=SHOP, users="none")["history_report"])).read_text()
    assert "YES" in capsys.readouterr().out and "the second one" in page
    assert standing() == {"candidate": "7", "staging": "2", "production": "2", "previous": "1"}


def test_a_version_scores_as_it_did_then_and_explains_itself(before: Before, tmp_path: Path) -> None:
    output = tmp_path / "predictions.parquet"
    given = {"users": before.users[SHOP], "model": SHOP}
    table = user_table.read(runs.fetch(before.users[SHOP], "users")[0])
    cutoff = table.frame["cutoff"].iloc[0]
    run(score, **given, output=str(output), cutoff=f"{cutoff:%Y-%m-%d}")
    scored = pd.read_parquet(output).set_index("user_id")
    first = table.frame.head(40)
    first = first[first["cutoff"] == cutoff]
    then = np.array(before.predictions[f"{SHOP}/2"]["score"])[: len(first)]
    np.testing.assert_allclose(scored.loc[first["user_id"], "score"], then, rtol=1e-5)
    page = Path(runs.location(run(explain, **given, version="2")["explanation"])).read_text()
    assert "spend_28d" in page or "days_since_order" in page


@pytest.mark.slow
def test_a_version_is_compared_and_served_by_its_own_code(before: Before) -> None:
    # A blend, one of whose members reads an encoder in bfloat16.
    run(promote, model=SHOP, users=before.users[SHOP], version="3", force="a test")
    records = ledger.records(SHOP)
    assert problems(records, ledger.head(SHOP)) == []
    compared, served = records[-2:]
    assert (compared.against, compared.attempt, served.before) == ("2", 1, "2")
    assert compared.figures["production"]["metric"] == "average_precision"
    assert {"unseen rows", "slices", "calibration"} <= {check["name"] for check in compared.checks}
    held = {check["name"]: check["held"] for check in served.checks}
    assert held["contract"] and held["agreement"] and held["latency"], served.checks


def test_a_rollback_goes_back_to_a_version_of_then(before: Before) -> None:
    assert run(rollback, model=SHOP, reason="fewer orders") == {"production": "1", "rolled_back": "2"}
    assert standing()["production"] == "1"
    assert problems(ledger.records(SHOP), ledger.head(SHOP)) == []


def test_retraining_reads_how_the_version_of_then_was_made(before: Before) -> None:
    found = retrain.as_production(SHOP)
    assert found["like"] == registry.at_stage(SHOP, registry.PRODUCTION).tags[registry.USERS_TAG]
    assert found["encoder"].endswith("?runtime=float32")


@pytest.mark.parametrize("old, new", [("tuning_rate", "finetune_rate"), ("tuning", "finetune")])
def test_a_renamed_parameter_is_refused_with_its_new_name(
    old: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from steps import tune

    with pytest.raises((SystemExit, DataError)):
        arguments(tune, space=f"{old}=1")
    assert new in capsys.readouterr().err
