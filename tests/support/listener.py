"""A webhook on loopback that keeps what it is sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Listener:
    """Where it listens, what came, and the status it answers with."""

    url: str = ""
    status: int = 200
    bodies: list[dict[str, str]] = field(default_factory=list)
    types: list[str | None] = field(default_factory=list)


@contextmanager
def listening(status: int = 200) -> Iterator[Listener]:
    """A listener on a free port."""
    kept = Listener(status=status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.bodies.append(json.loads(body))
            kept.types.append(self.headers["Content-Type"])
            self.send_response(kept.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
