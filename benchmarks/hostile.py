"""Malformed, hostile and random requests against a served model: no 5xx, no stack trace, no value in an error.

The server is stock ``mlflow models serve`` with our model, without a proxy. About half of the requests are made by
hand, some are random rows, and some come from schemathesis, which reads the server's own /openapi.json and calls its
other paths too. A request without a reply counts as a server error. Predictions hold the user ids that were
sent; an error must hold nothing that was sent.

Run: ``python benchmarks/hostile.py`` (about a minute), or ``--requests 60`` for a look.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import random
import re
import socket
import tempfile
import urllib.parse
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import mlflow
import schemathesis
from hostile_requests import JSON, Sent, hand_made, random_rows
from hypothesis import HealthCheck, Phase, given, seed, settings
from serve_models import new_experiment, requests, trained

from purchasing_power.kinds.purchase import KIND
from steps.deploy.server_process import HOST, free_port, serving
from steps.model_logging import log_and_register

TRACE = re.compile(r'Traceback|File "[^"]+", line \d+|\.py:\d+')
RAW = (
    b"NONSENSE\r\n\r\n",
    b"POST /invocations HTTP/9.9\r\n\r\n",
    b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
    b"POST /invocations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nx\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
)


@dataclass
class Seen:
    """Replies of the server, counted."""

    statuses: Counter = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    server_errors: int = 0
    traces: int = 0
    echoes: int = 0

    def note(self, name: str, status: int, body: str, canary: str | None = None) -> None:
        """Count a reply."""
        self.statuses[status] += 1
        wrong = {
            "server_errors": status >= 500 or status == 0,
            "traces": bool(TRACE.search(body)),
            "echoes": status >= 400 and canary is not None and canary in body,
        }
        for key, true in wrong.items():
            setattr(self, key, getattr(self, key) + true)
            self.faults += [f"{key}: {name}: {status} {body[:200]!r}"] if true else []


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200, help="requests, at least those made by hand")
    parser.add_argument("--users", type=int, default=100, help="users of the simulated shop")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random ones")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        experiment, made = new_experiment(Path(scratch)), trained(Path(scratch), args.users, "float32")
        row = requests(made.table.rows(made.known[-1:]))[0]
        with mlflow.start_run(experiment_id=experiment):
            version = log_and_register(KIND, made.model, made.bundle, made.example, "hostile", {})
        port = free_port()
        with serving(f"models:/hostile/{version.version}", port, 2):
            good = Sent("good", json.dumps({"inputs": [row]}).encode(), JSON, "")
            before, seen = ask(port, good), Seen()
            attack(port, row, args.requests, args.seed, seen)
            after = ask(port, good)
            healthy = before[0] == after[0] == 200 and _scores(before) == _scores(after) and ping(port)
    report(seen, healthy)


def attack(port: int, row: dict, count: int, number: int, seen: Seen) -> None:
    """Send all by hand, a quarter of ``count`` from schemathesis, and random rows for the rest."""
    rng = random.Random(number)
    by_hand = list(hand_made(row, rng))
    from_schema = count // 4
    for sent in by_hand:
        seen.note(sent.name, *ask(port, sent), sent.canary)
    for raw in RAW:
        seen.note(f"raw {raw[:20]!r}", *_raw(port, raw))
    explore(port, from_schema, number, seen)
    left = max(count - sum(seen.statuses.values()), 0)
    for sent in itertools.islice(random_rows(row, rng), left):
        seen.note(sent.name, *ask(port, sent), sent.canary)


def explore(port: int, count: int, number: int, seen: Seen) -> None:
    """Calls that schemathesis makes from the server's own description, spread over its paths."""
    schema = schemathesis.openapi.from_url(f"http://{HOST}:{port}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    for operation in operations:

        @seed(number)
        @settings(
            max_examples=max(count // len(operations), 1),
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def call(case: schemathesis.Case) -> None:
            reply = case.call(timeout=60)
            seen.note(f"schemathesis {case.method} {case.path}", reply.status_code, reply.text)

        call()
    for path in ("/invocations", "/no-such-path", "/docs", "/version"):
        for method in ("GET", "DELETE", "PATCH"):
            seen.note(f"{method} {path}", *_call(port, method, path, None, {}))


def ask(port: int, sent: Sent) -> tuple[int, str]:
    """Status and body; status 0 where no reply came."""
    headers = {} if sent.kind is None else {"Content-Type": sent.kind}
    return _call(port, "POST", "/invocations", sent.body, headers)


def ping(port: int) -> bool:
    """Whether the server says that it is healthy."""
    return _call(port, "GET", "/ping", None, {})[0] == 200


def _call(port: int, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection(HOST, port, timeout=120)
    try:
        connection.request(method, urllib.parse.quote(path), body, headers)
        reply = connection.getresponse()
        return reply.status, reply.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, type(error).__name__
    finally:
        connection.close()


def _raw(port: int, content: bytes) -> tuple[int, str]:
    """What comes back for bytes that are no HTTP; a closed connection is a reply to those."""
    with socket.create_connection((HOST, port), timeout=10) as connection:
        try:
            connection.sendall(content)
            reply = connection.recv(65_536).decode("latin-1")
        except OSError:
            return 400, ""
    return int(reply.split(" ")[1]) if reply.startswith("HTTP/") else 400, reply


def _scores(reply: tuple[int, str]) -> list[float]:
    return [one["score"] for one in json.loads(reply[1])["predictions"]]


def report(seen: Seen, healthy: bool) -> None:
    """A table for people, then one line of JSON."""
    print(f"{'status':>8}{'requests':>10}")
    for status, count in sorted(seen.statuses.items()):
        print(f"{status:>8}{count:>10}")
    for fault in seen.faults:
        print(fault)
    figures = {
        "requests": sum(seen.statuses.values()),
        "server_errors": seen.server_errors,
        "traces": seen.traces,
        "echoes": seen.echoes,
        "healthy_after": healthy,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
