"""One ``mlflow models serve`` as a process group of its own: started, healthy, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import mlflow

from purchasing_power.errors import DataError

HOST = "127.0.0.1"
HEALTHY_WITHIN_S, STOPPED_WITHIN_S = 180, 15
# A new worker loads a model before it answers; the default gives it 5 s.
WORKER_WITHIN_S = 120
# Folder of the prediction log; empty for none.
LOG_VARIABLE = "PURCHASING_POWER_LOG"
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(Exception):
    """A signal asked the server to stop."""


@contextmanager
def serving(
    uri: str, port: int, workers: int, variables: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``mlflow models serve`` in a process group of its own; healthy inside, gone afterwards.

    SIGTERM and SIGINT raise ``Stopped`` inside, so that the group is ended on every way out.
    ``variables`` are added to the environment of the server.

    Raises
    ------
    DataError
        If the port is taken or the server is not healthy in time.
    """
    check_free(port)
    with stop_signals():
        server = start(uri, port, workers, variables)
        try:
            wait_healthy(server, port)
            yield server
        finally:
            stop(server.pid)
            server.wait()


@contextmanager
def stop_signals() -> Iterator[None]:
    """Inside, SIGTERM and SIGINT raise ``Stopped`` in the main thread."""
    before = {one: signal.signal(one, _raise_stopped) for one in STOP_SIGNALS}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def start(
    uri: str, port: int, workers: int, variables: Mapping[str, str] | None = None, niceness: int = 0
) -> subprocess.Popen[bytes]:
    """Start ``mlflow models serve`` as the head of a new process group, and do not wait."""
    command = [
        *(sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", uri, "--host", HOST),
        *("--port", str(port), "--workers", str(workers), "--env-manager", "local"),
    ]
    if niceness:
        command = ["nice", "-n", str(niceness), *command]
    # Without it each worker takes a thread for every core, and they wait for each other.
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, len(os.sched_getaffinity(0)) // workers))
    environ = environment({"OMP_NUM_THREADS": threads, **(variables or {})})
    return subprocess.Popen(command, env=environ, start_new_session=True)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a server: this process's, what MLflow and uvicorn need, and ``variables``."""
    folder = os.path.dirname(sys.executable)
    settings = {
        # glibc would keep what loading a model freed, for each thread: 15 MB of a worker for nothing.
        "MALLOC_ARENA_MAX": "2",
        "MALLOC_TRIM_THRESHOLD_": "131072",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        **os.environ,
        # mlflow starts uvicorn by name.
        "PATH": folder + os.pathsep + os.environ.get("PATH", ""),
        "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri(),
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        # With two workers the default loop makes every request of a quiet server wait 44 ms.
        "UVICORN_LOOP": "uvloop",
        "UVICORN_TIMEOUT_WORKER_HEALTHCHECK": str(WORKER_WITHIN_S),
        **variables,
    }
    settings.pop("MLFLOW_RUN_ID", None)
    return settings


def wait_healthy(server: subprocess.Popen[bytes], port: int) -> None:
    """Return when the server answers ``/ping``.

    Raises
    ------
    DataError
        If the server ends, or does not answer within ``HEALTHY_WITHIN_S`` seconds.
    """
    deadline = time.monotonic() + HEALTHY_WITHIN_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise DataError(f"serve: the server ended with exit code {server.returncode}. Read its log above.")
        if healthy(port):
            return
        time.sleep(0.2)
    raise DataError(f"serve: not healthy after {HEALTHY_WITHIN_S} s. Read its log above; fewer workers may help.")


def healthy(port: int) -> bool:
    """Whether the server on the port answers ``/ping`` with 200."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/ping", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def stop(group: int) -> None:
    """End every process of a group: SIGTERM, then SIGKILL after ``STOPPED_WITHIN_S`` seconds."""
    for one in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, one)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + STOPPED_WITHIN_S
        while time.monotonic() < deadline and _group_lives(group):
            time.sleep(0.05)


def _group_lives(group: int) -> bool:
    # A child of ours that has ended stays in the group until it is waited for.
    with suppress(ChildProcessError):
        os.waitpid(group, os.WNOHANG)
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def check_free(port: int) -> None:
    """Refuse a port that something listens on.

    Raises
    ------
    DataError
        If the port is taken.
    """
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise DataError(f"port: {port} is taken by another server. Stop it, or choose another port (0 finds one).")


def _raise_stopped(number: int, frame: object) -> None:
    # A second signal must not interrupt what the first one began to end.
    for one in STOP_SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    raise Stopped
