"""The receiver of MLflow's registry webhooks: a signed notice that an alias was set wakes the deployer."""

from __future__ import annotations

import base64
import hmac
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mlflow.webhooks.constants import (
    WEBHOOK_DELIVERY_ID_HEADER,
    WEBHOOK_SIGNATURE_HEADER,
    WEBHOOK_SIGNATURE_VERSION,
    WEBHOOK_TIMESTAMP_HEADER,
)

from purchasing_power.errors import DataError
from steps.deploy.server_process import HOST, check_free

SECRET_VARIABLE = "PURCHASING_POWER_WEBHOOK_SECRET"
PATH = "/alias"
# What the Standard Webhooks libraries allow between the two clocks.
TOLERANCE_S = 300
MOST_BYTES = 64 * 1024


def secret() -> str:
    """The secret that MLflow signs with, from the environment: a parameter would be logged.

    Raises
    ------
    DataError
        If it is not set.
    """
    found = os.environ.get(SECRET_VARIABLE, "")
    if not found:
        raise DataError(
            f"webhook_port: {SECRET_VARIABLE} is not set. Set it to the secret that the webhook was made "
            "with, or give webhook_port=0 to poll only."
        )
    return found


def verdict(key: str, headers: Mapping[str, str], body: bytes, now: float) -> int:
    """HTTP status for a delivery: 204 where it is MLflow's and fresh, 401 where it is not.

    The signature is ``v1,`` and the base64 of HMAC-SHA-256 over ``<delivery id>.<timestamp>.<body>``, as
    MLflow makes it after the Standard Webhooks specification (https://www.standardwebhooks.com).

    Parameters
    ----------
    now
        Seconds since 1970; a timestamp further than ``TOLERANCE_S`` from it is refused.
    """
    given = {name.lower(): value for name, value in headers.items()}
    delivery = given.get(WEBHOOK_DELIVERY_ID_HEADER.lower(), "")
    stamp = given.get(WEBHOOK_TIMESTAMP_HEADER.lower(), "")
    signed = f"{delivery}.{stamp}.".encode() + body
    digest = base64.b64encode(hmac.digest(key.encode(), signed, "sha256")).decode()
    signature = given.get(WEBHOOK_SIGNATURE_HEADER.lower(), "")
    if not hmac.compare_digest(f"{WEBHOOK_SIGNATURE_VERSION},{digest}".encode(), signature.encode()):
        return 401
    fresh = stamp.isdigit() and abs(now - int(stamp)) <= TOLERANCE_S
    return 204 if delivery and fresh else 401


def concerns(body: bytes, model: str, stages: tuple[str, ...]) -> bool:
    """Whether a delivery says that one of the stages of the model was set."""
    try:
        notice = json.loads(body)
        data = notice["data"]
        return (
            (notice["entity"], notice["action"]) == ("model_version_alias", "created")
            and data["name"] == model
            and data["alias"] in stages
        )
    except (ValueError, KeyError, TypeError):
        return False


@contextmanager
def receiving(port: int, key: str, model: str, stages: tuple[str, ...], wake: Callable[[], None]) -> Iterator[None]:
    """Listen on 127.0.0.1; a true notice calls ``wake``, whose listener asks the registry what stands where.

    The version in the notice is not believed: notices may come late and out of order.

    Raises
    ------
    DataError
        If the port is taken.
    """

    def answer(headers: Mapping[str, str], body: bytes) -> int:
        status = verdict(key, headers, body, time.time())
        if status == 204 and concerns(body, model, stages):
            wake()
        return status

    check_free(port)
    server = ThreadingHTTPServer((HOST, port), _handler(answer))
    threading.Thread(target=server.serve_forever, name="webhook", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _handler(answer: Callable[[Mapping[str, str], bytes], int]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if self.path != PATH:
                self._reply(404)
            elif not length.isdigit() or int(length) > MOST_BYTES:
                self._reply(413)
            else:
                self._reply(answer(dict(self.headers.items()), self.rfile.read(int(length))))

        def _reply(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Write nothing: a log line would hold what a stranger sent."""

    return Handler
