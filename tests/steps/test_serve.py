"""Laws of serving: what the server says equals the model, wrong requests are met, nothing is left running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import mlflow
import numpy as np
import pandas as pd
import psutil
import pytest
from project import ROOT, Project

from purchasing_power.snapshot import user_table
from steps.serve import _free_port
from tracking import registry, runs

pytestmark = pytest.mark.slow


def start(project: Project) -> tuple[subprocess.Popen[str], int]:
    """A server on the production version, healthy, and its port."""
    port = _free_port()
    given = {"model": "purchasing_power", "version": "production", "port": port, "workers": 1, "seconds": 0}
    words = [word for key, value in given.items() for word in (f"--{key}", str(value))]
    process = subprocess.Popen(
        [sys.executable, "-m", "steps.serve", *words],
        cwd=ROOT,
        env=project.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    seen = []
    for line in process.stderr:
        seen.append(line)
        if line.startswith("serving version"):
            break
    assert process.poll() is None, "".join(seen)
    return process, port


@pytest.fixture(scope="module")
def server(lived: tuple[Project, str]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    process, port = start(lived[0])
    yield process, port
    process.terminate()
    process.wait(30)


def ask(port: int, body: object) -> tuple[int, dict]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", data, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def rows(lived: tuple[Project, str], count: int) -> pd.DataFrame:
    mlflow.set_tracking_uri(lived[0].store)
    table = user_table.read(runs.fetch("latest", "users")[0])
    chosen = table.frame.tail(count).drop(
        columns=["cutoff", table.meta.spend_outcome, table.meta.orders_outcome]
    )
    return chosen.assign(documents=[list(texts) for texts in chosen["documents"]])


def records(frame: pd.DataFrame) -> list[dict]:
    return json.loads(frame.to_json(orient="records"))


def test_served_equals_in_process(server, lived) -> None:
    frame = rows(lived, 20)
    status, answer = ask(server[1], {"dataframe_records": records(frame)})
    assert status == 200, answer
    expected = registry.open_bundle(registry.at_stage("purchasing_power", "production")).predict(frame)
    said = pd.DataFrame(answer["predictions"])
    assert list(said.columns) == list(expected.columns)
    np.testing.assert_allclose(said["score"], expected["score"], atol=1e-6)
    assert list(said["tier"]) == list(expected["tier"])


def test_unseen_texts_categories_and_nulls_are_answered(server, lived) -> None:
    frame = rows(lived, 1)
    odd = records(frame)[0] | {"documents": ["从未见过的 text 😀 " * 300]}
    odd |= {name: None for name in frame.columns if name not in ("user_id", "documents")}
    status, answer = ask(server[1], {"dataframe_records": [odd]})
    assert status == 200, answer
    assert 0 <= answer["predictions"][0]["score"] <= 1


@pytest.mark.parametrize("wrong", ["missing column", "wrong type", "no JSON"])
def test_a_wrong_request_is_refused_and_the_server_goes_on(server, lived, wrong: str) -> None:
    row = records(rows(lived, 1))[0]
    name = next(key for key in row if key.startswith("spend_"))
    body: object = {"dataframe_records": [row]}
    if wrong == "missing column":
        del row[name]
    elif wrong == "wrong type":
        row[name] = "a lot"
    else:
        body = b"{"
    status, answer = ask(server[1], body)
    assert status == 400
    assert name in json.dumps(answer) or wrong == "no JSON"
    assert ask(server[1], {"dataframe_records": records(rows(lived, 1))})[0] == 200


def test_sigterm_stops_every_process_of_the_server(lived) -> None:
    process, _ = start(lived[0])
    family = psutil.Process(process.pid).children(recursive=True)
    assert family
    os.kill(process.pid, signal.SIGTERM)
    process.stderr.read()
    assert process.wait(30) == 0
    time.sleep(0.2)
    assert not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def test_a_taken_port_is_said(server, lived) -> None:
    done = lived[0].mlflow_run("serve", port=str(server[1]))
    assert done.returncode != 0
    assert f"port: {server[1]} is taken" in done.stderr
