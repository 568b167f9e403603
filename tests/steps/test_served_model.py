"""Tests of the served model under stock ``mlflow models serve``: what it answers, refuses, tells and imports."""

from __future__ import annotations

import http.client
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import psutil
import pytest
from stores import new_store
from tables import TEXTS, panel
from tiny_models import tiny_bert  # noqa: F401

from purchasing_power.kinds.purchase import KIND
from purchasing_power.model import bundle
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.purchasing_model import PurchasingModel, fit
from purchasing_power.model.splits import split
from purchasing_power.snapshot.target import fit_target
from steps.deploy.server_process import HOST, free_port, serving
from steps.model_logging import log_and_register

pytestmark = pytest.mark.slow

TABLE = panel(80, 5)
CANARY = "c4nary-value"


class Served:
    """A running server, the model behind it and its folders."""

    def __init__(self, port: int, process: int, model: PurchasingModel, folder: Path, home: Path) -> None:
        self.port, self.process, self.model, self.folder, self.home = port, process, model, folder, home

    def ask(self, body: object, kind: str | None = "application/json") -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        connection.request("POST", "/invocations", data, {"Content-Type": kind} if kind else {})
        answer = connection.getresponse()
        said = answer.read().decode()
        connection.close()
        return answer.status, json.loads(said)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Iterator[Served]:  # noqa: F811
    home = tmp_path_factory.mktemp("served")
    parts = split(TABLE)
    params = model_params(representation="both", head="logistic", text_components=4, encoder=str(tiny_bert))
    model = fit(TABLE, parts, fit_target("tier", TABLE, parts.train), params)
    folder = bundle.save(model, home / "bundle", TEXTS)
    before = mlflow.get_tracking_uri()
    new_store(home, "served")
    try:
        with mlflow.start_run(experiment_id=mlflow.get_experiment_by_name("served").experiment_id):
            version = log_and_register(KIND, model, folder, KIND.example(model, TABLE), "m", {})
        logged = next((home / "artifacts").rglob("MLmodel")).parent
        (logged / "deployed.json").write_text(json.dumps({"model": "m", "version": "7", "stage": "staging"}))
        variables = {
            "PURCHASING_POWER_LOG": str(home / "log"),
            "PURCHASING_POWER_LOG_SECONDS": "0.2",
            "PURCHASING_POWER_KEY": "a key for tests only",
            "PURCHASING_POWER_MAX_ROWS": "20",
            "PURCHASING_POWER_MAX_BODY_MB": "2",
        }
        port = free_port()
        with serving(f"models:/m/{version.version}", port, 1, variables) as process:
            yield Served(port, process.pid, model, logged, home)
    finally:
        mlflow.set_tracking_uri(before)


def request_rows(count: int = 4) -> list[dict[str, Any]]:
    names = ["user_id", *TABLE.meta.features]
    frame = TABLE.frame[names].head(count)
    frame = frame.assign(documents=[list(texts) for texts in TABLE.frame["documents"].head(count)])
    return json.loads(frame.to_json(orient="records"))


def test_no_torch_is_in_a_worker_whose_texts_are_warm(served: Served) -> None:
    assert served.ask({"inputs": request_rows()})[0] == 200
    family = psutil.Process(served.process).children(recursive=True)
    assert family
    assert not [one for one in family for part in one.memory_maps() if "torch" in part.path]


@pytest.mark.parametrize("form", ["inputs", "instances", "dataframe_records", "dataframe_split", "no type", "parquet"])
def test_every_form_is_answered_as_in_process(served: Served, form: str) -> None:
    rows = request_rows()
    body: object = {form: rows}
    kind: str | None = "application/json"
    if form == "dataframe_split":
        body = {form: {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}}
    elif form == "no type":
        body, kind = {"inputs": rows}, None
    elif form == "parquet":
        file = io.BytesIO()
        pd.DataFrame(rows).to_parquet(file)
        body, kind = file.getvalue(), "application/vnd.apache.parquet"
    status, said = served.ask(body, kind)
    assert status == 200, said
    expected = served.model.predict(pd.DataFrame(rows))
    found = pd.DataFrame(said["predictions"])
    assert list(found.columns) == [*expected.columns, "model_version", "stage", "loaded_at"]
    assert list(found["user_id"]) == list(expected["user_id"])
    np.testing.assert_allclose(found["score"], expected["score"], atol=1e-6)
    assert set(found["model_version"] + found["stage"]) == {"7staging"}
    assert abs(pd.Timestamp(found["loaded_at"][0]) - pd.Timestamp.now("UTC")) < pd.Timedelta(minutes=5)


def changed(**columns: object) -> dict:
    return {"inputs": [{**request_rows(1)[0], **columns}]}


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        (changed(noise=CANARY), "application/json", 400, "row 0, noise: got a text"),
        (changed(noise=float("nan")), "application/json", 400, "row 0, noise: got NaN"),
        (changed(documents=[CANARY, 3]), "application/json", 400, "row 0, documents: got a list with a number"),
        (changed(extra=CANARY), "application/json", 400, "row 0, extra: got an extra column"),
        ({"inputs": [{"user_id": CANARY}]}, "application/json", 400, "row 0, noise: got no such column"),
        (changed(user_id="\ud800"), "application/json", 400, "no JSON in UTF-8"),
        ({"inputs": request_rows(21)}, "application/json", 400, "rows: got 21; 1 to 20"),
        (b'{"a": "' + CANARY.encode(), "application/json", 400, "no JSON in UTF-8"),
        (b"\xff\xfe" + CANARY.encode(), "application/json", 400, "no JSON in UTF-8"),
        (b"[" * 200_000, "application/json", 400, "no JSON in UTF-8"),
        (b'"' + b"x" * 2_000_001 + b'"', "application/json", 413, "body: got 2.0 MB; up to 2 are allowed"),
        (CANARY.encode(), None, 400, "no JSON in UTF-8"),
        (CANARY.encode(), f"text/{CANARY}", 415, "Content-Type: application/json"),
        (CANARY.encode(), f"application/json; charset={CANARY}", 415, "the charset utf-8 alone"),
        (f"a,b\n{CANARY},1\n".encode(), "text/csv", 400, "row 0, a: got an extra column"),
        (f'"{CANARY}'.encode(), "text/csv", 400, "cannot be read as its Content-Type says"),
        (CANARY.encode(), "application/vnd.apache.parquet", 400, "cannot be read as its Content-Type says"),
    ],
)
def test_a_wrong_request_is_refused_without_its_values(
    served: Served, body: object, kind: str | None, status: int, said: str
) -> None:
    found, answer = served.ask(body, kind)
    assert found == status, answer
    assert set(answer) == {"error_code", "message"}
    assert said in answer["message"]
    assert CANARY not in json.dumps(answer)
    assert "Traceback" not in answer["message"]
    assert served.ask({"inputs": request_rows()})[0] == 200


def test_what_was_answered_is_logged_within_the_stated_time(served: Served) -> None:
    row = {**request_rows(1)[0], "user_id": CANARY, "documents": TEXTS[:2]}
    status, answer = served.ask({"inputs": [row]})
    assert status == 200
    time.sleep(2)
    files = sorted((served.home / "log").glob("*.parquet"))
    last = pd.read_parquet(files[-1]).iloc[-1]
    assert last["score"] == answer["predictions"][0]["score"]
    assert last["documents_count"] == 2
    assert (last["model_version"], last["stage"]) == ("7", "staging")
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]


def test_the_registry_shows_the_columns_and_a_frame_in_this_process_is_answered(served: Served) -> None:
    loaded = mlflow.pyfunc.load_model(str(served.folder))
    names = loaded.metadata.signature.inputs.input_names()
    assert names == ["user_id", *TABLE.meta.features, "documents"]
    assert loaded.metadata.signature.outputs.input_names()[-3:] == ["model_version", "stage", "loaded_at"]
    answer = loaded.predict(TABLE.frame)
    assert len(answer) == len(TABLE.frame)
    assert set(answer["model_version"]) == {"7"}
    assert loaded.predict(loaded.input_example)[0]["stage"] == "staging"
    with pytest.raises(mlflow.MlflowException, match="columns are missing"):
        loaded.predict(TABLE.frame.drop(columns="noise"))
