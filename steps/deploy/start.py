"""How a deployment comes to be: taken over from a deployer that was killed, or started."""

from __future__ import annotations

import logging
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError
from steps.deploy import folder, processes, records, server_process, smoke
from steps.deploy.deployment import SERVER, Deployment, ServerSettings, go_back, write_down

log = logging.getLogger(__name__)

# A machine under load may need more than one look.
LOOKS = 5


def takeover(where: Path, stage: str, asked: dict[str, object]) -> Deployment | None:
    """The server that a killed deployer left behind, where it runs as ``asked``; any other is ended.

    The link is put back to what its workers hold: the killed one may have died in a switch.
    """
    left = processes.noted(where, SERVER)
    if (
        left is None
        or left["asked"] != asked
        or not any(server_process.healthy(left["inner"]) for _ in range(LOOKS))
    ):
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
