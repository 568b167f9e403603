"""Tests of the entry points ``explain`` and ``score`` with reasons, on a small model in the registry."""

from __future__ import annotations

import json
from dataclasses import replace
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
from purchasing_power.shop.pseudonym import KEY_VARIABLE, pseudonymise
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.cutoffs import at_cutoff
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.user_table import UserTable
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


def test_a_column_whose_name_mlflow_does_not_take_is_explained_all_the_same(
    model: PurchasingModel, given: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {model.meta.numeric[0]: "tenure [months]", model.meta.numeric[1]: "tenure (months)"}
    frame = TABLE.frame.rename(columns=names)
    numeric = tuple(names.get(name, name) for name in TABLE.meta.numeric)
    table = UserTable(frame, replace(TABLE.meta, numeric=numeric))
    parts = split(table)
    renamed = fit(table, parts, fit_target("tier", table, parts.train), model.params)
    monkeypatch.setattr(registry, "open_model", lambda found, kind: renamed)
    user_table.write(table, tmp_path / "users")
    made = run(explain, given, users=str(tmp_path / "users"))
    found = json.loads(Path(runs.location(made["explanation"])).read_text())
    logged = mlflow.get_run(made["explanation"].split("/")[1]).data.metrics
    assert set(names.values()) <= {one["feature"] for one in found["model"]["drivers"]}
    assert len([name for name in logged if name.startswith("shap.")]) == len(found["model"]["permutation"])


def test_the_shops_own_id_is_taken_and_from_an_environment_variable_kept_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key = "a key of some length"
    monkeypatch.setenv(KEY_VARIABLE, key)
    hidden = pseudonymise(TABLE.frame["user_id"].astype("str"), key.encode())
    rows = UserTable(TABLE.frame.assign(user_id=hidden), TABLE.meta)
    place = TABLE.frame["user_id"].tolist().index("user-0003")
    monkeypatch.setenv("ASKED", "user-0003")
    assert explain.row_of(rows, hidden[place], tmp_path) == explain.row_of(rows, "env:ASKED", tmp_path) == place
    assert caplog.text == ""
    assert explain.row_of(rows, " user-0003 ", tmp_path) == place
    assert "MLflow keeps" in caplog.text and "user-0003" not in caplog.text
    monkeypatch.delenv("ASKED")
    with pytest.raises(DataError, match="variable ASKED is not set"):
        explain.row_of(rows, "env:ASKED", tmp_path)
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(DataError, match="no key in") as error:
        explain.row_of(rows, "user-0003", tmp_path)
    assert "user-0003" not in str(error.value) and not list(tmp_path.iterdir())


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
