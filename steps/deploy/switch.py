"""Switching to another version without dropping a request."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from steps.deploy import folder, processes, records, server_process, smoke, workers
from steps.deploy.deployment import SERVER, Deployment, go_back, write_down

log = logging.getLogger(__name__)

# A fetch that failed (a full disk, a registry that is away) is tried again after so long.
AGAIN_AFTER_S = 5.0


def follow(deployment: Deployment, wanted: ModelVersion | None) -> bool:
    """Serve the version wanted where it is another than the one served; keep the old one if it fails.

    Returns
    -------
    bool
        Whether a record was kept for the ledger.
    """
    if wanted is None or time.monotonic() < deployment.not_before:
        return False
    number, home = str(wanted.version), folder.home_of(deployment.folder, wanted)
    if home == deployment.home:
        deployment.refused = None
    if home in (deployment.home, deployment.refused):
        return False
    try:
        home = folder.fetch(deployment.folder, wanted, deployment.stage)
        problem = smoke.problem(home) or _switch(deployment, home)
    except (OSError, MlflowException) as error:
        deployment.not_before = time.monotonic() + AGAIN_AFTER_S
        log.warning("version %s cannot be fetched (%s): the old one goes on", number, type(error).__name__)
        return False
    if problem is not None:
        deployment.refused = home
        kept = f"{problem}; version {folder.number(deployment.home)} goes on"
        records.keep(deployment.folder, wanted.name, records.REFUSED, number, kept)
    folder.tidy(deployment.folder)
    return True


def _switch(deployment: Deployment, home: Path) -> str | None:
    """Have the workers hold the version in ``home``, or say why they do not; the old one is then back."""
    began, where = time.monotonic(), deployment.folder
    server = processes.noted(where, SERVER)
    if server is None:
        return "the server is gone"
    write_down(where, {**server, "settled": False})
    folder.link(where, home)
    mixed = True
    try:
        workers.replace(server["pid"], deployment.workers)
        problem = None if server_process.healthy(deployment.inner) else "the server does not answer"
    except workers.NotReplaced as error:
        problem, mixed = str(error), error.mixed
    if problem is not None:
        folder.link(where, deployment.home)
        back = go_back(server["pid"], deployment.workers) if mixed else ""
        write_down(where, server)
        return f"{problem}{back}"
    write_down(where, {**server, "home": str(home)})
    old, deployment.home, deployment.refused = deployment.home, home, None
    model = str(folder.read_json(home / folder.DEPLOYED)["model"])
    facts = {"before": folder.number(old), "to_stage": deployment.stage}
    figures = {"switch_s": round(time.monotonic() - began, 1)}
    reason = f"{deployment.stage} moved"
    records.keep(where, model, records.SWITCHED, folder.number(home), reason, figures=figures, **facts)
    return None
