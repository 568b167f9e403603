"""nginx in front of the server: sizes, time-outs, a second try, and errors that say nothing they should not."""

from __future__ import annotations

import getpass
import logging
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from purchasing_power.errors import DataError
from steps.deploy import processes, server_process

log = logging.getLogger(__name__)

NGINX, CONFIG = "nginx", "nginx.conf"
# The PATH of an account that is not root often lacks them.
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin")
# mlflow ends a request after 60 s by itself.
TIMEOUT_S = 65
READY_WITHIN_S, DRAINED_WITHIN_S = 10, 10
ERRORS = (
    (404, "ENDPOINT_NOT_FOUND", "There is nothing here. POST to /invocations."),
    (405, "BAD_REQUEST", "This method is not taken. POST to /invocations."),
    (408, "BAD_REQUEST", "The request did not come in time."),
    (413, "BAD_REQUEST", "The request is larger than {max_body_mb} MB. Send fewer rows at a time."),
    (415, "BAD_REQUEST", "This content type is not taken. Send application/json in UTF-8."),
    (500, "INTERNAL_ERROR", "The request could not be answered."),
    (502, "TEMPORARILY_UNAVAILABLE", "The server does not answer now. Try again."),
    (504, "TEMPORARILY_UNAVAILABLE", "The answer took too long. Send fewer rows at a time."),
)


def binary() -> str:
    """Path of nginx.

    Raises
    ------
    DataError
        If it is not installed.
    """
    places = os.pathsep.join([os.environ.get("PATH", ""), *SYSTEM_FOLDERS])
    found = shutil.which(NGINX, path=places)
    if found is None:
        raise DataError(
            "proxy=nginx: there is no nginx on this machine. Install it (Debian: apt-get install "
            "nginx-light), or give proxy=none."
        )
    return found


def config(folder: Path, port: int, upstream: int, *, max_body_mb: int, docs: bool, mirror: int | None) -> str:
    """The text of nginx's configuration.

    Parameters
    ----------
    folder
        Where nginx keeps its process number and bodies that do not fit into memory.
    port, upstream, mirror
        The port served, the server's own, and where copies of requests go (``None``: nowhere).
    max_body_mb
        The largest request body in MB.
    docs
        Whether the pages /docs, /redoc and /openapi.json are open.
    """
    files = FileSystemLoader(Path(__file__).parent)
    template = Environment(loader=files, undefined=StrictUndefined, autoescape=False).get_template(f"{CONFIG}.j2")
    return template.render(
        folder=folder.resolve(),
        # A process of root gives its workers another account, which may not read a private folder.
        user=getpass.getuser() if os.geteuid() == 0 else None,
        port=port,
        upstream=upstream,
        max_body_mb=max_body_mb,
        timeout_s=TIMEOUT_S,
        errors=[(code, name, text.format(max_body_mb=max_body_mb)) for code, name, text in ERRORS],
        docs=docs,
        mirror=mirror,
    )


def start(folder: Path, port: int, text: str) -> None:
    """Start nginx, or have the one that a killed deployer left behind read its configuration anew.

    Raises
    ------
    DataError
        If nginx refuses the configuration, the port is taken, or it does not come up.
    """
    left = processes.noted(folder, NGINX)
    if left is not None and left["port"] != port:
        stop(folder)
        left = None
    draft = folder / f".{CONFIG}"
    draft.write_text(text, encoding="utf-8")
    command = [binary(), "-p", str(folder.resolve()), "-e", "stderr", "-c"]
    tried = subprocess.run([*command, draft.name, "-t", "-q"], capture_output=True, text=True)
    if tried.returncode != 0:
        raise DataError(f"proxy=nginx: nginx refuses its configuration: {tried.stderr.strip()}")
    draft.rename(folder / CONFIG)
    if left is not None:
        os.kill(left["pid"], signal.SIGHUP)
        return
    server_process.check_free(port)
    process = subprocess.Popen([*command, CONFIG], start_new_session=True)
    processes.note_or_end(folder, NGINX, process.pid, port=port)
    deadline = time.monotonic() + READY_WITHIN_S
    while not server_process.healthy(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise DataError("proxy=nginx: nginx does not come up. Read its log above.")
        time.sleep(0.05)


def stop(folder: Path) -> None:
    """Let nginx answer what it has taken, then end it."""
    left = processes.noted(folder, NGINX)
    if left is not None:
        with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            master = psutil.Process(left["pid"])
            master.send_signal(signal.SIGQUIT)
            master.wait(DRAINED_WITHIN_S)
    processes.end(folder, NGINX)
