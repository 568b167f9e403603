"""Raw orders, events and texts of a request as the shop's tables, checked against the same contract."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.serving.faults import Faults, RequestError, kind, shown
from purchasing_power.serving.forms import LISTS, PROFILE
from purchasing_power.serving.limits import Limits
from purchasing_power.serving.rows import LONGEST_NAME, check_characters, check_count
from purchasing_power.shop.checks import check_table
from purchasing_power.shop.contract import SCHEMAS
from purchasing_power.snapshot.build import BLOCKS
from purchasing_power.snapshot.user_table import CUTOFF, DOCUMENTS, USER, UserTableMeta

PROFILE_TIME = "joined_at"
PRODUCT = ("title", "category", "brand")
_ALLOWED = frozenset((USER, CUTOFF, PROFILE, PROFILE_TIME, *LISTS))
_FRIENDS = {"follows": ("user_id", "friend_id"), "followers": ("friend_id", "user_id")}


def read_tables(
    given: list[Any], meta: UserTableMeta, limits: Limits
) -> tuple[dict[str, pd.DataFrame], list[date]]:
    """Tables of the small shop that a request is, and each row's cutoff.

    A table that the model was trained without is refused; one that it knows is there, with no rows if none came.

    Raises
    ------
    RequestError
        If a row breaks a rule of the request or of the table contract.
    """
    check_count(len(given), limits)
    faults = Faults()
    days = [_check_row(position, row, faults) for position, row in enumerate(given)]
    faults.check()
    users = [row[USER] for row in given]
    if len(set(users)) < len(users):
        raise RequestError("user_id: a user stands twice; each may stand once. Send one cutoff at a time.")
    wanted = _tables_of(meta)
    raw = {name: _lines(name, given, limits, faults) for name in LISTS}
    faults.check()
    texts = (row.get("text") for row in raw["texts"])
    check_characters(sum(len(text) for text in texts if isinstance(text, str)), limits)
    raw["follows"] = _distinct([*raw["follows"], *raw.pop("followers")], ("user_id", "friend_id"))
    sent = [name for name, rows in raw.items() if rows and name not in wanted]
    if sent:
        raise RequestError(
            f"{', '.join(sent)}: the model was trained on a shop without; {', '.join(sorted(wanted))} are read. "
            "Leave it out."
        )
    raw["products"] = _products(raw["orders"])
    tables = {name: _table(name, raw[name]) for name in sorted(wanted - {"users"})}
    if "users" in wanted:
        tables["users"] = _profiles(given, meta)
    return tables, [day for day in days if day is not None]


def _tables_of(meta: UserTableMeta) -> set[str]:
    """Tables that the blocks of the model's user table read."""
    on = {block for block, state in meta.blocks.items() if state == "on"}
    wanted = {need.partition(".")[0] for block in BLOCKS if block.name in on for need in block.needs}
    wanted |= {"users"} if PROFILE in on else set()
    return wanted | ({"products"} if DOCUMENTS in on else set()) | {"orders"}


def _check_row(position: int, row: Any, faults: Faults) -> date | None:
    """The row's cutoff; faults where the row is no raw row."""
    place = f"row {position}"
    if not isinstance(row, dict):
        faults.add(place, kind(row), "an object is allowed", "Send an object per user.")
        return None
    for name in sorted(map(shown, row.keys() - _ALLOWED)):
        rule = f"beside raw rows {', '.join(sorted(_ALLOWED))} are allowed"
        faults.add(f"{place}, {name}", "an extra column", rule, "Send features or raw rows, not both.")
    user = row.get(USER)
    if not (isinstance(user, str) and 0 < len(user) <= LONGEST_NAME):
        rule = f"a text of 1 to {LONGEST_NAME} characters is needed"
        faults.add(f"{place}, {USER}", kind(user), rule, "Name each user.")
    try:
        return date.fromisoformat(row.get(CUTOFF, ""))
    except (TypeError, ValueError):
        rule = "a date (YYYY-MM-DD, its midnight UTC) is needed"
        got = "no such date" if isinstance(row.get(CUTOFF), str) else kind(row.get(CUTOFF))
        faults.add(f"{place}, {CUTOFF}", got, rule, "Send the day for which to predict.")
        return None


def _lines(name: str, given: list[Any], limits: Limits, faults: Faults) -> list[dict[str, Any]]:
    """All users' entries of one list, each with its user."""
    mine = _FRIENDS.get(name, (USER, ""))[0]
    allowed = _allowed(name)
    found: list[dict[str, Any]] = []
    for position, row in enumerate(given):
        for entry in _entries(f"row {position}, {name}", row.get(name), limits, faults):
            extra = sorted(map(shown, entry.keys() - allowed)) if isinstance(entry, dict) else []
            if not isinstance(entry, dict) or extra:
                got = f"an extra column ({', '.join(extra[:5])})" if extra else kind(entry)
                rule = f"objects with {', '.join(sorted(allowed))} are allowed"
                faults.add(f"row {position}, {name}", got, rule, "Correct the entry.")
                break
            found.append({**entry, mine: row[USER]})
    return found


def _allowed(name: str) -> set[str]:
    table = "follows" if name == "followers" else name
    mine = _FRIENDS.get(name, (USER, ""))[0]
    return (set(SCHEMAS[table].columns) - {mine}) | (set(PRODUCT) if name == "orders" else set())


def _entries(place: str, value: Any, limits: Limits, faults: Faults) -> Iterator[Any]:
    if value is None:
        return
    if not isinstance(value, list):
        faults.add(place, kind(value), "a list of objects is allowed", "Send [] where there are none.")
    elif len(value) > limits.max_events:
        rule = f"up to {limits.max_events:,} of a user are allowed"
        faults.add(place, f"{len(value):,} entries", rule, "Send those within the lookback alone.")
    else:
        yield from value


def _distinct(rows: list[dict[str, Any]], key: tuple[str, ...]) -> list[dict[str, Any]]:
    """One row for each key: a follow between two users of a request stands with both."""
    return list({tuple(map(str, map(row.get, key))): row for row in rows}.values())


def _products(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Products that order lines describe, one row each."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        described = {name: line.pop(name) for name in PRODUCT if name in line}
        product = str(line.get("product_id"))
        if described.get("title") is None:
            continue
        if found.setdefault(product, described) != described:
            raise RequestError(
                "orders: one product_id stands with two different descriptions; title, category and brand must be the "
                "same in each of its lines. Send them alike."
            )
    return [{"product_id": product, **described} for product, described in found.items()]


def _table(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A table of contract types."""
    schema = SCHEMAS[name]
    kinds = {column: str(part.dtype) for column, part in schema.columns.items()}
    if not rows:
        return pd.DataFrame({column: pd.Series(dtype=kind) for column, kind in kinds.items()})
    if any(isinstance(value, list | dict) for row in rows for value in row.values()):
        raise RequestError(
            f"{name}: an entry holds a list or an object; texts, numbers and null are allowed."
        )
    try:
        checked = check_table(name, pd.DataFrame(rows), schema)
    except (OverflowError, DataError) as error:
        told = error if isinstance(error, DataError) else f"{name}: a number is too large. Correct it."
        raise RequestError(str(told)) from error
    if checked.counts.quarantined:
        reasons = "; ".join(checked.counts.reasons)
        raise RequestError(
            f"{name}: {checked.counts.quarantined} entries break a rule: {reasons}. Correct them."
        )
    absent = {column: pd.Series(None, index=checked.good.index, dtype=kind) for column, kind in kinds.items()}
    return checked.good.assign(
        **{column: values for column, values in absent.items() if column not in checked.good}
    )


def _profiles(given: list[Any], meta: UserTableMeta) -> pd.DataFrame:
    """The users table: a row for each user, so that one without any order is known too."""
    kinds = dict.fromkeys(meta.settings.get("profile_numeric", ()), "float64")
    kinds |= dict.fromkeys(meta.settings.get("profile_categorical", ()), "str")
    faults, rows = Faults(), []
    for position, row in enumerate(given):
        profile = {} if row.get(PROFILE) is None else row[PROFILE]
        if not isinstance(profile, dict) or profile.keys() - kinds.keys():
            got = "an extra column" if isinstance(profile, dict) else kind(profile)
            rule = f"an object with {', '.join(kinds)} is allowed"
            faults.add(f"row {position}, {PROFILE}", got, rule, "Correct it.")
            continue
        for name, due in kinds.items():
            _check_profile(f"row {position}, {PROFILE}.{name}", profile.get(name), due, faults)
        rows.append({USER: row[USER], **{name: profile.get(name) for name in kinds}})
    faults.check()
    known = _table("users", [{USER: row[USER], PROFILE_TIME: row.get(PROFILE_TIME)} for row in given])
    return known[[USER, PROFILE_TIME]].join(pd.DataFrame(rows).astype(kinds)[list(kinds)])


def _check_profile(place: str, value: Any, due: str, faults: Faults) -> None:
    number = type(value) in (int, float) and abs(value) < float("inf")
    if value is None or (number if due == "float64" else type(value) is str and len(value) <= LONGEST_NAME):
        return
    rule = f"{'a finite number' if due == 'float64' else 'a short text'} or null is allowed"
    faults.add(place, kind(value), rule, "Send null where nothing is known.")
