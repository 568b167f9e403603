"""Requests in the form that a version's own example has, and how they are asked over HTTP."""

from __future__ import annotations

import http.client
import json
from typing import Any

import mlflow

from purchasing_power.errors import DataError
from steps.deploy.server_process import HOST
from steps.deploy.smoke_process import EXAMPLE

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
        raise DataError(
            f"{uri}: no readable {EXAMPLE} ({error}). Log the version with an input example."
        ) from error
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
