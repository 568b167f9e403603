"""Entry point ``serve``: ``mlflow models serve`` on a registered version, until told to stop."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow

from purchasing_power.errors import DataError
from tracking import registry
from tracking.entry import Outputs, Parser, execute, whole

HOST = "127.0.0.1"
HEALTHY_WITHIN_S, STOPPED_WITHIN_S = 180, 15
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(Exception):
    """A signal asked the server to stop."""


def parser() -> Parser:
    """Parameters of ``serve``."""
    return (
        Parser(prog="serve")
        .add("model", "name of the registered model")
        .add("version", "version number or stage")
        .add("port", "port on 127.0.0.1; 0 takes a free one", whole)
        .add("workers", "worker processes", whole)
        .add("seconds", "stop after so many seconds; 0 serves until SIGTERM or Ctrl-C", whole)
    )


def run(args: argparse.Namespace) -> Outputs:
    """Serve the version, say when it is healthy, and stop every process of it at the end."""
    version = registry.find(args.model, args.version)
    port = args.port or _free_port()
    mlflow.set_tags({"served.version": str(version.version), "served.url": f"http://{HOST}:{port}"})
    end = time.monotonic() + args.seconds if args.seconds else float("inf")
    try:
        with serving(f"models:/{version.name}/{version.version}", port, max(args.workers, 1)) as server:
            sys.stderr.write(
                f"serving version {version.version} of {version.name} at http://{HOST}:{port}/invocations\n"
            )
            while time.monotonic() < end:
                if server.poll() is not None:
                    raise DataError(
                        f"serve: the server ended with exit code {server.returncode}. Read its log above."
                    )
                time.sleep(0.2)
    except Stopped:
        sys.stderr.write("stopped\n")
    return {"url": f"http://{HOST}:{port}"}


@contextmanager
def serving(uri: str, port: int, workers: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``mlflow models serve`` in a process group of its own; healthy inside, gone afterwards.

    SIGTERM and SIGINT raise ``Stopped`` inside, so that the group is ended on every way out.

    Raises
    ------
    DataError
        If the port is taken or the server is not healthy in time.
    """
    _check_free(port)
    command = [
        *(sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", uri, "--host", HOST),
        *("--port", str(port), "--workers", str(workers), "--env-manager", "local"),
    ]
    folder = os.path.dirname(sys.executable)
    environment = {
        **os.environ,
        # mlflow starts uvicorn by name.
        "PATH": folder + os.pathsep + os.environ.get("PATH", ""),
        "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri(),
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        # With two workers the default loop makes every request of a quiet server wait 44 ms.
        "UVICORN_LOOP": "uvloop",
    }
    environment.pop("MLFLOW_RUN_ID", None)
    before = {one: signal.signal(one, _raise_stopped) for one in STOP_SIGNALS}
    server = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        _wait_healthy(server, port)
        yield server
    finally:
        _stop(server)
        for one, handler in before.items():
            signal.signal(one, handler)


def _wait_healthy(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + HEALTHY_WITHIN_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise DataError(
                f"serve: the server ended with exit code {server.returncode}. Read its log above."
            )
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/ping", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise DataError(
        f"serve: not healthy after {HEALTHY_WITHIN_S} s. Read its log above; fewer workers may help."
    )


def _stop(server: subprocess.Popen[bytes]) -> None:
    for one in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, one)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + STOPPED_WITHIN_S
        while time.monotonic() < deadline and _group_lives(server):
            time.sleep(0.05)
    server.wait()


def _group_lives(server: subprocess.Popen[bytes]) -> bool:
    server.poll()
    try:
        os.killpg(server.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _raise_stopped(number: int, frame: object) -> None:
    raise Stopped


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise DataError(
                f"port: {port} is taken by another server. Stop it, or choose another port (0 finds one)."
            )


def main() -> None:
    """Run from the command line."""
    execute("serve", parser(), run)


if __name__ == "__main__":
    main()
