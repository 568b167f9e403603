"""What the deployer did, written to the ledger; kept on disk while the registry is away."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from steps.deploy.folder import read_json, write_json
from tracking import ledger

log = logging.getLogger(__name__)

FOLDER = "unwritten"
SWITCHED, REFUSED = "switch", "switch_refused"


def keep(folder: Path, model: str, action: str, version: str, reason: str, **facts: Any) -> None:
    """Keep one record until :func:`write` has brought it to the ledger; ``facts`` are further fields of it.

    On a full disk the record goes to the ledger straight away, and where that is away too, to the log.
    """
    log.info("%s: version %s of %s: %s", action, version, model, reason)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    record = {"model": model, "action": action, "version": version, "reason": f"{reason}; at {at}", **facts}
    try:
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        write_json(folder / FOLDER / f"{time.time_ns()}.json", record)
    except OSError:
        try:
            ledger.append(**record)
        except Exception as error:  # any client, store or network error: serving goes on
            log.error("the record stands here only: the disk is full and the registry away (%s)", error)


def write(folder: Path) -> None:
    """Bring every record kept to the ledger, oldest first.

    Raises
    ------
    Exception
        Whatever the registry's client raises where it is away; what is not written stays kept.
    """
    for path in sorted((folder / FOLDER).glob("*.json")):
        ledger.append(**read_json(path))
        path.unlink()


def write_or_wait(folder: Path) -> None:
    """Bring every record kept to the ledger, or leave them kept where the registry is away."""
    try:
        write(folder)
    except Exception as error:  # any client, store or network error: serving goes on
        log.warning("the ledger cannot be written now (%s): the records are kept", type(error).__name__)
