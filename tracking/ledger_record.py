"""One record of the ledger, and what shows that records were changed afterwards."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

FIRST = "none"


@dataclass(frozen=True)
class Record:
    """One line of the ledger.

    Attributes
    ----------
    number, time, who
        Place in the ledger from 1, UTC in ISO 8601, account and host.
    action
        ``promote``, ``refuse``, ``overtaken`` (a move that another process undid at the same time), ``dry_run``,
        ``rollback``, ``copy``, ``retire``, or what a server writes: ``switch``, ``switch_refused``.
    version, from_stage, to_stage, before
        The version, the stage it comes from, the stage it moves to, and the version that stood there.
    against
        Version in production that it was compared with; with ``attempt`` the number of the try against it.
    reason, forced, approved_by
        Why, in sentences; the reason given where the gate was overruled by hand, else empty; who approved.
    commit, dirty, run_id
        Git commit of the project, whether its tree had changes, and the run that did it.
    data
        Digests and URIs of the data that the figures rest on.
    figures, checks, policy
        Figures with their intervals, each check with its outcome, and what was required.
    previous, digest
        Digest of the record before this one, and of this one.
    """

    number: int
    time: str
    who: str
    action: str
    model: str
    version: str
    from_stage: str | None = None
    to_stage: str | None = None
    before: str | None = None
    against: str | None = None
    attempt: int | None = None
    reason: str = ""
    forced: str = ""
    approved_by: str | None = None
    commit: str = "unknown"
    dirty: str = "unknown"
    run_id: str | None = None
    data: dict[str, str] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    checks: list[dict[str, Any]] = field(default_factory=list)
    policy: dict[str, Any] = field(default_factory=dict)
    previous: str = FIRST
    digest: str = ""

    def computed_digest(self) -> str:
        """SHA-256 of everything but the digest itself."""
        content = {key: value for key, value in asdict(self).items() if key != "digest"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def problems(found: list[Record], head: int) -> list[str]:
    """What shows that records were edited, deleted, or written twice under one number; empty where none was.

    Parameters
    ----------
    found
        The records, oldest first.
    head
        Number of the newest record as the registry knows it; 0 where it does not.
    """
    said = []
    for before, one in zip([None, *found], found, strict=False):
        if one.digest != one.computed_digest():
            said.append(f"Record {one.number} was edited: its digest does not fit its content.")
        if before is not None and one.number == before.number:
            said.append(f"Record {one.number} stands twice: two commands wrote at the same time.")
        elif one.number != (before.number + 1 if before is not None else 1):
            said.append(f"Records before number {one.number} are missing.")
        elif one.previous != (before.digest if before is not None else FIRST):
            said.append(f"Record {one.number} does not follow the record before it: one of them was replaced.")
    if head > (found[-1].number if found else 0):
        said.append(f"The newest records are missing: the registry says there were {head}.")
    return said


def plain(value: Any) -> Any:
    """JSON knows neither NaN nor tuples, and the digest must not change on the way back."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value
