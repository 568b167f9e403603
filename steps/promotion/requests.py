"""Requests in the form that a version's own example has, and how they are asked over HTTP."""

from __future__ import annotations

import http.client
import json
import math
from typing import Any

import mlflow
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.snapshot.user_table import DOCUMENTS, USER
from steps.deploy.server_process import HOST

EXAMPLE = "serving_input_example.json"
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


def rows_of(frame: pd.DataFrame, features: tuple[str, ...]) -> list[Row]:
    """Rows as JSON takes them, every digit kept: user, features and documents, null for what is missing."""
    columns = [name for name in (USER, *features) if name in frame]
    rows: list[Row] = [
        {str(name): None if _missing(value) else value for name, value in row.items()}
        for row in frame[columns].to_dict("records")
    ]
    if DOCUMENTS in frame:
        for row, texts in zip(rows, frame[DOCUMENTS], strict=True):
            row[DOCUMENTS] = list(texts)
    return rows


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


def _missing(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))
