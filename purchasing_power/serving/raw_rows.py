"""Raw orders, events and texts of a request: checked as the shop's tables, and turned to features as a snapshot is."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from purchasing_power.errors import DataError
from purchasing_power.serving import rules
from purchasing_power.serving.forms import LISTS, PROFILE
from purchasing_power.serving.rows import RequestColumns, Rows, rows_of_frame
from purchasing_power.serving.rules import Faults, Limits, RequestError, json_type
from purchasing_power.shop.records import MONEY, column_types, read_records
from purchasing_power.snapshot.build import BLOCKS, features
from purchasing_power.snapshot.user_table import CUTOFF, DOCUMENTS, USER, UserTableMeta

PROFILE_TIME = "joined_at"
PRODUCT = ("title", "category", "brand")
_ALLOWED = frozenset((USER, CUTOFF, PROFILE, PROFILE_TIME, *LISTS))
_RULE = f"a raw row is an object with {', '.join(sorted(_ALLOWED))}"
# The list that tells who follows a user has the user where ``follows`` has the friend.
_USER_COLUMN = {"followers": "friend_id"}


def read_raw_rows(sent: list[Any], columns: RequestColumns, meta: UserTableMeta, limits: Limits) -> Rows:
    """Rows of a request that holds raw orders, events and texts: the features of its users at their cutoffs.

    Raises
    ------
    RequestError
        As :func:`read_tables` says.
    """
    tables, cutoffs = read_tables(sent, meta, limits)
    # A connection of its own: requests in other threads do not meet. It ends when nothing refers to it any more;
    # what Ibis has cached in it must be dropped while it is open.
    connection = ibis.duckdb.connect()
    shop = {name: connection.create_table(name, _arrow(frame)) for name, frame in tables.items()}
    snapshot = features(shop, sorted(set(cutoffs)), meta.settings)
    users = pd.array([row[USER] for row in sent], dtype="str")
    keys = pd.DataFrame({USER: users, CUTOFF: np.array(cutoffs, "datetime64[us]")})
    rows = keys.merge(snapshot, how="left", on=[USER, CUTOFF], validate="one_to_one")
    rows = rows.reindex(columns=[USER, CUTOFF, *meta.features, DOCUMENTS])
    return rows_of_frame(rows.astype(dict.fromkeys(meta.numeric, "float64")), columns)


def read_tables(sent: list[Any], meta: UserTableMeta, limits: Limits) -> tuple[dict[str, pd.DataFrame], list[date]]:
    """Tables of the small shop that a request is, and each row's cutoff.

    A table that the model was trained without is refused; one that it knows is there, with no rows if none came.

    Raises
    ------
    RequestError
        If a row breaks a rule of the request or of the table contract.
    """
    rules.check_count(len(sent), limits)
    faults = Faults()
    cutoffs = [_cutoff(f"row {position}", row, faults) for position, row in enumerate(sent)]
    faults.check()
    if len({row[USER] for row in sent}) < len(sent):
        raise RequestError("user_id: a user stands twice; each may stand once. Send one cutoff at a time.")
    lines = _all_lines(sent, limits, faults)
    trained_on = _tables_of(meta)
    others = [name for name, rows in lines.items() if rows and name not in trained_on]
    if others:
        raise RequestError(
            f"{', '.join(others)}: the model was trained on a shop without; {', '.join(sorted(trained_on))} are read. "
            "Leave it out."
        )
    lines["products"] = _products(lines["orders"])
    amounts = bool(meta.settings.get("amounts", True))
    tables = {name: _table(name, lines[name], amounts) for name in sorted(trained_on - {"users"})}
    # Every user of a request stands in this table, so that one without any order is known too.
    users = pd.DataFrame({USER: pd.array([row[USER] for row in sent], dtype="str")})
    tables["users"] = _profiles(sent, meta) if "users" in trained_on else users
    return tables, [cutoff for cutoff in cutoffs if cutoff is not None]


def _all_lines(sent: list[Any], limits: Limits, faults: Faults) -> dict[str, list[dict[str, Any]]]:
    """All users' entries of every list; a follow between two users of a request stands with both."""
    lines = {name: _lines(name, sent, limits, faults) for name in LISTS}
    faults.check()
    texts = (row.get("text") for row in lines["texts"])
    rules.check_characters(sum(len(text) for text in texts if isinstance(text, str)), limits)
    follows = [*lines["follows"], *lines.pop("followers")]
    lines["follows"] = list({(str(row.get(USER)), str(row.get("friend_id"))): row for row in follows}.values())
    return lines


def _tables_of(meta: UserTableMeta) -> set[str]:
    """Tables that the blocks of the model's user table read."""
    on = {block for block, state in meta.blocks.items() if state == "on"}
    needed = {need.partition(".")[0] for block in BLOCKS if block.name in on for need in block.needs}
    needed |= {table for block, table in ((PROFILE, "users"), (DOCUMENTS, "products")) if block in on}
    return needed | {"orders"}


def _cutoff(place: str, row: Any, faults: Faults) -> date | None:
    """The row's cutoff; faults where the row is no raw row."""
    if not rules.check_object(place, row, _ALLOWED, _RULE, faults):
        return None
    rules.read_text(f"{place}, {USER}", row.get(USER), faults, needed=True)
    days = rules.days(row.get(CUTOFF))
    if days is None or days % 1:
        rule = "a date (YYYY-MM-DD, its midnight UTC) is needed"
        remedy = "Send the day for which to predict."
        faults.add(f"{place}, {CUTOFF}", json_type(row.get(CUTOFF)), rule, remedy)
        return None
    return date(1970, 1, 1) + timedelta(days=days)


def _lines(name: str, sent: list[Any], limits: Limits, faults: Faults) -> list[dict[str, Any]]:
    """All users' entries of one list, each with its user."""
    user_column = _USER_COLUMN.get(name, USER)
    allowed = set(column_types("follows" if name == "followers" else name)) - {user_column}
    allowed |= set(PRODUCT) if name == "orders" else set()
    rule = f"objects with {', '.join(sorted(allowed))} are allowed"
    lines: list[dict[str, Any]] = []
    for position, row in enumerate(sent):
        place = f"row {position}, {name}"
        for entry in rules.read_list(place, row.get(name), "objects", limits.max_events, faults):
            if not rules.check_object(place, entry, allowed, rule, faults):
                break
            lines.append({**entry, user_column: row[USER]})
    return lines


def _products(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Products that order lines describe, one row each."""
    products: dict[str, dict[str, Any]] = {}
    for line in lines:
        described = {name: line.pop(name) for name in PRODUCT if name in line}
        if described.get("title") is None:
            continue
        if products.setdefault(str(line.get("product_id")), described) != described:
            raise RequestError(
                "orders: one product_id stands with two different descriptions; title, category and brand must be the "
                "same in each of its lines. Send them alike."
            )
    return [{"product_id": product, **described} for product, described in products.items()]


def _table(name: str, rows: list[dict[str, Any]], amounts: bool = True) -> pd.DataFrame:
    """A table of contract types; without ``amounts`` orders have no money, as in the shop that was trained on."""
    types = column_types(name)
    if name == "orders" and not amounts:
        types = {column: kind for column, kind in types.items() if column not in MONEY}
    if not rows:
        return pd.DataFrame({column: pd.Series(dtype=kind) for column, kind in types.items()})
    if any(isinstance(value, list | dict) for row in rows for value in row.values()):
        raise RequestError(f"{name}: an entry holds a list or an object; texts, numbers and null are allowed.")
    try:
        frame, reasons = read_records(name, pd.DataFrame(rows), amounts)
    except OverflowError:
        raise RequestError(f"{name}: a number is too large. Correct it.") from None
    except DataError as error:
        raise RequestError(str(error)) from error
    if reasons:
        raise RequestError(f"{name}: some entries break a rule: {'; '.join(reasons)}. Correct them.")
    absent = {column: kind for column, kind in types.items() if column not in frame}
    return frame.reindex(columns=[*frame, *absent]).astype(absent)[list(types)]


def _profiles(sent: list[Any], meta: UserTableMeta) -> pd.DataFrame:
    """The users table: a row for each user, with the profile that was sent."""
    numeric = list(meta.settings.get("profile_numeric", ()))
    categorical = list(meta.settings.get("profile_categorical", ()))
    rule = f"an object with {', '.join([*numeric, *categorical])} is allowed"
    faults, rows = Faults(), []
    for position, row in enumerate(sent):
        place, profile = f"row {position}, {PROFILE}", row.get(PROFILE)
        profile = {} if profile is None else profile
        if rules.check_object(place, profile, {*numeric, *categorical}, rule, faults):
            numbers = {name: rules.read_number(f"{place}.{name}", profile.get(name), faults) for name in numeric}
            texts = {name: rules.read_text(f"{place}.{name}", profile.get(name), faults) for name in categorical}
            rows.append(numbers | texts)
    faults.check()
    users = _table("users", [{USER: row[USER], PROFILE_TIME: row.get(PROFILE_TIME)} for row in sent])
    types = dict.fromkeys(numeric, "float64") | dict.fromkeys(categorical, "str")
    return users[[USER, PROFILE_TIME]].join(pd.DataFrame(rows, columns=[*types]).astype(types))


def _arrow(frame: pd.DataFrame) -> pa.Table:
    """The frame with its types stated: a column of nothing but nulls has none that could be seen."""
    kinds = {"f": pa.float64(), "M": pa.timestamp("us")}
    schema = pa.schema([(str(name), kinds.get(kind.kind, pa.string())) for name, kind in frame.dtypes.items()])
    return pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
