"""The receiver of mirrored requests: it answers at once, and what it cannot hold it counts and lets go."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from steps.deploy.server_process import HOST

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
