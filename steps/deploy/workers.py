"""uvicorn's workers: who they are, and how they are replaced one by one while the others answer."""

from __future__ import annotations

import signal
import time

import psutil

from steps.deploy.server_process import WORKER_WITHIN_S

# uvicorn gives a new worker the time of its health check, and an old one as long as its requests last.
WITHIN_S = 2 * WORKER_WITHIN_S
LOOK_S = 0.05


class NotReplaced(Exception):
    """The new version did not take over.

    Attributes
    ----------
    mixed
        Whether some workers hold the new version.
    """

    def __init__(self, why: str, mixed: bool = False) -> None:
        super().__init__(why)
        self.mixed = mixed


def alive(uvicorn: psutil.Process) -> set[int]:
    """Process ids of the workers that run."""
    found = set()
    for child in uvicorn.children():
        try:
            # Beside the workers uvicorn has the resource tracker of multiprocessing.
            if child.status() != psutil.STATUS_ZOMBIE and any("spawn_main" in word for word in child.cmdline()):
                found.add(child.pid)
        except psutil.NoSuchProcess:
            continue
    return found


def uvicorn_of(server: int) -> psutil.Process:
    """The uvicorn process below ``mlflow models serve``.

    Raises
    ------
    NotReplaced
        If there is none.
    """
    try:
        for child in psutil.Process(server).children(recursive=True):
            if any("scoring_server.app" in word for word in child.cmdline()):
                return child
    except psutil.NoSuchProcess as error:
        raise NotReplaced("the server is gone") from error
    raise NotReplaced("the server has no uvicorn process")


def replace(server: int, count: int) -> None:
    """Have every worker replaced by one that loads what ``current`` points at now.

    uvicorn starts a new worker, waits until it is ready, and only then ends an old one; it stops at the
    first that does not become ready.

    Raises
    ------
    NotReplaced
        If a new worker ended while loading, or not all were replaced in time.
    """
    uvicorn = uvicorn_of(server)
    deadline = time.monotonic() + count * WITHIN_S
    # A worker that is being born now would be taken for one that failed.
    while len(before := alive(uvicorn)) < count and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    uvicorn.send_signal(signal.SIGHUP)
    seen: set[int] = set()
    while time.monotonic() < deadline:
        try:
            now = alive(uvicorn)
        except psutil.NoSuchProcess as error:
            raise NotReplaced("the server ended") from error
        if len(now) == count and not now & before:
            return
        if seen - now:
            raise NotReplaced("a new worker ended while loading the version", not before <= now)
        seen |= now - before
        time.sleep(LOOK_S)
    raise NotReplaced(f"not every worker was replaced within {count * WITHIN_S} s", mixed=True)
