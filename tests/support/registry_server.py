"""A tracking server of a test's own, without accounts, on the store of a project."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cryptography.fernet import Fernet
from deployed import until
from project import Project

from steps.deploy.server_process import stop


@contextmanager
def registry_server(project: Project, port: int) -> Iterator[Callable[[], None]]:
    """``mlflow server`` on the project's store, and how to stop it; it may call receivers on this machine."""
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", project.store]
    command += ["--port", str(port), "--workers", "1", "--allowed-hosts", "*"]
    environment = {
        **project.environment,
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": Fernet.generate_key().decode(),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with (project.folder / "registry.log").open("wb") as said:
        server = subprocess.Popen(
            command, cwd=project.folder, env=environment, stdout=said, stderr=said, start_new_session=True
        )
    try:
        until(lambda: answers(port))
        yield lambda: stop(server.pid)
    finally:
        stop(server.pid)
        server.wait(30)


def answers(port: int) -> bool:
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).status == 200
    except OSError:
        return False
