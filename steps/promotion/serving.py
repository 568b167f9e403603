"""A version served for real by ``mlflow models serve``, and what is seen of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError
from purchasing_power.gates.serving import Load, ServingEvidence, ServingPolicy, keeps_budget
from purchasing_power.kinds.kind import BATCH
from purchasing_power.model.protocol import Table
from steps.deploy.server_process import free_port, serving
from steps.promotion.contract import contract_tests
from steps.promotion.evidence import Models
from steps.promotion.load import under_load
from steps.promotion.options import Options
from steps.promotion.requests import ask, body_of, connect, form_of

APPROVED_BY = "approved_by"
COMPARED, ASKED = 50, 200
QUIET = {"UVICORN_ACCESS_LOG": "false", "UVICORN_LOG_LEVEL": "warning"}


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
