"""Parameters of ``serve``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from purchasing_power.errors import DataError
from purchasing_power.shop.pseudonym import KEY_VARIABLE, read_key
from steps.deploy import proxy, webhook
from steps.deploy.server_process import LOG_VARIABLE
from tracking import registry
from tracking.entry import choice, count, number, parameter
from tracking.registry import ModelOptions

MAX_ROWS_VARIABLE, MAX_BODY_VARIABLE = "PURCHASING_POWER_MAX_ROWS", "PURCHASING_POWER_MAX_BODY_MB"
NONE = "none"


@dataclass(frozen=True)
class Options(ModelOptions):
    """Parameters of ``serve``, and what of them the server's processes are told."""

    version: str = parameter("a stage, which is then followed, or a version number")
    port: int = parameter("port on 127.0.0.1; 0 takes a free one", count)
    workers: int = parameter("worker processes, two or more", count)
    seconds: int = parameter("stop after so many seconds; 0 serves until SIGTERM or Ctrl-C", count)
    poll_s: float = parameter("ask the registry every so many seconds where the stage stands", number)
    webhook_port: int = parameter("port for MLflow's notices of a set alias; 0 has none", count)
    proxy: str = parameter("what stands in front: nginx or none", choice("none", "nginx"))
    max_rows: int = parameter("most users in one request", count)
    max_body_mb: int = parameter("largest request body in MB", count)
    docs: str = parameter("on leaves /docs, /redoc and /openapi.json open in nginx", choice("off", "on"))
    shadow: str = parameter("staging has that version answer copies of the requests", choice("none", "staging"))
    log: str = parameter("folder of the prediction log, or none")
    workspace: str = parameter("folder in which the deployment lies")

    def check(self) -> None:
        """Refuse what cannot be served.

        Raises
        ------
        DataError
            With the parameter, what is allowed and what to do.
        """
        if self.workers < 2:
            raise DataError(
                f"workers: got {self.workers}; 2 or more are needed: while one changes its version another "
                "answers. Give workers=2."
            )
        for name in ("poll_s", "max_rows", "max_body_mb"):
            if getattr(self, name) <= 0:
                raise DataError(f"{name}: got {getattr(self, name)}; it must be more than 0.")
        if self.shadow != NONE and self.proxy == NONE:
            raise DataError(
                "shadow=staging: it is nginx that copies the requests. Give proxy=nginx too, or shadow=none."
            )
        if self.shadow != NONE and self.version == registry.STAGING:
            raise DataError("shadow=staging: the version served is staging itself. Serve another stage.")
        if self.proxy != NONE:
            proxy.binary()
        if self.webhook_port:
            webhook.secret()

    @property
    def stage(self) -> str:
        """The stage served, ``none`` for a version given by number."""
        return NONE if self.version.isdigit() else self.version

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages to watch: the one served, and the shadow's."""
        return tuple(one for one in (self.stage, self.shadow) if one != NONE)

    @property
    def folder(self) -> Path:
        """The deployment folder: one for each model and stage (or number) of a workspace."""
        return Path(self.workspace).resolve() / "deployments" / f"{self.registered}@{self.version}"

    @property
    def started_with(self) -> dict[str, object]:
        """What a server that runs must have been started with to be taken over."""
        names = ("version", "port", "workers", "proxy", "max_rows", "max_body_mb", "log")
        return {"model": self.registered, **{name: getattr(self, name) for name in names}}

    @property
    def limits(self) -> dict[str, str]:
        """What the workers are told about the size of a request, and that they keep no log."""
        return {MAX_ROWS_VARIABLE: str(self.max_rows), MAX_BODY_VARIABLE: str(self.max_body_mb), LOG_VARIABLE: ""}

    @property
    def variables(self) -> dict[str, str]:
        """What the workers that users ask are told by their environment."""
        if self.log == NONE:
            return self.limits
        key = read_key(Path(self.workspace)).decode()
        return {**self.limits, LOG_VARIABLE: str(Path(self.log).resolve()), KEY_VARIABLE: key}
