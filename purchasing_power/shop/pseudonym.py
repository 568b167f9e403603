"""Keyed pseudonyms: the same user always gets the same one, and nobody without the key can go back.

``python -m purchasing_power.shop.pseudonym ID`` prints the pseudonym of a shop's own id, and keeps no record of it.
"""

from __future__ import annotations

import argparse
import hmac
import logging
import os
import secrets
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pandas as pd

from purchasing_power.errors import DataError

log = logging.getLogger(__name__)

KEY_VARIABLE = "PURCHASING_POWER_KEY"
KEY_FILE = "pseudonym.key"
SHORTEST_KEY = 16
# It protects nobody: the users of a sample are public.
SAMPLE_KEY = "the key of the public samples"
_LENGTH = 32
# The DuckDB table of ids and their pseudonyms.
PSEUDONYMS = "pseudonyms"


def read_key(workspace: Path, sample: bool | None = None) -> bytes:
    """The pseudonym key: from the environment, else from the workspace, where it is made once (mode 600).

    Parameters
    ----------
    sample
        Whether the ids are of a public sample, whose new key is the same everywhere, so that its rows come in the same
        order and give the same results; users' own ids never get that key. ``None`` takes the key that is there.

    Raises
    ------
    DataError
        If the key is shorter than 16 bytes.
    """
    from_environment = os.environ.get(KEY_VARIABLE, "")
    if from_environment:
        return _long_enough(from_environment.encode(), f"environment variable {KEY_VARIABLE}")
    path = workspace / KEY_FILE
    if sample is False and path.exists() and path.read_text() == SAMPLE_KEY:
        path.unlink()
    if not path.exists():
        _make_key(path, SAMPLE_KEY if sample else secrets.token_hex(32))
    key = path.read_text().strip()
    if key != SAMPLE_KEY:
        log.warning(
            "%s is not set: user ids are replaced with the random key in %s and match within this workspace "
            "only. Set %s to keep them the same everywhere.",
            KEY_VARIABLE,
            path,
            KEY_VARIABLE,
        )
    return _long_enough(key.encode(), str(path))


def has_key(workspace: Path) -> bool:
    """Whether there is a key already, in the environment or in the workspace."""
    return bool(os.environ.get(KEY_VARIABLE)) or (workspace / KEY_FILE).exists()


def pseudonym_of(user: str, workspace: Path) -> str:
    """The pseudonym of one of the shop's own ids, under the key that its tables were made with.

    Raises
    ------
    DataError
        If there is no key.
    """
    if not has_key(workspace):
        raise DataError(
            f"pseudonym key: there is none at {workspace / KEY_FILE}, and {KEY_VARIABLE} is not set; the key that the "
            "tables were made with is needed. Give the workspace of their ingest, or set the variable."
        )
    return str(pseudonymise(pd.Series([user.strip()], dtype="str"), read_key(workspace))[0])


def _long_enough(key: bytes, source: str) -> bytes:
    if len(key) < SHORTEST_KEY:
        raise DataError(
            f"pseudonym key: {source} holds {len(key)} bytes; at least {SHORTEST_KEY} are needed. "
            "Make one with `python -c 'import secrets; print(secrets.token_hex(32))'`."
        )
    return key


def _make_key(path: Path, key: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp gives mode 600; a link fails where another process was first, so that its key stays.
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(key)
        os.link(draft, path)
    except FileExistsError:
        log.info("another process made the key first")
    finally:
        os.unlink(draft)


def pseudonymise(ids: pd.Series, key: bytes) -> pd.Series:
    """HMAC-SHA-256 of each id, the first 32 hex characters; each distinct id is hashed once.

    Parameters
    ----------
    ids
        User ids as text, shape (n,); missing ones stay missing.

    Returns
    -------
    pandas.Series
        Text of the same length, name and index.

    Raises
    ------
    DataError
        If the key is empty.
    """
    if not key:
        raise DataError(f"pseudonym key: it is empty; {SHORTEST_KEY} bytes are needed. Set {KEY_VARIABLE}.")
    codes, distinct = pd.factorize(ids)
    hashed = [hmac.digest(key, str(value).encode(), "sha256").hex()[:_LENGTH] for value in distinct]
    values = pd.Series([*hashed, None], dtype="str").array.take(codes)
    return pd.Series(values, index=ids.index, name=ids.name)


def make_pseudonyms(connection: duckdb.DuckDBPyConnection, columns: Sequence[tuple[str, str]], key: bytes) -> None:
    """Make the table ``PSEUDONYMS`` (``id``, ``pseudonym``) of every id in the given tables and columns."""
    parts = " UNION ".join(
        f"SELECT DISTINCT {column} AS id FROM {table} WHERE {column} IS NOT NULL" for table, column in columns
    )
    ids = connection.execute(parts).df()
    pairs = pd.DataFrame({"id": ids["id"], "pseudonym": pseudonymise(ids["id"].astype("str"), key)})  # noqa: F841
    connection.execute(f"CREATE OR REPLACE TABLE {PSEUDONYMS} AS SELECT id::VARCHAR AS id, pseudonym FROM pairs")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the pseudonyms of ids, from the command line or from standard input, one a line; the exit code."""
    parser = argparse.ArgumentParser(prog="pseudonym", description="Print the pseudonyms of a shop's own user ids.")
    parser.add_argument("ids", nargs="*", help="ids; by default they are read from standard input, one a line")
    parser.add_argument("--workspace", default="workspace", help="folder of the pseudonym key", type=Path)
    given = parser.parse_args(argv)
    try:
        for user in given.ids or map(str.strip, sys.stdin):
            sys.stdout.write(f"{pseudonym_of(user, given.workspace)}\n")
    except DataError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
