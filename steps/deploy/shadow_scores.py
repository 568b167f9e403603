"""What two versions answered to one request, side by side in Parquet files."""

from __future__ import annotations

import json
import logging
import time
import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from purchasing_power.shop.pseudonym import pseudonymise
from steps.server_process import HOST

log = logging.getLogger(__name__)

SCORES = "scores"
ANSWER_WITHIN_S = 60
COLUMNS = (
    "user",
    "at",
    "production_version",
    "production_score",
    "staging_version",
    "staging_score",
)


def ask(port: int, body: bytes, kind: str) -> list[dict[str, Any]]:
    """The rows that a server answers; none where it refuses the request."""
    request = urllib.request.Request(f"http://{HOST}:{port}/invocations", body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S) as answer:
            rows: list[dict[str, Any]] = json.load(answer)["predictions"]
            return rows
    except urllib.error.HTTPError:
        return []


def pairs(
    ours: list[dict[str, Any]],
    theirs: list[dict[str, Any]],
    production: str,
    staging: str,
    key: bytes,
    now: datetime,
) -> list[dict[str, Any]]:
    """One row a user with both scores; none where only one version answered, or one has no score."""
    if len(ours) != len(theirs) or any("score" not in row for row in [*ours, *theirs]):
        return []
    users = pseudonymise(pd.Series([row.get("user_id") for row in ours], dtype="str"), key)
    scores = ((float(our["score"]), float(their["score"])) for our, their in zip(ours, theirs, strict=True))
    return [
        dict(zip(COLUMNS, (user, now, production, our, staging, their), strict=True))
        for user, (our, their) in zip(users, scores, strict=True)
    ]


def write(rows: list[dict[str, Any]], where: Path) -> None:
    """Write rows as one Parquet file of ``where / "scores"``, whole or not at all; a full disk loses them."""
    if not rows:
        return
    home = where / SCORES
    path = home / f"{time.time_ns()}.parquet"
    draft = path.with_name(f".{path.name}")
    try:
        home.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows, columns=list(COLUMNS)).to_parquet(draft, index=False)
        draft.rename(path)
    except OSError as error:
        log.warning("shadow: %d rows are lost: they cannot be written (%s)", len(rows), error)
        draft.unlink(missing_ok=True)
