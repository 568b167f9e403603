"""A small HTTP server that answers as a test tells it to, or resets the connection."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RESET = (0, "")


@dataclass
class Heard:
    """What a server was asked: path, body and content type of each request, and its port."""

    port: int = 0
    requests: list[tuple[str, bytes, str | None]] = field(default_factory=list)


@contextmanager
def answering(answer: Callable[[str, bytes, int], tuple[int, str]]) -> Iterator[Heard]:
    """Answer by path, body and number of the request, with a status and a body, or ``RESET``."""
    heard = Heard()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            heard.requests.append((self.path, body, self.headers.get("Content-Type")))
            status, text = answer(self.path, body, len(heard.requests))
            if (status, text) == RESET:
                # Closing with time 0 to linger sends a reset, as a worker that ends does.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output free of it."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client: object) -> None:
            """A reset on purpose is no error to print."""

    server = Server(("127.0.0.1", 0), Handler)
    heard.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield heard
    finally:
        server.shutdown()
        server.server_close()


def predictions(*scores: float, user: str = "user-1") -> tuple[int, str]:
    """An answer as the model gives it."""
    return 200, json.dumps({"predictions": [{"user_id": user, "score": score} for score in scores]})
