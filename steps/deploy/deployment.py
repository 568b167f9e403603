"""A deployment: what serves, where, and what is written down of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steps.deploy import processes, workers

log = logging.getLogger(__name__)

SERVER = "server"


@dataclass(frozen=True)
class ServerSettings:
    """What a server is started with.

    Attributes
    ----------
    stage
        The stage served, ``none`` for a version given by number.
    port, inner
        The port that users know and the server's own: another one behind nginx.
    workers
        Worker processes.
    asked
        The parameters that a server must have been started with to be taken over.
    variables
        What is added to the environment of the workers.
    """

    stage: str
    port: int
    inner: int
    workers: int
    asked: dict[str, object]
    variables: dict[str, str]


@dataclass
class Deployment:
    """One ``mlflow models serve`` on the link ``current`` of a deployment folder.

    Attributes
    ----------
    folder
        The deployment folder.
    stage, port, inner, workers
        As in :class:`ServerSettings`.
    home
        Folder of the version that the workers hold.
    refused
        Folder of the version that was tried last and not taken.
    not_before
        Moment (monotonic seconds) before which nothing is fetched.
    """

    folder: Path
    stage: str
    port: int
    inner: int
    workers: int
    home: Path
    refused: Path | None = None
    not_before: float = 0.0

    @property
    def alive(self) -> bool:
        """Whether the server runs."""
        return processes.noted(self.folder, SERVER) is not None


def write_down(where: Path, server: dict[str, Any]) -> None:
    """Write down the state of the server; on a full disk what is loaded goes on without."""
    try:
        processes.note(where, SERVER, **server)
    except OSError as error:
        log.warning("the state of the server could not be written down (%s)", error)


def go_back(server: int, count: int) -> str:
    """Have the workers hold what ``current`` points at again; a remark where that fails, else nothing."""
    try:
        workers.replace(server, count)
    except workers.NotReplaced as error:
        return f"; going back failed too ({error})"
    return ""
