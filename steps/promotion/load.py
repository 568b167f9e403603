"""Several clients at once against a served version, and how long each answer takes."""

from __future__ import annotations

import http.client
import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np

from purchasing_power.gates.serving import Load
from steps.promotion.requests import ask, connect

# The first answers pay for what each worker does once.
WARM_UP = 10


def under_load(port: int, bodies: list[bytes], clients: int, seconds: float, workers: int) -> Load:
    """Latency while ``clients`` ask one request after another on open connections for ``seconds``.

    The clock starts when every client has had ten answers, which are not counted.
    """
    ready = Barrier(clients)
    with ThreadPoolExecutor(clients) as pool:
        parts = pool.map(
            lambda number: _client(port, bodies[number::clients] or bodies, ready, seconds), range(clients)
        )
        answers = [one for part in parts for one in part]
    times = np.array([took for took, status in answers if status == 200]) * 1000
    p50, p99 = np.percentile(times, [50, 99]) if len(times) else (float("inf"), float("inf"))
    failed = sum(status != 200 for _, status in answers)
    return Load(clients, seconds, workers, len(answers), failed, float(p50), float(p99))


def _client(port: int, bodies: list[bytes], ready: Barrier, seconds: float) -> list[tuple[float, int]]:
    """Seconds and status of each answer; status 0 where the connection broke."""
    connection, found = connect(port), []
    requests = itertools.cycle(bodies)
    try:
        for body in itertools.islice(requests, WARM_UP):
            _timed(connection, body)
        ready.wait()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            found.append(_timed(connection, next(requests)))
    finally:
        connection.close()
    return found


def _timed(connection: http.client.HTTPConnection, body: bytes) -> tuple[float, int]:
    began = time.perf_counter()
    try:
        status, _ = ask(connection, body)
    except (OSError, http.client.HTTPException):
        status = 0
        connection.close()
    return time.perf_counter() - began, status
