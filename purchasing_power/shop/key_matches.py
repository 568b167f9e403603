"""The check between tables: what share of the ids of one finds its partner in another."""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from purchasing_power.errors import DataError
from purchasing_power.shop.report import KeyMatch

# Where a column's ids are kept, and in which table's column each of them should stand.
PARTNERS: dict[str, tuple[str, ...]] = {
    "orders.product_id": ("products.product_id",),
    "returns.product_id": ("orders.product_id",),
    "returns.order_id": ("orders.order_id",),
    "events.product_id": ("products.product_id", "orders.product_id"),
    "users.user_id": ("orders.user_id",),
    "returns.user_id": ("orders.user_id",),
    "events.user_id": ("orders.user_id", "users.user_id"),
    "texts.user_id": ("orders.user_id", "users.user_id"),
    "follows.user_id": ("orders.user_id", "users.user_id"),
    "follows.friend_id": ("orders.user_id", "users.user_id"),
    "campaigns.user_id": ("orders.user_id", "users.user_id"),
    "redemptions.user_id": ("orders.user_id", "users.user_id"),
}
# Below this share of ids the intake warns, and at 0 it stops.
LEAST_SHARE = 0.5
# Ways in which two exports may write one id differently.
_VARIANTS = {
    "leading zeros left out": "ltrim(id, '0')",
    "upper and lower case ignored": "lower(id)",
    "a decimal point and zeros left out": r"regexp_replace(id, '\.0+$', '')",
    "everything but digits and leading zeros left out": r"ltrim(regexp_replace(id, '\D', '', 'g'), '0')",
}


def ids_table(column: str) -> str:
    """Name of the DuckDB table that keeps the ids of a column, ``orders.user_id`` for instance: ``id``, ``rows``."""
    return "ids_" + column.replace(".", "_")


def keep_ids(connection: duckdb.DuckDBPyConnection, column: str, relation: str) -> None:
    """Keep the distinct ids of a column, with their rows, from a relation that has it."""
    name = column.partition(".")[2]
    connection.execute(
        f"CREATE OR REPLACE TABLE {ids_table(column)} AS SELECT {name} AS id, count(*) AS rows FROM {relation} "
        f"WHERE {name} IS NOT NULL GROUP BY 1"
    )


def match_keys(connection: duckdb.DuckDBPyConnection, kept: Collection[str]) -> tuple[KeyMatch, ...]:
    """How the ids of every column find their partners; of several partners a match in any counts.

    Parameters
    ----------
    kept
        Columns whose ids were kept.

    Raises
    ------
    DataError
        If none of a column's ids finds a partner.
    """
    matches = []
    for column, partners in PARTNERS.items():
        there = [partner for partner in partners if partner in kept]
        if column in kept and there:
            match = _match(connection, column, there)
            if match.ids:
                matches.append(match)
    for match in matches:
        if not match.matched_ids:
            raise _no_match(match)
    return tuple(matches)


def warnings(matches: Collection[KeyMatch]) -> list[str]:
    """What is to be told of columns few of whose ids find a partner."""
    found = []
    for match in matches:
        if match.matched_ids < LEAST_SHARE * match.ids:
            text = (
                f"{match.column}: {match.matched_ids:,} of {match.ids:,} ids ({match.matched_ids / match.ids:.0%}; "
                f"{match.matched_rows / match.rows:.0%} of rows) stand in {match.partner}"
            )
            found.append(f"{text}. {match.advice}".rstrip())
    return found


def _match(connection: duckdb.DuckDBPyConnection, column: str, partners: list[str]) -> KeyMatch:
    ids, matched_ids, rows, matched_rows = _counts(connection, column, partners, "id")
    advice = ""
    if matched_ids < LEAST_SHARE * ids:
        advice = _advice(connection, column, partners, ids, matched_ids)
    if column == "users.user_id" and matched_ids < LEAST_SHARE * ids:
        # A shop's register may hold many who never ordered; what counts is that buyers are in it.
        back = _counts(connection, partners[0], [column], "id")
        if back[1] >= LEAST_SHARE * back[0]:
            return KeyMatch(partners[0], column, *back[:2], *back[2:])
    return KeyMatch(column, " or ".join(partners), ids, matched_ids, rows, matched_rows, advice)


def _counts(
    connection: duckdb.DuckDBPyConnection, column: str, partners: list[str], written: str
) -> tuple[int, int, int, int]:
    partner = " UNION ALL ".join(f"SELECT {written} AS id FROM {ids_table(name)}" for name in partners)
    matched = f"{written} IN (SELECT id FROM ({partner}))"
    query = (
        f"SELECT count(*), count(*) FILTER ({matched}), coalesce(sum(rows), 0), "
        f"coalesce(sum(rows) FILTER ({matched}), 0) FROM {ids_table(column)}"
    )
    ids, matched_ids, rows, matched_rows = connection.execute(query).fetchone() or (0, 0, 0, 0)
    return int(ids), int(matched_ids), int(rows), int(matched_rows)


def _advice(connection: duckdb.DuckDBPyConnection, column: str, partners: list[str], ids: int, matched: int) -> str:
    """Which way of writing ids alike would make more of them match."""
    found = {how: _counts(connection, column, partners, written)[1] for how, written in _VARIANTS.items()}
    how = max(found, key=lambda name: found[name])
    if found[how] <= matched:
        return ""
    return f"With {how}, {found[how]:,} of {ids:,} would: write such an expression for the column into a mapping file."


def _no_match(match: KeyMatch) -> DataError:
    advice = match.advice or "Compare how both files write the id, and correct one of them or the mapping."
    return DataError(
        f"{match.column}: none of its {match.ids:,} ids ({match.rows:,} rows) stands in {match.partner}; both tables "
        f"must write an id alike. {advice}"
    )
