"""Tests of the spine: each kind of model is registered, refused, promoted, served, watched and rolled back alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow.tracking import MlflowClient
from order_ranking import orders
from stores import new_store
from tables import changed, panel
from watched import next_month

from monitoring import monitor
from purchasing_power.errors import DataError
from purchasing_power.kinds import registry as kinds
from purchasing_power.snapshot import user_table
from steps import evaluate, history, promote, retrain, rollback, score, serve, stages, train
from steps.deploy import smoke
from tracking import ledger, registry, runs
from tracking.chain import options_of

# Each kind's registry is filled and served for real.
pytestmark = pytest.mark.slow

QUICK = {
    **{"replicates": "200", "load_seconds": "0.4", "load_clients": "2", "workers": "1", "p99_ms": "5000"},
    **{"folds": "0", "to": "production"},
}


@dataclass(frozen=True)
class Case:
    """A kind of model with what it learns from.

    Attributes
    ----------
    tables
        Writes the table to learn from and one with later, drifted rows into two folders.
    bad, good
        Parameters of a version that the gate must refuse, and of one that it must let pass.
    """

    tables: Callable[[Path, Path], None]
    bad: dict[str, Any]
    good: dict[str, Any]
    labelled: bool = True
    online: bool = True


def _purchase(now: Path, later: Path) -> None:
    table = panel(users=300)
    weak = changed(table, spend_28d=np.random.default_rng(1).uniform(0, 9, len(table.frame)))
    user_table.write(weak, now)
    user_table.write(next_month(weak, factor=30.0), later)


def _orders(now: Path, later: Path) -> None:
    for folder, frame in ((now, orders()), (later, orders(days=300, shift=1.0))):
        folder.mkdir()
        frame.to_parquet(folder / "orders.parquet")


TABULAR = {"representation": "none", "head": "lightgbm", "trees": 20, "leaf_rows": 10}
CASES = {
    "purchase": Case(_purchase, {**TABULAR, "trees": 1, "leaf_rows": 2000}, TABULAR),
    "order_ranking": Case(_orders, {"shuffled": True}, {}),
    "order_groups": Case(_orders, {"shuffled": True}, {}, labelled=False, online=False),
}


@dataclass(frozen=True)
class Shop:
    """A store with the versions of one kind, and its tables."""

    kind: str
    folder: Path

    @property
    def case(self) -> Case:
        """What the kind learns from."""
        return CASES[self.kind]

    @property
    def name(self) -> str:
        """Name of the registered model."""
        return registry.registered_name("shop", self.kind)

    def run(self, step, **given: str) -> dict[str, str]:  # type: ignore[no-untyped-def]
        """Run a step on the kind in this process."""
        name = step.__name__.rpartition(".")[2]
        common = {"model": "shop", "kind": self.kind, "workspace": str(self.folder / "workspace")}
        options = options_of(name, {**QUICK, "users": str(self.folder / "now"), **common, **given})
        with mlflow.start_run():
            runs.mark(name)
            made = step.run(options) or {}
            runs.record(made)
        return dict(made)

    def train(self, params: dict[str, Any]) -> str:
        """A version of these parameters."""
        path = self.folder / "params.json"
        path.write_text(json.dumps(params))
        return self.run(train, params=str(path))["version"]

    def stage(self, stage: str) -> str | None:
        """Number of the version at a stage."""
        return registry.number_at(self.name, stage)


@pytest.fixture(scope="module", params=list(CASES))
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A store in which nothing is registered yet; the tests of this module fill it in their order."""
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        for own in set(CASES) - set(kinds.KINDS):
            patch.setitem(kinds.KINDS, own, own)
        CASES[request.param].tables(folder / "now", folder / "later")
        new_store(folder, "kinds")
        yield Shop(request.param, folder)


@pytest.fixture(autouse=True)
def store(shop: Shop, own_tracking_store: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the kind's own store."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shop.folder}/mlflow.db")
    mlflow.set_tracking_uri(f"sqlite:///{shop.folder}/mlflow.db")
    mlflow.set_experiment("kinds")


def test_every_registered_kind_is_tested_here() -> None:
    assert set(kinds.KINDS) <= set(CASES)


def test_a_kind_states_its_facts(shop: Shop) -> None:
    kind = kinds.kind(shop.kind)
    assert kind.name == shop.kind
    assert kind.unit and kind.holdout and kind.outcome
    assert kind.serving == ("online" if shop.case.online else "batch")


def test_a_bad_version_is_refused_with_a_record(shop: Shop) -> None:
    version = shop.train(shop.case.bad)
    assert shop.stage("candidate") == version
    assert shop.run(promote, version=version)["gate"] == "refused"
    assert shop.stage("staging") is None and shop.stage("production") is None
    assert ledger.records(shop.name)[-1].action == "refuse"


def test_a_good_version_comes_to_production_and_answers_or_is_scored_in_batch(shop: Shop) -> None:
    version = shop.train(shop.case.good)
    assert shop.run(promote, version=version)["gate"] == "promoted"
    assert shop.stage("production") == version
    moved = ledger.records(shop.name)[-1]
    names = {check["name"] for check in moved.checks}
    assert ("contract" in names) == shop.case.online and ("serving" in names) != shop.case.online
    found = registry.find(shop.name, version)
    # As a deployer tries it: in a process that knows neither this test nor its entry in the registry.
    assert smoke.problem(registry.model_folder(found)) is None
    assert found.tags["kind"] == shop.kind
    if not shop.case.online:
        with pytest.raises(DataError, match="scored in batch"):
            shop.run(serve, version=version, workers="2")


def test_a_version_is_evaluated_beside_its_baseline_where_there_are_labels(shop: Shop) -> None:
    if not shop.case.labelled:
        with pytest.raises(DataError, match="learns without labels"):
            shop.run(evaluate, version="production")
        return
    made = shop.run(evaluate, version="production")
    figures = json.loads(Path(runs.location(made["evaluation"])).read_text())
    assert figures["model"]["auc"] > figures["naive"]["auc"]
    assert "<html" in Path(runs.location(made["evaluation_report"])).read_text()


def test_predictions_carry_their_ids_and_the_version(shop: Shop, tmp_path: Path) -> None:
    import pandas as pd

    shop.run(score, output=str(tmp_path / "predictions.parquet"))
    predictions = pd.read_parquet(tmp_path / "predictions.parquet")
    ids = [name for name in kinds.kind(shop.kind).ids if name in predictions]
    assert ids and not predictions[ids].duplicated().any()
    assert set(predictions["model_version"]) == {shop.stage("production")}


def test_drift_of_later_rows_is_found_and_recorded(shop: Shop) -> None:
    made = shop.run(monitor, users=str(shop.folder / "later"), retrain="never")
    assert made["state"] in ("Watch", "Act")
    assert Path(runs.location(made["monitor_report"])).exists()


def test_a_retrained_version_passes_the_same_gate_and_a_rollback_brings_the_old_one_back(shop: Shop) -> None:
    before = shop.stage("production")
    if shop.kind == "purchase":
        again = shop.train({**shop.case.good, "trees": 25})
    else:
        again = shop.run(retrain, users=str(shop.folder / "later"))["version"]
    assert again != before
    if shop.stage("production") != again:
        shop.run(promote, users=str(shop.folder / "later"), version=again, force="to roll it back")
    assert shop.stage("production") == again and shop.stage("previous") == before
    shop.run(rollback, reason="it was a test")
    assert shop.stage("production") == before
    assert shop.run(stages)["stages_faults"] == "0"
    shop.run(history, users="none")


def test_no_user_is_in_a_bundle(shop: Shop) -> None:
    for version in MlflowClient().search_model_versions(f"name = '{shop.name}'"):
        files = [path for path in registry.bundle_folder(version).rglob("*") if path.is_file()]
        assert files and not any(b"user-0" in path.read_bytes() for path in files)


def test_a_version_of_another_kind_is_named(shop: Shop) -> None:
    other = next(name for name in CASES if name != shop.kind)
    version = registry.find(shop.name, str(shop.stage("production")))
    with pytest.raises(DataError, match=f"got kind={other}, version .* is of the kind {shop.kind}"):
        registry.open_model(version, kinds.kind(other))
