"""Tests of serving a trained model: what the server says equals the model, and wrong requests are met."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import mlflow
import numpy as np
import pandas as pd
import pytest
from deployed import Serving, ask, launch, until
from project import ROOT, Project

from purchasing_power.errors import DataError
from purchasing_power.snapshot import user_table
from steps.deploy import proxy
from tracking import registry, runs
from tracking.chain import entry_points

pytestmark = pytest.mark.slow
MODEL = "purchasing_power"


def in_front() -> str:
    """nginx where this machine has it."""
    try:
        proxy.binary()
    except DataError:
        return "none"
    return "nginx"


@pytest.fixture(scope="module")
def server(lived: tuple[Project, str]) -> Iterator[Serving]:
    project = lived[0]
    given = {"model": MODEL, "max_rows": "25", "proxy": in_front(), "log": str(project.folder / "asked")}
    serving = Serving(project, given, project.store, *launch(project, given, project.store))
    yield serving
    assert serving.stop() == 0


def answer(server: Serving, body: object) -> tuple[int, dict]:
    status, text = ask(server.port, body)
    return status, json.loads(text)


def rows(lived: tuple[Project, str], count: int) -> pd.DataFrame:
    mlflow.set_tracking_uri(lived[0].store)
    table = user_table.read(runs.fetch("latest", "users")[0])
    chosen = table.frame.tail(count).drop(columns=["cutoff", table.meta.spend_outcome, table.meta.orders_outcome])
    return chosen.assign(documents=[list(texts) for texts in chosen["documents"]])


def records(frame: pd.DataFrame) -> list[dict]:
    return json.loads(frame.to_json(orient="records"))


def test_served_equals_in_process_and_says_which_version_it_is(server: Serving, lived) -> None:
    frame = rows(lived, 20)
    status, told = answer(server, {"dataframe_records": records(frame)})
    assert status == 200, told
    version = registry.at_stage(MODEL, "production")
    expected = registry.open_bundle(version).predict(frame)
    said = pd.DataFrame(told["predictions"])
    assert list(said.columns) == [*expected.columns, "model_version", "stage", "loaded_at"]
    np.testing.assert_allclose(said["score"], expected["score"], atol=1e-6)
    assert list(said["tier"]) == list(expected["tier"])
    assert set(said["model_version"]) == {str(version.version)}
    assert set(said["stage"]) == {"production"}


def test_unseen_texts_categories_and_nulls_are_answered(server: Serving, lived) -> None:
    frame = rows(lived, 1)
    odd = records(frame)[0] | {"documents": ["从未见过的 text 😀 " * 300]}
    odd |= {name: None for name in frame.columns if name not in ("user_id", "documents")}
    status, told = answer(server, {"dataframe_records": [odd]})
    assert status == 200, told
    assert 0 <= told["predictions"][0]["score"] <= 1


@pytest.mark.parametrize("wrong", ["missing column", "wrong type", "too many rows", "no JSON"])
def test_a_wrong_request_is_refused_and_the_server_goes_on(server: Serving, lived, wrong: str) -> None:
    row = records(rows(lived, 1))[0]
    name = next(key for key in row if key.startswith("spend_"))
    body: object = {"dataframe_records": [row]}
    if wrong == "missing column":
        del row[name]
    elif wrong == "wrong type":
        row[name] = "a lot"
    elif wrong == "too many rows":
        body = {"dataframe_records": [row] * 26}
    else:
        body = b"{"
    status, told = answer(server, body)
    assert status == 400
    if wrong in ("missing column", "wrong type"):
        assert name in json.dumps(told)
    assert "Traceback" not in json.dumps(told)
    assert answer(server, {"dataframe_records": records(rows(lived, 1))})[0] == 200


def test_what_was_asked_is_logged_where_serve_was_told_to(server: Serving, lived) -> None:
    assert answer(server, {"dataframe_records": records(rows(lived, 3))})[0] == 200
    folder = server.project.folder / "asked"
    until(lambda: any(folder.glob("[!.]*.parquet")))
    logged = pd.read_parquet(next(folder.glob("[!.]*.parquet")))
    assert set(logged["stage"]) == {"production"}


def test_a_taken_port_is_said(server: Serving) -> None:
    point = entry_points()["serve"]
    given = {"port": str(server.port), "workspace": str(server.project.folder / "another")}
    done = subprocess.run(
        [sys.executable, "-m", point.module, *point.arguments(given)],
        cwd=ROOT,
        env=server.project.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert f"port: {server.port} is taken" in done.stderr
