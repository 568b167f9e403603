"""The processes of a deployment, written down so that a deployer started later finds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil

from steps.deploy.folder import read_json, write_json
from steps.deploy.server_process import stop


def note(folder: Path, name: str, pid: int, **details: Any) -> None:
    """Write down a process that heads a group of its own, and what to know of it."""
    born = psutil.Process(pid).create_time()
    write_json(_file(folder, name), {**details, "pid": pid, "born": born})


def note_or_end(folder: Path, name: str, pid: int, **details: Any) -> None:
    """Write down a process that was just started; one that cannot be written down would be forgotten: it ends."""
    try:
        note(folder, name, pid, **details)
    except BaseException:
        stop(pid)
        raise


def noted(folder: Path, name: str) -> dict[str, Any] | None:
    """A process that is written down and lives, else ``None``."""
    entry: dict[str, Any] | None = read_json(_file(folder, name))
    return entry if entry is not None and lives(entry["pid"], entry["born"]) else None


def lives(pid: int, born: float) -> bool:
    """Whether a process runs; ``born`` (seconds since 1970) tells it from a later one of the same number."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - born) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end(folder: Path, name: str) -> None:
    """End a process that is written down, and its group."""
    entry = noted(folder, name)
    if entry is not None:
        stop(entry["pid"])
    _file(folder, name).unlink(missing_ok=True)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.process.json"
