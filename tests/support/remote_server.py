"""A remote tracking server of a test's own: basic-auth on PostgreSQL, artifacts served by it, gone afterwards."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import mlflow
import psutil
import pytest
from postgres import postgres
from project import ROOT

READY_WITHIN_S = 120
ADMIN = ("admin", "a password of the admin")
SETTINGS = """[mlflow]
default_permission = READ
database_uri = {database}
admin_username = {name}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 60
"""
# One process of an account runs its steps one after the other, as `main` does: a start takes seconds.
STEPS = """
import json, sys
import mlflow
from purchasing_power.errors import DataError
from purchasing_power.model import bundle
from purchasing_power.model.heads import blend
from steps import evaluate, history, ingest, promote, snapshot, stages, train, tune
from tracking import chain, runs

runs.prepare()
mlflow.set_experiment("tests")
print("READY {}", flush=True)
for line in sys.stdin:
    names, given = json.loads(line)
    try:
        with mlflow.start_run():
            runs.mark("test")
            said = chain.run_steps(names, given)
    except DataError as error:
        said = {"error": str(error)}
    print("SAID " + json.dumps(said), flush=True)
"""


@dataclass(frozen=True)
class RemoteServer:
    """Where it answers, and the database that a study may be kept in."""

    uri: str
    studies: str
    folder: Path

    def account(self, name: str, password: str) -> dict[str, str]:
        """Environment of a command that an account runs against the server."""
        return {"MLFLOW_TRACKING_URI": self.uri, "MLFLOW_TRACKING_USERNAME": name, "MLFLOW_TRACKING_PASSWORD": password}


@contextmanager
def remote_server(folder: Path) -> Iterator[RemoteServer]:
    """A running server with the account ``ADMIN``; skipped where a part of it is not installed."""
    if find_spec("flask_wtf") is None:
        pytest.skip("mlflow[auth] is not installed (pip install -e '.[test]')")
    with postgres() as database:
        databases = {name: _database(database, name) for name in ("tracking", "accounts", "studies")}
        settings = folder / "basic_auth.ini"
        settings.write_text(SETTINGS.format(database=databases["accounts"], name=ADMIN[0]))
        port = _free_port()
        server = RemoteServer(f"http://127.0.0.1:{port}", databases["studies"], folder)
        with (folder / "server.log").open("wb") as log:
            process = subprocess.Popen(
                _command(port, databases["tracking"], folder / "served"),
                cwd=folder,
                env={
                    **os.environ,
                    "MLFLOW_AUTH_CONFIG_PATH": str(settings),
                    "MLFLOW_AUTH_ADMIN_PASSWORD": ADMIN[1],
                    "MLFLOW_FLASK_SERVER_SECRET_KEY": "a key for tests only",
                    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                },
                stdout=log,
                stderr=log,
            )
            try:
                _wait(server, process)
                yield server
            finally:
                end(process)


def end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """End a process and what it started, each by its id."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.terminate()
    _, alive = psutil.wait_procs(family, timeout=5)
    for one in alive:
        one.kill()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def use(server: RemoteServer, account: tuple[str, str], patch: pytest.MonkeyPatch) -> None:
    """Let this process speak to the server as an account."""
    for name, value in server.account(*account).items():
        patch.setenv(name, value)
    mlflow.set_tracking_uri(server.uri)


@dataclass(frozen=True)
class Account:
    """A process in which an account runs steps."""

    process: subprocess.Popen[str]

    def begin(self, *names: str, **given: str) -> None:
        """Run steps in order, without waiting for them."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([names, given]) + "\n")
        self.process.stdin.flush()

    def answer(self) -> tuple[dict[str, str], str]:
        """What the steps gave, and what they printed before."""
        printed = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            word, _, rest = line.partition(" ")
            if word in ("READY", "SAID"):
                return json.loads(rest), "".join(printed)
            printed.append(line)
        raise AssertionError("the process ended: " + "".join(printed)[-3000:])

    def does(self, *names: str, **given: str) -> dict[str, str]:
        """Run steps in order and give what came of them."""
        self.begin(*names, **given)
        return self.answer()[0]


@contextmanager
def at_work(server: RemoteServer, account: tuple[str, str], count: int = 1) -> Iterator[list[Account]]:
    """Processes of an account, ready for their first step."""
    with ExitStack() as ends, (server.folder / f"{account[0]}.log").open("a") as log:
        accounts = []
        for _ in range(count):
            accounts.append(Account(_process(server, account, log)))
            ends.callback(end, accounts[-1].process)
        for one in accounts:
            one.answer()
        yield accounts


def _process(server: RemoteServer, account: tuple[str, str], log: IO[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STEPS],
        cwd=ROOT,
        env={**os.environ, **server.account(*account), "PURCHASING_POWER_KEY": "a key for tests only"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )


def _command(port: int, database: str, artifacts: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--allowed-hosts", f"127.0.0.1:{port}"),
        *("--backend-store-uri", database),
        *("--artifacts-destination", artifacts.as_uri(), "--serve-artifacts"),
    ]


def _database(server: str, name: str) -> str:
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server.rpartition('/')[0]}/{name}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: RemoteServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            urllib.request.urlopen(f"{server.uri}/health", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            if process.poll() is not None or time.monotonic() > deadline:
                said = (server.folder / "server.log").read_text(errors="replace")[-3000:]
                raise AssertionError(f"the server did not start: {said}") from None
            time.sleep(0.1)
