"""A deployment is taken over from a deployer that was killed or started, and switches without dropping a request."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from purchasing_power.errors import DataError
from steps.deploy import folder, processes, records, server_process, smoke, workers
from steps.deploy.deployment import SERVER, Deployment, ServerSettings, go_back, write_down

log = logging.getLogger(__name__)

# A fetch that failed (a full disk, a registry that is away) is tried again after so long.
AGAIN_AFTER_S = 5.0
# A machine under load may need more than one look.
LOOKS = 5


def takeover(where: Path, stage: str, asked: dict[str, object]) -> Deployment | None:
    """The server that a killed deployer left behind, where it runs as ``asked``; any other is ended.

    The link is put back to what its workers hold: the killed one may have died in a switch.
    """
    left = processes.noted(where, SERVER)
    if left is None or left["asked"] != asked or not any(server_process.healthy(left["inner"]) for _ in range(LOOKS)):
        processes.end(where, SERVER)
        return None
    home = Path(left["home"])
    folder.link(where, home)
    if not left["settled"]:
        log.warning("the deployer before died in a switch%s", go_back(left["pid"], left["workers"]))
        write_down(where, {**left, "settled": True})
    log.info("took over the server on version %s", folder.number(home))
    return Deployment(where, stage, left["port"], left["inner"], left["workers"], home)


def deploy(where: Path, version: ModelVersion, plan: ServerSettings) -> Deployment:
    """Fetch a version, try it, and start workers on it.

    A version that fails its smoke test is refused, and what was served last from this folder is served.

    Raises
    ------
    DataError
        If it fails and nothing was served from this folder before, or the server does not start.
    """
    folder.tidy(where)
    before, home = folder.current(where), folder.fetch(where, version, plan.stage)
    problem, refused = smoke.problem(home), None
    if problem is not None:
        records.keep(where, version.name, records.REFUSED, str(version.version), problem)
        if before is None or before == home:
            raise DataError(f"serve: version {version.version} of {version.name}: {problem}.")
        home, refused = before, home
    folder.link(where, home)
    process = server_process.start(str(where / folder.CURRENT), plan.inner, plan.workers, plan.variables)
    known = {"port": plan.port, "inner": plan.inner, "workers": plan.workers, "asked": plan.asked}
    known |= {"home": str(home), "settled": True}
    processes.note_or_end(where, SERVER, process.pid, **known)
    server_process.wait_healthy(process, plan.inner)
    if refused is None:
        records.keep(where, version.name, records.SWITCHED, folder.number(home), "serving starts")
    return Deployment(where, plan.stage, plan.port, plan.inner, plan.workers, home, refused)


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
