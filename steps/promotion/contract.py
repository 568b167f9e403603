"""The contract of a served version: which requests it answers, and how it refuses the others."""

from __future__ import annotations

import json
from typing import Any

from purchasing_power.gates.serving import ContractTest
from steps.promotion.requests import Row, ask, body_of, connect

TRACES = ("Traceback (most recent call last)", "stack_trace")
ODD = "an odd value"


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
    fault = (
        "" if status != 200 or (predictions and len(predictions) == 1) else "not one prediction for one row"
    )
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
