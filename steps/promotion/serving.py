"""What is seen of a version served for real by ``mlflow models serve``, asked in the form of its own example."""

from __future__ import annotations

import http.client
import itertools
import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError
from purchasing_power.gates.serving import ContractTest, Load, ServingEvidence, ServingPolicy, keeps_budget
from purchasing_power.kinds.kind import BATCH
from purchasing_power.model.protocol import Table
from steps.deploy.server_process import HOST, free_port, serving
from steps.deploy.smoke_process import EXAMPLE
from steps.promotion.evidence import Models
from steps.promotion.options import Options

APPROVED_BY = "approved_by"
COMPARED, ASKED = 50, 200
QUIET = {"UVICORN_ACCESS_LOG": "false", "UVICORN_LOG_LEVEL": "warning"}
TRACES = ("Traceback (most recent call last)", "stack_trace")
ODD = "an odd value"
# The first answers pay for what each worker does once.
WARM_UP = 10
PATIENCE_S = 60
Row = dict[str, Any]
Answer = tuple[int, Any]


def form_of(uri: str) -> str:
    """Name under which a version takes its rows: that of its own example.

    Raises
    ------
    DataError
        If the version carries no example.
    """
    try:
        keys = mlflow.artifacts.load_dict(f"{uri}/{EXAMPLE}")
    except Exception as error:
        raise DataError(f"{uri}: no readable {EXAMPLE} ({error}). Log the version with an input example.") from error
    return "inputs" if "inputs" in keys else "dataframe_records"


def ask(connection: http.client.HTTPConnection, body: bytes) -> Answer:
    """Post a body on a connection that stays open; the status and the answer, parsed where it is JSON."""
    connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    try:
        return answer.status, json.loads(said)
    except ValueError:
        return answer.status, said.decode(errors="replace")


def connect(port: int) -> http.client.HTTPConnection:
    """A connection to the server on a port."""
    return http.client.HTTPConnection(HOST, port, timeout=PATIENCE_S)


def body_of(form: str, rows: list[Row]) -> bytes:
    """The request of some rows."""
    return json.dumps({form: rows}, ensure_ascii=False).encode()


def under_load(port: int, bodies: list[bytes], clients: int, seconds: float, workers: int) -> Load:
    """Latency while ``clients`` ask one request after another on open connections for ``seconds``.

    The clock starts when every client has had ten answers, which are not counted.
    """
    ready = Barrier(clients)
    with ThreadPoolExecutor(clients) as pool:
        parts = pool.map(
            lambda number: _client(port, bodies[number::clients] or bodies, ready, seconds), range(clients)
        )
        answers = [one for part in parts for one in part]
    times = np.array([took for took, status in answers if status == 200]) * 1000
    p50, p99 = np.percentile(times, [50, 99]) if len(times) else (float("inf"), float("inf"))
    failed = sum(status != 200 for _, status in answers)
    return Load(clients, seconds, workers, len(answers), failed, float(p50), float(p99))


def _client(port: int, bodies: list[bytes], ready: Barrier, seconds: float) -> list[tuple[float, int]]:
    """Seconds and status of each answer; status 0 where the connection broke."""
    connection, found = connect(port), []
    requests = itertools.cycle(bodies)
    try:
        for body in itertools.islice(requests, WARM_UP):
            _timed(connection, body)
        ready.wait()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            found.append(_timed(connection, next(requests)))
    finally:
        connection.close()
    return found


def _timed(connection: http.client.HTTPConnection, body: bytes) -> tuple[float, int]:
    began = time.perf_counter()
    try:
        status, _ = ask(connection, body)
    except (OSError, http.client.HTTPException):
        status = 0
        connection.close()
    return time.perf_counter() - began, status


def contract_tests(port: int, form: str, row: Row, numeric: tuple[str, ...]) -> tuple[ContractTest, ...]:
    """A good row, a null, a missing column, a wrong type, and no JSON at all, each with the status due.

    A refusal must name the column, and show neither a stack trace nor the value that was sent.

    Parameters
    ----------
    row
        A row that the version must answer.
    numeric
        The version's numeric features.
    """
    tests = [_answered(port, "a good row", body_of(form, [row]))]
    if numeric:
        name = numeric[0]
        lacking = {key: value for key, value in row.items() if key != name}
        tests += [
            _answered(port, "a null", body_of(form, [{**row, name: None}])),
            _refused(port, "a missing column", body_of(form, [lacking]), name),
            _refused(port, "a wrong type", body_of(form, [{**row, name: ODD}]), name),
        ]
    return (*tests, _refused(port, "no JSON", b"{", ""))


def _answered(port: int, name: str, body: bytes) -> ContractTest:
    status, said = _once(port, body)
    predictions = said.get("predictions") if isinstance(said, dict) else None
    fault = "" if status != 200 or (predictions and len(predictions) == 1) else "not one prediction for one row"
    return ContractTest(name, 200, status, fault)


def _refused(port: int, name: str, body: bytes, column: str) -> ContractTest:
    status, said = _once(port, body)
    text = said if isinstance(said, str) else json.dumps(said)
    fault = "" if column in text else f"the answer does not name {column}"
    fault = "the answer echoes the value" if ODD in text else fault
    fault = "the answer shows a stack trace" if any(sign in text for sign in TRACES) else fault
    return ContractTest(name, 400, status, fault)


def _once(port: int, body: bytes) -> tuple[int, Any]:
    connection = connect(port)
    try:
        return ask(connection, body)
    finally:
        connection.close()


def serve_and_look(
    options: Options, version: ModelVersion, models: Models, rows: Table, policy: ServingPolicy
) -> ServingEvidence:
    """Serve a version and put it through contract, agreement with in-process predictions, and load.

    A version of a kind that is scored in batch is not served: nothing answers for it.

    Parameters
    ----------
    rows
        Rows of the version's table to ask about.

    Raises
    ------
    DataError
        If the version does not come up, or the load asks for no client or no time.
    """
    approved = version.tags.get(APPROVED_BY) or None
    if models.kind.serving == BATCH:
        return ServingEvidence((), 0.0, 0, None, approved)
    _check_load(options)
    uri = f"models:/{version.name}/{version.version}"
    form, port = form_of(uri), free_port()
    model, rows = models.challenger, rows.rows(np.arange(len(rows.frame))[:ASKED])
    asked = models.kind.requests(model, rows)
    with serving(uri, port, options.workers, QUIET):
        contract = contract_tests(port, form, asked[0], model.meta.numeric)
        connection = connect(port)
        status, reply = ask(connection, body_of(form, asked[:COMPARED]))
        connection.close()
        load = _load(options, port, [body_of(form, [row]) for row in asked], policy)
    predictions = reply.get("predictions") if status == 200 and isinstance(reply, dict) else None
    return ServingEvidence(
        contract=contract,
        difference=difference(model.predict(rows.frame.head(COMPARED)), predictions),
        rows=len(predictions or ()),
        load=load,
        approved_by=approved,
    )


def _check_load(options: Options) -> None:
    if options.load_clients < 1 or options.load_seconds <= 0 or options.workers < 1:
        raise DataError(
            f"promote: load_clients={options.load_clients}, load_seconds={options.load_seconds:g}, "
            f"workers={options.workers}; each must be more than 0."
        )


def _load(options: Options, port: int, bodies: list[bytes], policy: ServingPolicy) -> Load:
    """The load, once more where the budget was missed: a neighbour's moment must not refuse a version."""
    found = under_load(port, bodies, options.load_clients, options.load_seconds, options.workers)
    if keeps_budget(found, policy):
        return found
    again = under_load(port, bodies, options.load_clients, options.load_seconds, options.workers)
    return replace(again, rounds=2)


def difference(expected: pd.DataFrame, served: list[dict[str, object]] | None) -> float:
    """Greatest absolute difference of the numbers; infinite where a row, a column or a word differs.

    A server may add columns of its own, such as its version; they are not compared.
    """
    if served is None or len(served) != len(expected):
        return math.inf
    answer, greatest = pd.DataFrame(served), 0.0
    for name in expected.columns:
        if name not in answer:
            return math.inf
        if pd.api.types.is_numeric_dtype(expected[name]):
            apart = np.abs(expected[name].to_numpy(float) - answer[name].to_numpy(float))
            greatest = max(greatest, float(np.nan_to_num(apart, nan=math.inf).max()))
        elif list(expected[name].astype(str)) != list(answer[name].astype(str)):
            return math.inf
    return greatest
