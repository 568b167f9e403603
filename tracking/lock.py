"""A lock through the database of the registry, let go by the operating system or the server when its holder dies."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import mlflow
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from purchasing_power.errors import DataError

log = logging.getLogger(__name__)

RETRY_S = 0.05


class Busy(DataError):
    """Another process holds the lock."""


@contextmanager
def held(name: str, wait_s: float = 0.0) -> Iterator[bool]:
    """Hold the lock ``name`` of the registry's database inside; gives whether there is such a database.

    A registry behind HTTP, or in a database without a lock known here, has none: what it guards must then
    compare what it changes before and after.

    Parameters
    ----------
    wait_s
        Seconds to wait for another holder.

    Raises
    ------
    Busy
        If another process still holds it.
    """
    uri = mlflow.get_registry_uri()
    dialect = uri.partition("://")[0].partition("+")[0]
    kinds = {"sqlite": _sqlite, "postgresql": _postgresql}
    if dialect not in kinds:
        log.info("no lock through %s: stages are compared before and after they move", dialect)
        yield False
        return
    attempt, release = kinds[dialect](uri, name)
    try:
        _acquire(attempt, name, wait_s)
        yield True
    finally:
        release()


Lock = tuple[Callable[[], bool], Callable[[], None]]


def _acquire(attempt: Callable[[], bool], name: str, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while not attempt():
        if time.monotonic() >= deadline:
            raise Busy(
                f"{name}: another process is at work on it, and one at a time is allowed. "
                "Wait until it has ended, look at the stages, and run the command again."
            )
        time.sleep(RETRY_S)


def _sqlite(uri: str, name: str) -> Lock:
    # SQLite has one writer: a transaction in the registry's own file would stop the very move that it guards.
    path = f"{sa.make_url(uri).database}-{_digest(name).hex()[:16]}.lock"
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)

    def attempt() -> bool:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                return False
            raise
        return True

    return attempt, connection.close


def _postgresql(uri: str, name: str) -> Lock:
    engine = sa.create_engine(uri, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    connection = engine.connect()
    key = int.from_bytes(_digest(name)[:8], "big", signed=True)

    def attempt() -> bool:
        return bool(connection.execute(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar())

    return attempt, connection.close


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
