"""A way through to an HTTP server on which a test lets single requests wait for each other."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Request:
    """Method, path with query, and body."""

    method: str
    path: str
    body: str


@contextmanager
def way_through(port: int, before: Callable[[Request], None], after: Callable[[Request], None]) -> Iterator[int]:
    """A port that hands every request on to ``port``; ``before`` and ``after`` may wait, or note that it was there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            asked = Request(self.command, self.path, body.decode())
            before(asked)
            server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            server.request(self.command, self.path, body, {**self.headers, "Host": f"127.0.0.1:{port}"})
            answer = server.getresponse()
            said = answer.read()
            server.close()
            after(asked)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output free of it."""

    between = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=between.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield between.server_address[1]
    finally:
        between.shutdown()
        between.server_close()
