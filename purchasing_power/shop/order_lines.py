"""Order lines that count: statuses, currencies, returns and repeated lines resolved, by DuckDB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import duckdb

from purchasing_power.errors import DataError
from purchasing_power.shop.checks import FAULTS, Rule, Typed
from purchasing_power.shop.columns.column_reading import ColumnReading
from purchasing_power.shop.order_rules import CANCELLED, OrderRules
from purchasing_power.shop.reading.source import ROW, Source
from purchasing_power.shop.reading.sql import identifier, literal
from purchasing_power.shop.report import Money

DUPLICATES = ("sum", "drop", "quarantine")
LINES = "order_lines"
# What a line is: bought, given back, both at once, or left out.
BOUGHT, RETURNED, BOTH, LEFT = 0, 1, 2, 3
_MONEY = ("amount", "discount", "coupon_discount")
_MOST_STATUSES = 20
_LONGEST_CURRENCY = 4
_EXACT = "repeats an earlier row in every column"


@dataclass(frozen=True)
class OrderLines:
    """The lines in the table ``LINES``, and what is to be told of them.

    ``LINES`` holds ``ROW``, the contract's columns and ``role``: ``BOUGHT``, ``RETURNED``, ``BOTH`` or ``LEFT``.
    ``added_up`` of them go into another line, ``both`` are a purchase and its return; ``currency`` is the shop's own
    (empty where unknown), ``rates`` are the rules'.
    """

    typed: Typed
    columns: tuple[str, ...]
    left_out: dict[str, int] = field(default_factory=dict)
    added_up: int = 0
    returned: int = 0
    both: int = 0
    currency: str = ""
    rates: dict[str, float] = field(default_factory=dict)
    money: tuple[Money, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def order_id(self) -> str:
        """SQL of the order id of a line joined with its user's ``pseudonym``."""
        return "order_id" if "order_id" in self.typed.columns else "coalesce(pseudonym, '') || '@' || order_id"


def taken_off(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    found: Mapping[str, str],
    readings: Mapping[str, ColumnReading],
) -> dict[str, ColumnReading]:
    """Readings of discounts that an export writes as negative numbers: their size, where none is above 0."""
    names = [found[name] for name in ("discount", "coupon_discount") if name in found]
    if not names:
        return {}
    ends = ", ".join(f"min({readings[name].value}), max({readings[name].value})" for name in names)
    values = connection.execute(f"SELECT {ends} FROM {source.relation}").fetchone() or ()
    flipped = {}
    for name, low, high in zip(names, values[::2], values[1::2], strict=True):
        if low is not None and low < 0 and high <= 0:
            note = f"{name}: no number is above 0: they are read without their sign, as what was taken off"
            reading = readings[name]
            flipped[name] = replace(reading, value=f"abs({reading.value})", notes=(*reading.notes, note))
    return flipped


def resolve_lines(
    connection: duckdb.DuckDBPyConnection, typed: Typed, rules: OrderRules, duplicates: str
) -> OrderLines:
    """Say of each good line what it is, and which ones are added up.

    Parameters
    ----------
    duplicates
        What becomes of rows that repeat an earlier one in every column: ``sum`` adds them up like other lines of
        one product, ``drop`` leaves them out, ``quarantine`` sets them aside.

    Raises
    ------
    DataError
        If the lines have several currencies and rates are missing, or no line is left.
    """
    notes: list[str] = []
    roles, left_words = _statuses(connection, typed, rules, notes)
    rate, own = _rates(connection, typed, rules, roles, notes)
    connection.execute(f"CREATE OR REPLACE TABLE dropped_lines ({ROW} BIGINT)")
    _make_lines(connection, typed, rules, roles, rate)
    _make_lines(connection, typed, rules, _reversed(connection, typed, roles, notes), rate)
    left_out = _left_out(connection, typed, left_words)
    _mark_repeated(connection)
    lines = OrderLines(typed, _columns(typed), left_out, notes=tuple(notes))
    lines = _exact_duplicates(connection, lines, duplicates)
    return _figures(connection, lines, rules, own)


def _columns(typed: Typed) -> tuple[str, ...]:
    """Columns of the checked table, in the contract's order; those that a line must have are always there."""
    always = ("user_id", "order_id", "product_id", "ordered_at", "quantity")
    money = ("amount", "discount") if "amount" in typed.columns else ()
    rest = (name for name in ("coupon_discount", "store_id") if name in typed.columns)
    return (*always, *money, *rest)


def _statuses(
    connection: duckdb.DuckDBPyConnection, typed: Typed, rules: OrderRules, notes: list[str]
) -> tuple[str, list[str]]:
    """SQL of a good line's role, and the status words that leave lines out."""
    back = " OR ".join(f"{name} < 0" for name in ("quantity", "amount") if name in typed.columns) or "FALSE"
    if "status" not in typed.columns:
        return f"CASE WHEN {back} THEN {RETURNED} ELSE {BOUGHT} END", []
    word = "lower(trim(status))"
    query = f"SELECT {word}, count(*) FROM {typed.table} WHERE {FAULTS} = 0 GROUP BY 1 ORDER BY 2 DESC, 1"
    counts = {name: count for name, count in connection.execute(query).fetchall() if name is not None}
    left = [name for name in counts if name in rules.left_out]
    returned = [name for name in counts if name in rules.returned]
    others = [f"{name} ({count:,})" for name, count in counts.items() if name not in (*left, *returned)]
    if len(others) > _MOST_STATUSES:
        # So many words are no statuses, and may be anything.
        notes.append(f"orders.status: {len(others):,} different words are no known status and count as bought")
    elif others:
        notes.append(f"orders.status: lines of these statuses count as bought: {', '.join(others)}")
    roles = (
        f"CASE WHEN {_among(word, left)} THEN {LEFT} WHEN {back} THEN {RETURNED} "
        f"WHEN {_among(word, returned)} THEN {BOTH} ELSE {BOUGHT} END"
    )
    return roles, left


def _among(cell: str, words: list[str]) -> str:
    return f"coalesce({cell} IN ({', '.join(map(literal, words))}), FALSE)" if words else "FALSE"


def _rates(
    connection: duckdb.DuckDBPyConnection, typed: Typed, rules: OrderRules, roles: str, notes: list[str]
) -> tuple[str, str]:
    """SQL of the factor that makes a line's money the shop's own, and the shop's currency (empty where unknown)."""
    if "currency" not in typed.columns:
        return "1.0", rules.currency or ""
    query = (
        f"SELECT upper(trim(currency)), count(*) FROM {typed.table} "
        f"WHERE {FAULTS} = 0 AND {roles} <> {LEFT} GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    counts = dict(connection.execute(query).fetchall())
    blank = counts.pop(None, 0)
    own = (rules.currency or next(iter(counts), "")).upper()
    if blank and counts:
        notes.append(f"orders.currency: {blank:,} lines state none and are taken as {own}")
    rates = {name.upper(): rate for name, rate in rules.rates.items()} | {own: 1.0}
    return _factor("orders", counts, rates, own), own


def returned_rate(connection: duckdb.DuckDBPyConnection, typed: Typed, lines: OrderLines) -> tuple[str, str]:
    """SQL of the factor that makes the money of a returns table the shop's own, and the shop's currency.

    Raises
    ------
    DataError
        If it states a currency that is neither the orders' own nor has a rate.
    """
    if "currency" not in typed.columns:
        return "1.0", lines.currency
    query = f"SELECT upper(trim(currency)), count(*) FROM {typed.good} GROUP BY 1 ORDER BY 2 DESC, 1"
    counts = {name: count for name, count in connection.execute(query).fetchall() if name is not None}
    own = lines.currency or next(iter(counts), "")
    return _factor("returns", counts, {**lines.rates, own: 1.0}, own), own


def _factor(table: str, counts: dict[str, int], rates: Mapping[str, float], own: str) -> str:
    unknown = [name for name in counts if name not in rates]
    if unknown:
        raise _without_rates(table, counts, own, unknown)
    cases = " ".join(f"WHEN {literal(name)} THEN {rates[name]!r}" for name in counts if name != own)
    return f"CASE upper(trim(currency)) {cases} ELSE 1.0 END" if cases else "1.0"


def _without_rates(table: str, counts: dict[str, int], own: str, unknown: list[str]) -> DataError:
    if any(len(name) > _LONGEST_CURRENCY for name in counts):
        return DataError(
            f"{table}.currency: got {len(counts):,} different words, some of more than {_LONGEST_CURRENCY} characters; "
            "allowed are codes and signs of currencies. Name the right column in a mapping file, or leave it out."
        )
    seen = ", ".join(f"{name} ({count:,} lines)" for name, count in list(counts.items())[:10])
    rates = ", ".join(f"{name}: …" for name in unknown[:10])
    return DataError(
        f"{table}.currency: got {seen} where the shop's own is {own}; different currencies cannot be added up. "
        f"Write what one unit of each is in {own} into the mapping file, as in `currency: {{own: {own}, rates: "
        f"{{{rates}}}}}`, and give it with -P mapping=FILE."
    )


def _make_lines(connection: duckdb.DuckDBPyConnection, typed: Typed, rules: OrderRules, roles: str, rate: str) -> None:
    have = typed.columns
    # Without an order id, what a user buys at one moment is an order; the user's pseudonym is put before it at the end.
    order = "order_id" if "order_id" in have else "ordered_at::VARCHAR"
    product = "product_id" if "product_id" in have else "'any product'"
    quantity = "abs(quantity)" if "quantity" in have else "1.0"
    values = ["user_id", f"{order} AS order_id", f"{product} AS product_id", "ordered_at"]
    values += [f"{quantity} AS quantity"]
    money = [name for name in _MONEY if name in have]
    values += [f"abs({name}) AS {name}" if rate == "1.0" else f"abs({name}) * {rate} AS {name}" for name in money]
    values += ["0.0 AS discount"] if "discount" not in have else []
    values += ["store_id"] if "store_id" in have else []
    values += ["abs(amount) AS paid"] if "amount" in have else []
    values += ["upper(trim(currency)) AS currency"] if "currency" in have else []
    values += ["lower(trim(status)) AS status"] if "status" in have else []
    connection.execute(
        # A view: it repeats cheap expressions, where a table would write every line once more.
        f"CREATE OR REPLACE VIEW {LINES} AS SELECT {ROW}, {', '.join(values)}, {roles} AS role "
        f"FROM {typed.table} WHERE {FAULTS} = 0 AND {ROW} NOT IN (SELECT {ROW} FROM dropped_lines)"
    )


def _reversed(connection: duckdb.DuckDBPyConnection, typed: Typed, roles: str, notes: list[str]) -> str:
    """SQL of the role where a cancelled line of an order whose line was also bought gives it back."""
    if "status" not in typed.columns or "order_id" not in typed.columns:
        return roles
    words = ", ".join(map(literal, CANCELLED))
    same = "b.order_id = c.order_id AND b.product_id = c.product_id AND b.user_id IS NOT DISTINCT FROM c.user_id"
    connection.execute(
        f"CREATE OR REPLACE TABLE reversing_lines AS SELECT {ROW} FROM {LINES} AS c WHERE role = {LEFT} AND "
        f"status IN ({words}) AND EXISTS (SELECT 1 FROM {LINES} AS b WHERE b.role = {BOUGHT} AND {same})"
    )
    ((count,),) = connection.execute("SELECT count(*) FROM reversing_lines").fetchall()
    if not count:
        return roles
    notes.append(f"orders: {count:,} cancelled lines reverse a line of the same order and count as returns")
    return f"CASE WHEN {ROW} IN (SELECT {ROW} FROM reversing_lines) THEN {RETURNED} ELSE {roles} END"


def _left_out(connection: duckdb.DuckDBPyConnection, typed: Typed, words: list[str]) -> dict[str, int]:
    if not words:
        return {}
    query = f"SELECT status, count(*) FROM {LINES} WHERE role = {LEFT} GROUP BY 1 ORDER BY 2 DESC, 1"
    return {f"status {word}": count for word, count in connection.execute(query).fetchall()}


def _key() -> str:
    return "hash(user_id, order_id, product_id, ordered_at::DATE)"


def _mark_repeated(connection: duckdb.DuckDBPyConnection) -> None:
    """Hashes of the keys that several bought lines have: only those lines are compared by their values."""
    connection.execute(
        f"CREATE OR REPLACE TABLE repeated_keys AS SELECT key FROM (SELECT {_key()} AS key FROM {LINES} "
        f"WHERE role IN ({BOUGHT}, {BOTH})) GROUP BY key HAVING count(*) > 1"
    )


def _exact_duplicates(connection: duckdb.DuckDBPyConnection, lines: OrderLines, duplicates: str) -> OrderLines:
    source = lines.typed.source
    raw = ", ".join(identifier(column) for column in source.columns)
    rows = f"SELECT {ROW} FROM {LINES} WHERE role <> {LEFT} AND {_key()} IN (SELECT key FROM repeated_keys)"
    connection.execute(
        f"CREATE OR REPLACE TABLE exact_duplicates AS SELECT {ROW} FROM (SELECT {ROW}, row_number() OVER "
        f"(PARTITION BY {raw} ORDER BY {ROW}) AS place FROM {source.relation} WHERE {ROW} IN ({rows})) WHERE place > 1"
    )
    ((count,),) = connection.execute("SELECT count(*) FROM exact_duplicates").fetchall()
    if not count:
        return lines
    done = {"sum": "added up", "drop": "left out", "quarantine": "quarantined"}[duplicates]
    others = " or ".join(f"-P duplicates={word}" for word in DUPLICATES if word != duplicates)
    note = (
        f"orders: {count:,} rows repeat an earlier one in every column and are {done}; {others} treats them otherwise"
    )
    lines = replace(lines, notes=(*lines.notes, note))
    if duplicates == "sum":
        return lines
    connection.execute("INSERT INTO dropped_lines SELECT * FROM exact_duplicates")
    _mark_repeated(connection)
    if duplicates == "drop":
        return replace(lines, left_out={**lines.left_out, "exact duplicate": count})
    return replace(lines, typed=_quarantined(connection, lines.typed))


def _quarantined(connection: duckdb.DuckDBPyConnection, typed: Typed) -> Typed:
    bit = 1 << len(typed.rules)
    connection.execute(f"UPDATE {typed.table} SET {FAULTS} = {bit} WHERE {ROW} IN (SELECT {ROW} FROM exact_duplicates)")
    return replace(typed, rules=(*typed.rules, Rule("row", _EXACT, "", shown=False)))


def _figures(connection: duckdb.DuckDBPyConnection, lines: OrderLines, rules: OrderRules, own: str) -> OrderLines:
    bought = f"role IN ({BOUGHT}, {BOTH})"
    query = (
        f"SELECT count(*) FILTER ({bought}), count(*) FILTER (role = {RETURNED}), "
        f"count(*) FILTER ({bought} AND user_id IS NULL), count(*) FILTER ({bought} AND user_id IS NOT NULL), "
        f"count(*) FILTER (role = {BOTH}) FROM {LINES}"
    )
    ((kept, returned, guests, known, both),) = connection.execute(query).fetchall()
    if not known:
        raise DataError(
            f"orders: {kept:,} lines count as bought, none of them by a known user ({guests:,} by guests, {returned:,} "
            f"returns, {sum(lines.left_out.values()):,} left out); users are what is predicted. Name the column that "
            "identifies the customer, or correct the status words, in a mapping file."
        )
    added = _added_up(connection)
    rates = {name.upper(): rate for name, rate in rules.rates.items()}
    lines = replace(lines, added_up=added, returned=returned, both=both, currency=own, rates=rates)
    return replace(lines, money=_money(connection, lines, own))


def _added_up(connection: duckdb.DuckDBPyConnection) -> int:
    group = "user_id, order_id, product_id, ordered_at::DATE"
    repeated = f"FROM {LINES} WHERE role IN ({BOUGHT}, {BOTH}) AND {_key()} IN (SELECT key FROM repeated_keys)"
    query = f"SELECT count(*), coalesce(sum(n), 0) FROM (SELECT count(*) AS n {repeated} GROUP BY {group})"
    ((groups, rows),) = connection.execute(query).fetchall()
    return int(rows) - int(groups)


def _money(connection: duckdb.DuckDBPyConnection, lines: OrderLines, own: str) -> tuple[Money, ...]:
    """Gross and returned money of the lines by the currency they state."""
    if "amount" not in lines.columns:
        return ()
    currency = f"coalesce(currency, {literal(own)})" if "currency" in lines.typed.columns else literal(own)
    query = (
        f"SELECT {currency}, coalesce(sum(paid) FILTER (role IN ({BOUGHT}, {BOTH})), 0), "
        f"coalesce(sum(paid) FILTER (role IN ({RETURNED}, {BOTH})), 0) FROM {LINES} WHERE role <> {LEFT} "
        "GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    found = connection.execute(query).fetchall()
    return tuple(
        Money(name, round(gross, 6), round(back, 6), lines.rates.get(name, 1.0)) for name, gross, back in found
    )


def bought_sql(lines: OrderLines) -> str:
    """SQL of the order lines that were bought, lines of one product added up, in order of their rows."""
    names = [name for name in lines.columns if name not in ("user_id", "order_id", "product_id", "ordered_at")]
    sums = [f"min({name}) AS {name}" if name == "store_id" else f"round(sum({name}), 6) AS {name}" for name in names]
    keys = "user_id, order_id, product_id"
    repeated = f"{_key()} IN (SELECT key FROM repeated_keys)"
    bought = f"FROM {LINES} WHERE role IN ({BOUGHT}, {BOTH})"
    if not lines.added_up:
        return f"SELECT {ROW}, {', '.join(lines.columns)} {bought}"
    return (
        f"SELECT {ROW}, {', '.join(lines.columns)} {bought} AND NOT {repeated} UNION ALL "
        f"SELECT min({ROW}), {keys}, min(ordered_at), {', '.join(sums)} {bought} AND {repeated} "
        f"GROUP BY {keys}, ordered_at::DATE"
    )


def returned_sql(lines: OrderLines) -> str:
    """SQL of the lines that went back, as rows of the returns table, with ``ROW``."""
    amount = "amount" if "amount" in lines.columns else "NULL::DOUBLE AS amount"
    return (
        f"SELECT {ROW}, user_id, order_id, product_id, ordered_at AS returned_at, quantity, {amount} "
        f"FROM {LINES} WHERE role IN ({RETURNED}, {BOTH})"
    )
