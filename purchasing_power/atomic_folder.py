"""Folders and files that are there whole or not at all."""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

_DRAFT = ".draft-"


@contextmanager
def atomic_folder(folder: Path, *, remove_stale: bool = False) -> Iterator[Path]:
    """A draft folder beside ``folder`` that takes its place when the block ends without an error.

    Parameters
    ----------
    remove_stale
        Remove the drafts that stopped processes left of this folder; only where one process at a time writes it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    if remove_stale:
        _remove_stale(folder)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}{_DRAFT}{os.getpid()}-", dir=folder.parent))
    try:
        yield draft
        draft.chmod(0o755)
        old = draft.with_name(f"{draft.name}-old")
        if folder.exists():
            os.replace(folder, old)
        os.replace(draft, folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A draft beside ``path`` that takes its place when the block ends without an error."""
    draft = path.with_name(f".{path.name}{_DRAFT}{os.getpid()}")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _remove_stale(folder: Path) -> None:
    pattern = re.compile(re.escape(f".{folder.name}{_DRAFT}") + r"(\d+)-")
    for path in folder.parent.iterdir():
        match = pattern.match(path.name)
        if match and not _runs_elsewhere(int(match[1])):
            log.info("removing a draft that a stopped run left: %s", path.name)
            shutil.rmtree(path, ignore_errors=True)


def _runs_elsewhere(process: int) -> bool:
    """Whether another process has the id; this one's own, in a container, is that of a process before it."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()
