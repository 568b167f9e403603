"""Tests that the models a user had before the packages moved are what they were: loaded, scored, explained, saved."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from before import unpacked

from purchasing_power.explain.explanation import explain
from purchasing_power.model import bundle
from purchasing_power.model.flat_params import RENAMED
from purchasing_power.model.heads.registry import HEADS
from purchasing_power.serving.fast.fast_model import FastModel
from purchasing_power.serving.rows import RequestColumns, rows_of_frame
from purchasing_power.snapshot import user_table

VERSIONS = [*(("shop", number) for number in range(1, 8)), ("reviews", 1)]


@pytest.fixture(scope="module")
def store() -> Path:
    return unpacked()


def bundle_of(store: Path, model: str, version: int) -> Path:
    """Folder of a version's bundle."""
    with sqlite3.connect(store / "mlflow.db") as rows:
        wanted = "SELECT storage_location FROM model_versions WHERE name = ? AND version = ?"
        [[place]] = rows.execute(wanted, (model, version)).fetchall()
    [found] = Path(place.removeprefix("file://")).rglob("bundle.json")
    return found.parent


@pytest.mark.parametrize(("model", "version"), VERSIONS)
def test_a_version_written_before_gives_the_predictions_that_it_gave(
    store: Path, model: str, version: int, tmp_path: Path
) -> None:
    folder, written = bundle_of(store, model, version), json.loads((store / "predictions.json").read_text())
    run = written["users"][model].split("/")[1]
    frame = user_table.read(next((store / "artifacts" / run).rglob("users"))).frame.head(40)
    loaded = bundle.load(folder)
    expected = written["said"][f"{model}/{version}"]
    predictions = loaded.predict(frame).to_dict("list")
    assert set(predictions) == set(expected)
    for name, values in expected.items():
        if isinstance(values[0], float):
            np.testing.assert_allclose(predictions[name], values, rtol=1e-4, atol=1e-5)
        else:
            assert predictions[name] == values
    outputs = loaded.outputs(frame)
    explained = explain(loaded, frame.head(3).reset_index(drop=True))
    assert explained.score == pytest.approx(loaded.score(outputs[:3]), rel=1e-5, abs=1e-5)
    rows = rows_of_frame(frame, RequestColumns.of(loaded.meta))
    np.testing.assert_allclose(FastModel.open(folder).outputs(rows), outputs, rtol=1e-5, atol=1e-5)
    again = bundle.load(bundle.save(loaded, tmp_path / "again"))
    np.testing.assert_allclose(again.outputs(frame), outputs, rtol=1e-5, atol=1e-5)


def test_the_archive_holds_every_head_and_the_names_of_then(store: Path) -> None:
    heads, names = set(), set()
    for model, version in VERSIONS:
        params = json.loads((bundle_of(store, model, version) / "bundle.json").read_text())["params"]
        for one in (params, *(member["params"] for member in params["members"])):
            heads.add(one["head"])
            names |= set(one)
    assert len(heads) == 8 and heads <= set(HEADS) and set(RENAMED) < names
