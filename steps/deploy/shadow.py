"""The shadow: what the version at staging would have answered, written beside what production answers.

Its receiver of mirrored requests answers at once; what it cannot hold it counts and lets go.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mlflow.entities.model_registry import ModelVersion

from steps.deploy import folder, processes, server_process, smoke
from steps.deploy.server_process import HOST
from steps.deploy.shadow_scores import ask, pairs, write

log = logging.getLogger(__name__)

SHADOW = "shadow"
ROWS_A_FILE, WRITTEN_WITHIN_S = 10_000, 10.0
# A server that ends as soon as it starts must not take the machine's time from those that answer users.
AGAIN_AFTER_S = 30.0
NICENESS = 10
# Bodies held while the other version answers earlier ones.
HELD = 64


@dataclass
class Mirrored:
    """Request bodies that wait, with their content types, and how many were let go."""

    port: int = 0
    waiting: queue.Queue[tuple[bytes, str]] = field(default_factory=lambda: queue.Queue(HELD))
    dropped: int = 0


@contextmanager
def mirrored() -> Iterator[Mirrored]:
    """Take mirrored requests on a free port of 127.0.0.1."""
    held = Mirrored()

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.send_response(204)
            self.end_headers()
            try:
                held.waiting.put_nowait((body, self.headers.get("Content-Type", "application/json")))
            except queue.Full:
                held.dropped += 1

        def log_message(self, format: str, *args: object) -> None:
            """Write nothing: the answers' time is not spent on it."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    held.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, name="mirror", daemon=True).start()
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class VersionServer:
    """A server of one worker on one version.

    Attributes
    ----------
    port, home
        0 while it does not answer; the version's folder.
    started
        When it was started last, monotonic seconds.
    """

    name: str
    port: int = 0
    home: Path | None = None
    started: float = 0.0


@dataclass
class Shadow:
    """Two servers of one worker each, and the rows not yet written.

    Attributes
    ----------
    where
        Its folder: the versions fetched, and ``scores`` with the files.
    key
        Key of the pseudonyms.
    variables
        What is added to the environment of both servers.
    ours, theirs
        The version in production and the one at staging. Production has a server of its own here: asking the
        one that users ask would take time from them and stand twice in the prediction log.
    refused
        Folder of the version at staging that was not taken.
    rows, written, ended
        Rows not yet written, when the last ones were (monotonic seconds), and whether it is over.
    """

    where: Path
    key: bytes
    variables: dict[str, str]
    ours: VersionServer = field(default_factory=lambda: VersionServer("production"))
    theirs: VersionServer = field(default_factory=lambda: VersionServer("staging"))
    refused: Path | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    written: float = field(default_factory=time.monotonic)
    ended: threading.Event = field(default_factory=threading.Event)


@contextmanager
def shadowing(
    shadow: Shadow, held: Mirrored, staging: Callable[[], ModelVersion | None], production: Callable[[], Path]
) -> Iterator[None]:
    """Have both versions answer the mirrored requests, one after another, and write their scores.

    What comes faster than they answer is let go and counted.

    Parameters
    ----------
    staging, production
        Give the version to compare, and the folder of the version that users are answered by.
    """
    shadow.where.mkdir(parents=True, exist_ok=True)
    _end(shadow)
    given = (shadow, held, staging, production)
    thread = threading.Thread(target=_work, args=given, name="shadow", daemon=True)
    thread.start()
    try:
        yield
    finally:
        shadow.ended.set()
        _end(shadow)
        thread.join(timeout=5)
        _end(shadow)
        _write(shadow)
        log.info("shadow: %d requests were let go because earlier ones were not done", held.dropped)


def _work(
    shadow: Shadow, held: Mirrored, staging: Callable[[], ModelVersion | None], production: Callable[[], Path]
) -> None:
    while not shadow.ended.is_set():
        try:
            _follow(shadow, staging(), production())
            _take(shadow, held)
        except Exception as error:  # whatever it is, nobody waits for the shadow
            log.warning("shadow: one request or version is left out (%s)", type(error).__name__)
            shadow.ended.wait(1)


def _follow(shadow: Shadow, staging: ModelVersion | None, production: Path) -> None:
    if staging is None:
        return
    _serve(shadow, shadow.ours, production)
    home = folder.home_of(shadow.where, staging)
    if home == shadow.refused:
        return
    if home == shadow.theirs.home:
        _serve(shadow, shadow.theirs, home)
        return
    problem = smoke.problem(folder.fetch(shadow.where, staging, shadow.theirs.name))
    if problem is not None:
        shadow.refused = home
        log.warning("shadow: version %s is not compared: %s", staging.version, problem)
        return
    _serve(shadow, shadow.theirs, home)
    folder.link(shadow.where, home)
    folder.tidy(shadow.where)
    log.info("shadow: version %s is compared", staging.version)


def _serve(shadow: Shadow, server: VersionServer, home: Path) -> None:
    """Start a server on a version where there is none, and again where it has ended."""
    # A server that starts while the others are ended would be left behind.
    if shadow.ended.is_set():
        return
    if server.home == home:
        if processes.noted(shadow.where, server.name) is not None:
            return
        server.port = 0
        if time.monotonic() - server.started < AGAIN_AFTER_S:
            return
        log.warning("shadow: the server of the version at %s ended; it is started again", server.name)
    processes.end(shadow.where, server.name)
    server.port, server.home, server.started = 0, home, time.monotonic()
    port = server_process.free_port()
    process = server_process.start(str(home), port, 1, shadow.variables, NICENESS)
    processes.note_or_end(shadow.where, server.name, process.pid)
    server_process.wait_healthy(process, port)
    server.port = port


def _end(shadow: Shadow) -> None:
    for server in (shadow.ours, shadow.theirs):
        processes.end(shadow.where, server.name)


def _take(shadow: Shadow, held: Mirrored) -> None:
    try:
        body, kind = held.waiting.get(timeout=0.2)
    except queue.Empty:
        body, kind = b"", ""
    ours, theirs = shadow.ours, shadow.theirs
    if body and ours.port and theirs.port and ours.home is not None and theirs.home is not None:
        numbers = folder.number(ours.home), folder.number(theirs.home)
        answers = ask(ours.port, body, kind), ask(theirs.port, body, kind)
        # A server that is ended at this moment did not fail.
        if not shadow.ended.is_set():
            shadow.rows += pairs(*answers, *numbers, shadow.key, datetime.now(UTC))
    if len(shadow.rows) >= ROWS_A_FILE or time.monotonic() - shadow.written > WRITTEN_WITHIN_S:
        _write(shadow)


def _write(shadow: Shadow) -> None:
    rows, shadow.rows, shadow.written = shadow.rows, [], time.monotonic()
    failed = {row["at"] for row in rows if math.isnan(row["staging_score"])}
    if failed:
        log.warning("shadow: the version at staging did not answer %d requests", len(failed))
    write(rows, shadow.where)
