"""The prediction log: requests and their predictions in Parquet files, without holding up a reply."""

from __future__ import annotations

import atexit
import logging
import os
import queue
import re
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from purchasing_power.atomic_folder import atomic_file
from purchasing_power.errors import DataError
from purchasing_power.serving.deployed import Deployed
from purchasing_power.serving.rows import Rows
from purchasing_power.shop.pseudonym import pseudonymise, read_key
from purchasing_power.snapshot.user_table import CUTOFF, USER

FOLDER_VARIABLE, SECONDS_VARIABLE = "PURCHASING_POWER_LOG", "PURCHASING_POWER_LOG_SECONDS"
SECONDS = 1.0
# Requests that wait to be written; more are dropped and counted.
MOST_WAITING = 10_000
TIME, DOCUMENT_COUNT, DROPPED = "time", "documents_count", "dropped"
_PSEUDONYM = re.compile(r"[0-9a-f]{32}")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoggedRequest:
    """The rows of a request, their predictions, and when these were made."""

    rows: Rows
    predictions: dict[str, np.ndarray]
    time: datetime


class PredictionLog:
    """Writes requests and predictions to Parquet files of a folder, a file per interval, in a thread of its own.

    A file holds, per user: ``time`` (UTC), ``user_id`` (a pseudonym), ``cutoff``, the features, ``documents_count``,
    the columns of the prediction, ``model_version`` and ``stage``. Texts are not in it. It is written under a temporary
    name and renamed, so that a reader sees complete files alone. A process that is killed loses what came since the
    last file: at most ``seconds`` and the time that a file takes to write.

    Parameters
    ----------
    folder
        Where the files lie.
    key
        Pseudonym key; ids that are pseudonyms already (32 hex characters) are kept.
    seconds
        Time between two files.
    most_waiting
        Requests that may wait; a full queue drops the newest, and ``dropped`` counts them.
    """

    def __init__(
        self, folder: Path, deployed: Deployed, key: bytes, seconds: float = SECONDS, most_waiting: int = MOST_WAITING
    ) -> None:
        self.folder, self.deployed, self.key = folder, deployed, key
        self.seconds = seconds
        self.dropped = 0
        self._waiting: queue.Queue[LoggedRequest] = queue.Queue(most_waiting)
        self._ends = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)
        self._thread = threading.Thread(target=self._write_on, name="prediction log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def put(self, rows: Rows, predictions: dict[str, np.ndarray]) -> None:
        """Take a request with its predictions; never waits."""
        try:
            self._waiting.put_nowait(LoggedRequest(rows, predictions, datetime.now(UTC)))
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what waits, and stop."""
        self._ends.set()
        self._thread.join()

    def _write_on(self) -> None:
        reported = 0
        while not self._ends.is_set():
            self._ends.wait(self.seconds)
            try:
                self._write()
            except Exception as error:
                # A full disk must not end the log for good; serving goes on without it.
                log.error("prediction log: %s; these predictions are not logged", type(error).__name__)
            if self.dropped > reported:
                log.warning("prediction log: %d requests dropped so far, the queue was full", self.dropped)
                reported = self.dropped

    def _write(self) -> None:
        requests = [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]
        if not requests:
            return
        name = f"{requests[0].time:%Y%m%dT%H%M%S.%f}-{os.getpid()}-{uuid.uuid4().hex[:8]}.parquet"
        table = pa.Table.from_pandas(_frame(requests, self.deployed, self.key), preserve_index=False)
        metadata = {**(table.schema.metadata or {}), DROPPED: str(self.dropped)}
        with atomic_file(self.folder / name) as draft:
            pq.write_table(table.replace_schema_metadata(metadata), draft, compression="zstd")


def open_log(deployed: Deployed) -> PredictionLog | None:
    """The log that the environment asks for, or ``None``.

    ``PURCHASING_POWER_LOG`` is its folder, ``PURCHASING_POWER_LOG_SECONDS`` the time between two files. The pseudonym
    key is found as the intake finds it, with the folder's parent as the workspace.

    Raises
    ------
    DataError
        If the time is no number above 0.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return None
    stated = os.environ.get(SECONDS_VARIABLE) or str(SECONDS)
    try:
        seconds = float(stated)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise DataError(
            f"environment variable {SECONDS_VARIABLE}: got {stated!r}; seconds above 0 are allowed. Set some."
        )
    home = Path(folder).resolve()
    return PredictionLog(home, deployed, read_key(home.parent), seconds)


def _frame(requests: Sequence[LoggedRequest], deployed: Deployed, key: bytes) -> pd.DataFrame:
    """A row per user of the requests, in their order."""
    rows = [one.rows for one in requests]
    columns = rows[0].columns
    moments = [np.datetime64(one.time.replace(tzinfo=None), "us") for one in requests]
    times = pd.DatetimeIndex(np.repeat(moments, list(map(len, rows)))).tz_localize("UTC")
    users = pd.Series([user for one in rows for user in one.users], dtype="str")
    pseudonyms = users.str.fullmatch(_PSEUDONYM.pattern).fillna(True).astype(bool)
    cutoffs = pd.Series([cutoff for one in rows for cutoff in one.cutoffs], dtype="str")
    numeric = np.concatenate([one.numeric for one in rows])
    categories = zip(*(row for one in rows for row in one.categorical), strict=True)
    counts = [len(texts) for one in rows for texts in one.documents]
    return pd.DataFrame(
        {TIME: times, USER: users.where(pseudonyms, pseudonymise(users, key)), CUTOFF: cutoffs}
        | dict(zip(columns.numeric, numeric.T, strict=True))
        | {name: pd.Series(values, dtype="str") for name, values in zip(columns.categorical, categories, strict=True)}
        | {DOCUMENT_COUNT: np.asarray(counts, np.int64)}
        | {name: np.concatenate([one.predictions[name] for one in requests]) for name in requests[0].predictions}
        | {"model_version": deployed.model_version, "stage": deployed.stage}
    )
