"""A version served for real by ``mlflow models serve``, and what is seen of it."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace

import numpy as np
import pandas as pd
from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError
from purchasing_power.gates.serving import Load, ServingEvidence, ServingPolicy, keeps_budget
from purchasing_power.snapshot.user_table import UserTable
from steps.deploy.server_process import free_port, serving
from steps.promotion.contract import contract_tests
from steps.promotion.load import under_load
from steps.promotion.requests import ask, body_of, connect, form_of, rows_of
from tracking import registry

APPROVED_BY = "approved_by"
COMPARED, ASKED = 50, 200
QUIET = {"UVICORN_ACCESS_LOG": "false", "UVICORN_LOG_LEVEL": "warning"}


def serve_and_look(
    args: argparse.Namespace, version: ModelVersion, rows: UserTable, policy: ServingPolicy
) -> ServingEvidence:
    """Serve a version and put it through contract, agreement with in-process predictions, and load.

    Parameters
    ----------
    rows
        Rows of a user table to ask about.

    Raises
    ------
    DataError
        If the version does not come up, or the load asks for no client or no time.
    """
    if args.load_clients < 1 or args.load_seconds <= 0 or args.workers < 1:
        raise DataError(
            f"promote: load_clients={args.load_clients}, load_seconds={args.load_seconds:g}, workers={args.workers}; "
            "each must be more than 0."
        )
    uri = f"models:/{version.name}/{version.version}"
    form, port = form_of(uri), free_port()
    model = registry.open_bundle(version)
    frame = rows.frame.head(ASKED)
    asked = rows_of(frame, model.meta.features)
    with serving(uri, port, args.workers, QUIET):
        contract = contract_tests(port, form, asked[0], model.meta.numeric)
        connection = connect(port)
        status, said = ask(connection, body_of(form, asked[:COMPARED]))
        connection.close()
        load = _load(args, port, [body_of(form, [row]) for row in asked], policy)
    predictions = said.get("predictions") if status == 200 and isinstance(said, dict) else None
    return ServingEvidence(
        contract=contract,
        difference=difference(model.predict(frame.head(COMPARED)), predictions),
        rows=len(predictions or ()),
        load=load,
        approved_by=version.tags.get(APPROVED_BY) or None,
    )


def _load(args: argparse.Namespace, port: int, bodies: list[bytes], policy: ServingPolicy) -> Load:
    """The load, once more where the budget was missed: a neighbour's moment must not refuse a version."""
    found = under_load(port, bodies, args.load_clients, args.load_seconds, args.workers)
    if keeps_budget(found, policy):
        return found
    again = under_load(port, bodies, args.load_clients, args.load_seconds, args.workers)
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
