"""Tests of the entry points ``explain`` and ``score`` with reasons, on a small model in the registry."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import mlflow
import pandas as pd
import pytest
from stores import new_store
from tables import TEXTS, panel

from purchasing_power.errors import DataError
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.purchasing_model import PurchasingModel, fit
from purchasing_power.model.splits import split
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.cutoffs import at_cutoff
from purchasing_power.snapshot.target import fit_target
from steps import explain, score
from tracking import registry, runs
from tracking.chain import options_of

TABLE = panel(users=80)


@pytest.fixture(scope="module")
def model() -> PurchasingModel:
    parts = split(TABLE)
    params = model_params(representation="tfidf", text_components=4, trees=20, leaf_rows=10)
    return fit(TABLE, parts, fit_target("tier", TABLE, parts.train), params)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tracking store and a user table for all tests here."""
    folder = tmp_path_factory.mktemp("explained")
    new_store(folder, "explain")
    user_table.write(TABLE, folder / "users")
    return folder


@pytest.fixture
def given(model: PurchasingModel, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A user table, and the model where the registry would find it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    runs.prepare()
    mlflow.set_experiment("explain")
    version = SimpleNamespace(name="purchasing_power", version="1")
    monkeypatch.setattr(registry, "find", lambda name, stage: version)
    monkeypatch.setattr(registry, "open_model", lambda found, kind: model)
    return {"users": str(folder / "users"), "output": str(folder / "predictions.parquet")}


def run(step, given: dict[str, str], **more: str) -> dict[str, str]:  # type: ignore[no-untyped-def]
    """Run a step with the defaults of MLproject and what is given."""
    args = options_of(step.__name__.removeprefix("steps."), {**given, **more})
    with mlflow.start_run():
        return step.run(args)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_user_is_explained_by_reasons_that_add_up(
    given: dict[str, str], model: PurchasingModel, language: str
) -> None:
    made = run(explain, given, user="user-0003", language=language)
    found = json.loads(Path(runs.location(made["explanation"])).read_text())
    told = found["user"]
    parts = sum(reason["part"] for reason in told["reasons"])
    assert len(told["reasons"]) == 5
    assert told["base_score"] + parts + told["other_reasons"] == pytest.approx(told["score"], abs=1e-9)
    rows = at_cutoff(TABLE, None).frame
    row = rows[rows["user_id"] == "user-0003"]
    assert told["score"] == pytest.approx(model.predict(row)["score"].iloc[0], abs=1e-9)
    assert found["model"]["permutation"].keys() == {one["feature"] for one in found["model"]["drivers"]}
    written = [Path(runs.location(uri)).read_text() for uri in made.values()]
    assert not any("user-0" in text or any(one in text for one in TEXTS if " " in one) for text in written)


def test_without_a_user_the_model_alone_is_explained(given: dict[str, str]) -> None:
    made = run(explain, given)
    assert json.loads(Path(runs.location(made["explanation"])).read_text()).keys() == {"model"}


def test_an_unknown_user_is_refused_without_repeating_the_id(given: dict[str, str]) -> None:
    with pytest.raises(DataError, match="none of the 80 rows") as error:
        run(explain, given, user="ann@example.com")
    assert "ann" not in str(error.value)


def test_score_gives_reasons_only_when_asked_and_they_add_up(given: dict[str, str]) -> None:
    run(score, given)
    plain = pd.read_parquet(given["output"])
    assert not [name for name in plain if "reason" in name]
    run(score, given, reasons="5", language="zh")
    said = pd.read_parquet(given["output"])
    parts = [f"reason_{place}_part" for place in range(1, 6)]
    total = said[["base_score", "other_reasons", *parts]].sum(axis=1)
    assert total.to_numpy() == pytest.approx(said["score"].to_numpy(), abs=1e-9)
    pd.testing.assert_frame_equal(said[list(plain.columns)], plain)
