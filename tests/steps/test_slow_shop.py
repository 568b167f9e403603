"""Tests of a shop in which nine of ten users buy nothing in the horizon: its tiers go through every step."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient
from stores import new_store
from tables import changed, sparse

from purchasing_power.errors import DataError
from purchasing_power.kinds.purchase import KIND
from purchasing_power.model.splits import split
from purchasing_power.serving.deployed import Deployed
from purchasing_power.serving.fast.fast_model import FastModel
from purchasing_power.serving.responder import purchase_responder
from purchasing_power.serving.rules import Limits
from purchasing_power.snapshot import user_table
from steps import evaluate, promote, score, train, tune
from tracking import registry, runs
from tracking.chain import options_of
from tracking.production_target import beside_production, target_of

# A version is made by its steps.
pytestmark = pytest.mark.slow

TIERS = ["none", "low", "middle", "high"]
TABLE = sparse(2_000)
QUICK = {"replicates": "100", "folds": "2", "trials": "1", "heads": "logistic", "representations": "none"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store with a table that warns of something; the tests of this module fill it in their order."""
    folder = tmp_path_factory.mktemp("slow")
    settings = {"population": "known", "leaks": ["profile.tenure tells the outcome (AUC 0.99)."]}
    user_table.write(replace(TABLE, meta=replace(TABLE.meta, settings=settings)), folder / "users")
    new_store(folder, "tests")
    yield folder


@pytest.fixture(autouse=True)
def store(shop: Path, own_tracking_store: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the module's own store."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shop}/mlflow.db")
    mlflow.set_tracking_uri(f"sqlite:///{shop}/mlflow.db")
    mlflow.set_experiment("tests")


def run(shop: Path, step, **given: str) -> tuple[dict[str, str], mlflow.entities.Run]:  # type: ignore[no-untyped-def]
    """Run a step in this process with the defaults of MLproject and what is given."""
    name = step.__name__.rpartition(".")[2]
    common = {"users": str(shop / "users"), "workspace": str(shop / "workspace"), "model": "slow"}
    with mlflow.start_run() as active:
        runs.mark(name)
        made = step.run(options_of(name, {**QUICK, **common, **given})) or {}
        runs.record(made)
    return made, MlflowClient().get_run(active.info.run_id)


def test_the_default_command_tunes_trains_and_says_what_it_took(shop: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        tuned, study = run(shop, tune)
        made, trained = run(shop, train, params=tuned["params"], fold_scores=tuned["fold_scores"])
    nothing = float((TABLE.frame["spend_next_28d"].iloc[split(TABLE).train] == 0).mean())
    version = registry.find("slow", made["version"])
    assert study.data.tags["target"] == trained.data.params["model.target"] == target_of(version) == "four_tiers"
    for why in (
        study.data.tags["target.why"],
        trained.data.tags["target.why"],
        version.tags["target.why"],
        caplog.text,
    ):
        assert f"{nothing:.1%} of the 4,000 training rows spend nothing in the 28 days after the cutoff" in why
    assert version.tags["target.classes"] == "none, low, middle, high"
    # The same folds and the same classes: nothing is fitted a second time.
    assert trained.data.metrics["cv.mean.average_precision"] == study.data.metrics["best.average_precision"]


def test_the_evaluation_names_the_real_share_and_shows_what_the_tiers_are(shop: Path) -> None:
    made, _ = run(shop, evaluate, version="candidate")
    page = Path(runs.location(made["evaluation_report"])).read_text().replace("\N{NO-BREAK SPACE}", " ")
    target = registry.open_model(registry.find("slow", "candidate"), KIND).target
    tested = TABLE.frame["spend_next_28d"].iloc[split(TABLE).test]
    high = float((tested > target.thresholds[2]).mean())
    assert high < 0.1 and f"of the high spenders of the next 28 days ({100 * high:.1f} % of those tested)" in page
    assert "top-fifth" not in page
    for words in ("Up to 0.00", f"above {target.thresholds[2]:,.2f}", f"{100 * target.class_share[0]:.1f} %"):
        assert words.lower() in page.lower()
    assert "known users" in page and "spend nothing in the 28 days" in page
    assert page.index("<h1>") < page.index("tells the outcome") < page.index("<section>")


def test_it_comes_to_staging_and_each_tier_holds_about_the_share_it_has(shop: Path) -> None:
    assert run(shop, promote, version="candidate", to="staging", leak="accepted")[0]["gate"] == "promoted"
    output = shop / "predictions.parquet"
    run(shop, score, version="staging", output=str(output))
    predictions = pd.read_parquet(output)
    model = registry.open_model(registry.find("slow", "staging"), KIND)
    shares = predictions["tier"].value_counts(normalize=True).reindex(TIERS)
    assert shares.to_numpy() == pytest.approx(model.target.class_share, abs=0.03)
    assert predictions.groupby("tier")["score"].mean().reindex(TIERS).is_monotonic_increasing
    assert predictions[[f"probability_{tier}" for tier in TIERS]].sum(axis=1).to_numpy() == pytest.approx(1.0)
    means = predictions[[f"probability_{tier}" for tier in TIERS]].to_numpy() @ np.array(model.target.class_spend)
    assert predictions["expected_spend"].to_numpy() == pytest.approx(means)


def test_a_request_gets_the_tier_that_scoring_gives(shop: Path) -> None:
    model = registry.open_model(registry.find("slow", "staging"), KIND)
    rows = TABLE.rows(np.arange(300))
    responder = purchase_responder(FastModel.of(model), Deployed("1", "staging", "now"), Limits())
    replies = responder.records(KIND.requests(model, rows))
    assert [one["tier"] for one in replies] == model.predict(rows.frame)["tier"].tolist()
    assert {one["tier"] for one in replies} == set(TIERS)
    assert all({f"probability_{tier}" for tier in TIERS} <= set(one) for one in replies)
    listed = KIND.campaign(model, TABLE, TABLE.rows(np.flatnonzero(TABLE.frame["cutoff"] == TABLE.cutoffs()[-1])))
    assert listed is not None and 0 < listed.users < 200


def test_production_with_three_tiers_is_asked_for_first_and_others_are_refused_with_words(shop: Path) -> None:
    # Seven of ten spend something: three tiers, as every version of before has them.
    rank = TABLE.frame["noise"].rank(pct=True)
    known = TABLE.frame["spend_next_28d"].notna()
    user_table.write(changed(TABLE, spend_next_28d=rank.where(rank > 0.3, 0.0).where(known)), shop / "busy")
    (shop / "params.json").write_text('{"representation": "none", "head": "logistic"}')
    given = {"params": str(shop / "params.json"), "target": "auto", "folds": "0"}
    made, _ = run(shop, train, users=str(shop / "busy"), **given)
    production = registry.find("slow", made["version"])
    assert target_of(production) == "three_tiers"
    assert beside_production(production, "auto") == "three_tiers,auto"
    registry.set_stage(production, registry.PRODUCTION)
    with pytest.raises(DataError) as refused:
        run(shop, promote, version="1", to="staging")
    for words in (
        "the version predicts tier (none, low, middle, high), production predicts tier (low, middle, high)",
        "they cannot be compared",
        "-P target=three_tiers",
    ):
        assert words in str(refused.value)
