"""What two versions answered to one request, side by side in Parquet files."""

from __future__ import annotations

import glob
import http.client
import json
import logging
import math
import time
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import dataset

from purchasing_power.errors import DataError
from purchasing_power.shop.pseudonym import pseudonymise
from steps.deploy.server_process import HOST

log = logging.getLogger(__name__)

SCORES = "scores"
ANSWER_WITHIN_S = 60
SCHEMA = pa.schema(
    [
        ("user", pa.string()),
        ("at", pa.timestamp("us", "UTC")),
        ("production_version", pa.string()),
        ("production_score", pa.float64()),
        ("production_tier", pa.string()),
        ("staging_version", pa.string()),
        ("staging_score", pa.float64()),
        ("staging_tier", pa.string()),
    ]
)


def ask(port: int, body: bytes, kind: str) -> list[dict[str, Any]]:
    """The rows that a server answers; none where it refuses the request or does not answer it."""
    request = urllib.request.Request(f"http://{HOST}:{port}/invocations", body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S) as answer:
            rows: list[dict[str, Any]] = json.load(answer)["predictions"]
            return rows
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return []


def pairs(
    ours: list[dict[str, Any]], theirs: list[dict[str, Any]], production: str, staging: str, key: bytes, now: datetime
) -> list[dict[str, Any]]:
    """One row a user with both scores; none where production did not answer with scores.

    Where staging did not, its score is NaN in every row of the request.
    """
    if any(row.get("score") is None for row in ours):
        return []
    if len(ours) != len(theirs) or any(row.get("score") is None for row in theirs):
        theirs = [{"score": math.nan}] * len(ours)
    users = pseudonymise(pd.Series([row.get("user_id") for row in ours], dtype="str"), key)
    return [
        {
            "user": user,
            "at": now,
            "production_version": production,
            "production_score": float(our["score"]),
            "production_tier": our.get("tier"),
            "staging_version": staging,
            "staging_score": float(their["score"]),
            "staging_tier": their.get("tier"),
        }
        for user, our, their in zip(users, ours, theirs, strict=True)
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
        pd.DataFrame(rows).to_parquet(draft, index=False, schema=SCHEMA)
        draft.rename(path)
    except OSError as error:
        log.warning("shadow: %d rows are lost: they cannot be written (%s)", len(rows), error)
        draft.unlink(missing_ok=True)


def read(workspace: Path, model: str, production: str, staging: str, since: datetime) -> pd.DataFrame:
    """Rows of two versions of a model from every deployment of a workspace, with the columns of ``SCHEMA``.

    Parameters
    ----------
    since
        When the newer of the two versions was made: a number that was deleted may have been given again.

    Raises
    ------
    DataError
        If a file cannot be read.
    """
    folder = f"{glob.escape(str(workspace))}/deployments/{glob.escape(model)}@*/shadow/{SCORES}"
    files = sorted(glob.glob(f"{folder}/*.parquet"))
    wanted = (
        (dataset.field("production_version") == production)
        & (dataset.field("staging_version") == staging)
        & (dataset.field("at") >= since)
    )
    try:
        found = dataset.dataset(files, schema=SCHEMA).to_table(filter=wanted)
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"shadow scores: a file in {workspace}/deployments cannot be read ({error}). Move it away, or name "
            "another workspace (-P workspace=FOLDER)."
        ) from error
    return found.to_pandas()
