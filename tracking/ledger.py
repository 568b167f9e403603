"""The ledger: one append-only record for each move of a model's stages, each refusal and each switch.

A record is a run with the artifact ``record.json`` in the experiment ``<model>.ledger``, so that it lies where the
registry keeps its own, on a remote server too. It holds the digest of the record before it: an edit shows.
"""

from __future__ import annotations

import getpass
import json
import os
import random
import socket
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from purchasing_power.errors import DataError
from tracking import lock, runs
from tracking.ledger_record import FIRST, Record, plain

ARTIFACT = "record.json"
NUMBER, DIGEST = "ledger.number", "ledger.digest"
HEAD = "ledger.head"
WAIT_S, RETRY_S = 60.0, 0.5
# A look at the figures is a try, whether it moved something or not.
TRIES = ("promote", "refuse", "dry_run")


def append(model: str, action: str, version: str, **facts: Any) -> Record:
    """Write the next record; ``facts`` are further fields of :class:`Record`.

    Raises
    ------
    tracking.lock.Busy
        If other writers did not let it have its turn within a minute.
    DataError
        If the account may not write to the ledger.
    """
    with lock.held(f"ledger of {model}", WAIT_S) as alone:
        deadline = time.monotonic() + WAIT_S
        while True:
            record = _next(model, action, version, facts)
            run_id = _opened(record)
            if alone or _is_first(record, run_id):
                _write(record, run_id)
                return record
            MlflowClient().set_terminated(run_id, "KILLED")
            if time.monotonic() > deadline:
                raise lock.Busy(f"ledger of {model}: other commands write to it without a pause. Try again later.")
            time.sleep(random.uniform(0, RETRY_S))


def _next(model: str, action: str, version: str, facts: dict[str, Any]) -> Record:
    last = max(_runs(model), key=_number, default=None)
    git = runs.commit_tags()
    active = mlflow.active_run()
    record = Record(
        number=1 + (_number(last) if last is not None else 0),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        who=_who(),
        action=action,
        model=model,
        version=str(version),
        commit=git["git.commit"],
        dirty=git["git.dirty"],
        run_id=active.info.run_id if active is not None else None,
        previous=last.data.tags[DIGEST] if last is not None else FIRST,
        **{name: plain(value) for name, value in facts.items()},
    )
    return Record(**{**asdict(record), "digest": record.computed_digest()})


def _is_first(record: Record, run_id: str) -> bool:
    """Whether no other writer has the record's number: where no lock keeps two apart, both then draw another."""
    same = mlflow.search_runs([_experiment(record.model)], f"tags.`{NUMBER}` = '{record.number}'", output_format="list")
    # A writer that died half-way blocks its number for a while, not for ever.
    recent = 1000 * (time.time() - WAIT_S)
    return not [
        run
        for run in same
        if run.info.run_id != run_id
        and (run.info.status == "FINISHED" or (run.info.status == "RUNNING" and run.info.start_time > recent))
    ]


def records(model: str) -> list[Record]:
    """Every record, oldest first."""
    return [_read(run) for run in sorted(_runs(model), key=_number)]


def tries(model: str, against: str) -> int:
    """How often the gate to staging was tried against a version in production, moves, refusals and dry runs."""
    tags = [run.data.tags for run in _runs(model)]
    return sum(
        tag.get("ledger.against") == against
        and tag.get("ledger.action") in TRIES
        and tag.get("ledger.to_stage") == "staging"
        for tag in tags
    )


def _opened(record: Record) -> str:
    """A run for the record, which does not count before it is finished."""
    shown = ("action", "version", "from_stage", "to_stage", "before", "against", "attempt", "forced")
    values = asdict(record)
    tags = {f"ledger.{name}": str(values[name]) for name in shown if values[name] not in (None, "")}
    tags |= {NUMBER: str(record.number), DIGEST: record.digest, runs.STEP: "ledger", **runs.process_tags()}
    name = f"{record.number} {record.action} {record.version}"
    try:
        made = MlflowClient().create_run(_experiment(record.model), tags=tags, run_name=name)
    except MlflowException as error:
        if error.error_code != "PERMISSION_DENIED":
            raise
        raise DataError(
            f"ledger of {record.model}: this account may not write to it; it needs EDIT permission on the experiment "
            f"{record.model}.ledger, and MLflow refused. Ask the owner of the model to grant it. Not recorded: "
            f"{record.action} of version {record.version}."
        ) from error
    return str(made.info.run_id)


def _write(record: Record, run_id: str) -> None:
    client = MlflowClient()
    client.log_dict(run_id, asdict(record), ARTIFACT)
    client.set_terminated(run_id)
    try:
        client.set_registered_model_tag(record.model, HEAD, str(record.number))
    except MlflowException as error:
        # An account that may log but not change the registry writes its refusals all the same.
        if error.error_code not in ("PERMISSION_DENIED", "RESOURCE_DOES_NOT_EXIST"):
            raise


def _experiment(model: str) -> str:
    name, client = f"{model}.ledger", MlflowClient()
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name, artifact_location=_location(name)))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    found = client.get_experiment_by_name(name)
    assert found is not None, "another process has just made the experiment"
    return str(found.experiment_id)


def _location(name: str) -> str | None:
    """Within the artifacts of the experiment at work; a server chooses for itself."""
    active = mlflow.active_run()
    if active is None or mlflow.get_tracking_uri().startswith("http"):
        return None
    beside = MlflowClient().get_experiment(active.info.experiment_id).artifact_location
    return f"{beside.rstrip('/')}/{name}"


def _runs(model: str) -> list[Run]:
    found = MlflowClient().get_experiment_by_name(f"{model}.ledger")
    if found is None:
        return []
    page = mlflow.search_runs([found.experiment_id], output_format="list", max_results=50_000)
    return [run for run in page if NUMBER in run.data.tags and run.info.status == "FINISHED"]


def _number(run: Run) -> int:
    return int(run.data.tags[NUMBER])


def _read(run: Run) -> Record:
    uri = f"runs:/{run.info.run_id}/{ARTIFACT}"
    where = Path(runs.location(uri))
    text = where.read_text(encoding="utf-8") if where.exists() else mlflow.artifacts.load_text(uri)
    return Record(**json.loads(text))


def head(model: str) -> int:
    """Number of the newest record as the registered model tells it; 0 where it does not."""
    try:
        return int(MlflowClient().get_registered_model(model).tags.get(HEAD, "0"))
    except MlflowException:
        return 0


def _who() -> str:
    account = os.environ.get("MLFLOW_TRACKING_USERNAME") or getpass.getuser()
    return f"{account}@{socket.gethostname()}"
