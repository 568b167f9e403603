"""Folders replaced as a whole: a draft beside them takes their place once it is complete."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from purchasing_power import atomic_folder
from purchasing_power.errors import DataError
from purchasing_power.shop.contract import SCHEMAS

log = logging.getLogger(__name__)

QUARANTINE = "quarantine"
_DRAFT = ".draft-"


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """A draft folder that takes the place of ``folder`` when the block ends without an error.

    Drafts that a killed run left beside it are removed. A folder that holds anything else than
    shop tables is never replaced.

    Raises
    ------
    DataError
        If ``folder`` exists and holds other things than tables.
    """
    _refuse_foreign(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clean(folder)
    with atomic_folder.replaced(folder, f".{folder.name}{_DRAFT}{os.getpid()}-") as draft:
        yield draft


def _refuse_foreign(folder: Path) -> None:
    if not folder.exists():
        return
    known = {QUARANTINE, *SCHEMAS, *(f"{name}.parquet" for name in SCHEMAS)}
    foreign = [p.name for p in folder.iterdir() if p.name not in known] if folder.is_dir() else [folder.name]
    if foreign:
        raise DataError(
            f"target: {folder} holds {len(foreign)} things that are no table, {sorted(foreign)[0]} first; "
            "the target is replaced as a whole. Give a new folder."
        )


def _clean(folder: Path) -> None:
    pattern = re.compile(re.escape(f".{folder.name}{_DRAFT}") + r"(\d+)-")
    for path in folder.parent.iterdir():
        match = pattern.match(path.name)
        if match and not _alive(int(match[1])):
            log.info("removing a draft that a stopped run left: %s", path.name)
            shutil.rmtree(path, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()
