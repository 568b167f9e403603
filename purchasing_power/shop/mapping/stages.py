"""What happens to the rows of a table before its columns are taken: filled, joined, laid on a calendar, shared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from purchasing_power.errors import DataError
from purchasing_power.shop.columns.formats import Formats
from purchasing_power.shop.mapping.rows import Rows, Workplace, expressions, written
from purchasing_power.shop.mapping.rules import CalendarRule, FillRule, JoinRule, ShareRule
from purchasing_power.shop.reading.source import ROW
from purchasing_power.shop.reading.sql import identifier

# Below this share of partners a join is worth a warning.
MOST = 0.95


def blank(column: str) -> str:
    """SQL of a cell, NULL where it holds blanks alone."""
    return f"NULLIF(trim(CAST({identifier(column)} AS VARCHAR)), '')"


def fill_down(rows: Rows, rule: FillRule, where: str) -> Rows:
    """Rows whose empty cells hold what another row of the same ``by``, or the row above, holds."""
    by = None if rule.by is None else rows.column(rule.by, f"{where}.by")
    columns = [rows.column(name, f"{where}.columns") for name in rule.columns]
    if by is None:
        over = f"OVER (ORDER BY {ROW} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
        filled = [f"last_value({blank(name)} IGNORE NULLS) {over}" for name in columns]
    else:
        frame = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
        over = f"OVER (PARTITION BY {blank(by)} ORDER BY {ROW} {frame})"
        # Rows without an order have nothing in common.
        filled = [
            f"CASE WHEN {blank(by)} IS NOT NULL THEN first_value({blank(name)} IGNORE NULLS) {over} END"
            for name in columns
        ]
    parts = ", ".join(
        f"COALESCE({blank(name)}, {value}) AS {identifier(name)}" for name, value in zip(columns, filled, strict=True)
    )
    types = {**rows.source.columns, **dict.fromkeys(columns, "VARCHAR")}
    return rows.forgetting(columns).of(f"(SELECT * REPLACE ({parts}) FROM {rows.source.relation})", types)


def lay_on_calendar(rows: Rows, rule: CalendarRule, where: str, work: Workplace) -> Rows:
    """Rows with a column of times: a user's last row on the stated day, earlier ones counted back by their gaps."""
    user, sequence, days = (
        rows.column(name, f"{where}.{key}")
        for key, name in (("user", rule.user), ("sequence", rule.sequence), ("days", rule.days))
    )
    hour = None if rule.hour is None else rows.column(rule.hour, f"{where}.hour")
    wanted = {user: "id", sequence: "number", days: "number", **({hour: "number"} if hour else {})}
    readings = rows.read(work, wanted)
    over = (
        f"OVER (PARTITION BY {readings[user].value} ORDER BY {readings[sequence].value} "
        "ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)"
    )
    after = f"CAST(ROUND(COALESCE(SUM({readings[days].value}) {over}, 0) * 24) AS BIGINT)"
    hours = f"COALESCE(CAST({readings[hour].value} AS BIGINT), 0)" if hour else "0"
    moment = f"TIMESTAMP '{rule.end.isoformat()}' + to_hours({hours} - {after})"
    time = f"CASE WHEN {readings[sequence].value} IS NOT NULL THEN strftime({moment}, '%Y-%m-%d %H:%M:%S') END"
    relation = f"(SELECT *, {time} AS {identifier(rule.column)} FROM {rows.source.relation})"
    note = (
        f"{rows.path}: the days are stated, not known: the last row of every user of {rows.source.name} is laid on "
        f"{rule.end.isoformat()}, earlier ones are counted back by {days}. Seasons and weekdays mean nothing"
    )
    columns = {**rows.source.columns, rule.column: "VARCHAR"}
    return replace(rows.of(relation, columns), seen=(*rows.seen, rule.column)).telling(note)


def join(left: Rows, right: Rows, rule: JoinRule, where: str, work: Workplace) -> Rows:
    """Rows with the columns of another file, found by key; a row without a partner keeps empty cells.

    Raises
    ------
    DataError
        If a key stands in several rows of the file and the mapping says nothing of it, or too few keys find a partner.
    """
    pairs = [(left.column(a, f"{where}.on"), right.column(b, f"{where}.on")) for a, b in rule.on.items()]
    left_keys = _keys(left, [a for a, _ in pairs], work)
    right_keys = _keys(right, [b for _, b in pairs], work)
    taken = _taken(right, [b for _, b in pairs], rule, where)
    _refuse_repeats(left_keys, right_keys, (left, right), rule, where, work)
    share, told = _matches(left_keys, right_keys, (left, right), rule, where, work)
    if rule.keep:
        right, right_keys = _one_row_each(right, right_keys, taken, rule.keep, work)
    names = {name: _free(name, right, left) for name in taken}
    keys = " AND ".join(f"l.k{i} = r.k{i}" for i in range(len(pairs)))
    columns = ", ".join(
        [f"l.{identifier(name)}" for name in (ROW, *left.source.columns)]
        + [f"r.{identifier(name)} AS {identifier(new)}" for name, new in names.items()]
    )
    relation = f"(SELECT {columns} FROM {left_keys} l LEFT JOIN {right_keys} r ON {keys})"
    done = _joined(left, right, names, relation)
    few = f"{told}; the others have empty cells there"
    return done.warning(few) if share < MOST else done.telling(told)


def _joined(left: Rows, right: Rows, names: dict[str, str], relation: str) -> Rows:
    columns = {**left.source.columns, **{new: right.source.columns[name] for name, new in names.items()}}
    aliases = {alias: names[name] for alias, name in right.aliases.items() if name in names}
    source = replace(left.source, relation=relation, columns=columns)
    return replace(
        left,
        source=replace(source, name=f"{left.source.name} with {right.source.name}"),
        formats={**left.formats, **{names[n]: value for n, value in right.formats.items() if n in names}},
        aliases={**aliases, **left.aliases},
        seen=tuple(dict.fromkeys((*left.seen, *right.seen))),
        notes=(*left.notes, *right.notes),
        warnings=(*left.warnings, *right.warnings),
        known={**{key: value for key, value in right.known.items() if names.get(key[0]) == key[0]}, **left.known},
    )


def _free(name: str, right: Rows, left: Rows) -> str:
    if left.find(name) is None:
        return name
    stem = right.source.name.partition(".")[0]
    return f"{stem}.{name}"


def _keys(rows: Rows, columns: list[str], work: Workplace) -> str:
    readings = rows.read(work, dict.fromkeys(columns, "id"))
    keys = ", ".join(f"{readings[name].value} AS k{i}" for i, name in enumerate(columns))
    return f"(SELECT *, {keys} FROM {rows.source.relation})"


def _taken(right: Rows, keys: list[str], rule: JoinRule, where: str) -> list[str]:
    if rule.columns is None:
        return [name for name in right.source.columns if name not in keys]
    return [name for name in (right.column(part, f"{where}.columns") for part in rule.columns) if name not in keys]


def _key_list(rule: JoinRule) -> str:
    return ", ".join(f"k{i}" for i in range(len(rule.on)))


def _there(rule: JoinRule) -> str:
    return " AND ".join(f"k{i} IS NOT NULL" for i in range(len(rule.on)))


def _refuse_repeats(
    left_keys: str, right_keys: str, both: tuple[Rows, Rows], rule: JoinRule, where: str, work: Workplace
) -> None:
    if rule.keep:
        return
    keys = _key_list(rule)
    grouped = f"SELECT {keys}, count(*) AS n FROM {right_keys} WHERE {_there(rule)} GROUP BY {keys}"
    count, several = work.values(f"SELECT count(*), count(*) FILTER (n > 1) FROM ({grouped})")
    if not several:
        return
    rows, after = work.values(
        f"SELECT count(*), sum(COALESCE(n, 1)) FROM {left_keys} LEFT JOIN ({grouped}) USING ({keys})"
    )
    left, right = both
    raise DataError(
        f"mapping: {where}: {several:,} of {count:,} keys ({', '.join(rule.on.values())}) stand in several rows of "
        f"{right.source.name}; joined, the {rows:,} rows of {left.source.name} would become {after:,}, and what they "
        "hold would count more than once. Write `keep: sum` (numbers of one key are added up; they then belong to the "
        "whole key, see share) or `keep: first`, or add what tells the rows apart to `on`."
    )


def _matches(
    left_keys: str, right_keys: str, both: tuple[Rows, Rows], rule: JoinRule, where: str, work: Workplace
) -> tuple[float, str]:
    keys, (left, right) = _key_list(rule), both
    distinct = f"SELECT DISTINCT {keys} FROM {right_keys} WHERE {_there(rule)}"
    count, matched = work.values(
        f"SELECT count(*) FILTER ({_there(rule)}), count(*) FILTER (({keys}) IN ({distinct})) FROM {left_keys}"
    )
    share = matched / count if count else 1.0
    told = (
        f"{where}: {matched:,} of {count:,} rows of {left.source.name} ({share:.1%}) find their "
        f"{', '.join(rule.on)} in {right.source.name}"
    )
    if count and (not matched or share < rule.at_least):
        raise DataError(
            f"mapping: {told}; at least {rule.at_least:.0%} are needed. Check that both files are of the same "
            "time and shop and that `on` names the same key in both"
            + (f", or write `at_least: {max(share - 0.01, 0):.2f}` if the rest may stay without." if matched else ".")
        )
    return share, told


def _one_row_each(right: Rows, keys: str, taken: Iterable[str], keep: str, work: Workplace) -> tuple[Rows, str]:
    names = list(taken)
    readings = right.read(work, dict.fromkeys(names, "open")) if keep == "sum" else {}
    sums = [name for name, reading in readings.items() if reading.kind == "number"]
    parts = [
        f"sum({readings[name].value}) AS {identifier(name)}"
        if name in sums
        else f"arg_min({identifier(name)}, {ROW}) AS {identifier(name)}"
        for name in names
    ]
    key_names = [f"k{i}" for i in range(keys.count(" AS k"))]
    relation = f"(SELECT {', '.join([*key_names, *parts])} FROM {keys} GROUP BY {', '.join(key_names)})"
    columns = {name: "DOUBLE" if name in sums else right.source.columns[name] for name in names}
    formats = {name: value for name, value in right.formats.items() if name not in sums}
    return replace(right.forgetting(sums).of(relation, columns), formats=formats), relation


def keep_where(rows: Rows, conditions: tuple[str, ...], where: str, work: Workplace) -> Rows:
    """Rows for which every condition is true; how many are not is told."""
    if not conditions:
        return rows
    bound = expressions(rows, {f"{where}[{i}]": text for i, text in enumerate(conditions)}, work)
    for text in conditions:
        sql = bound.sql(text, where, work)
        relation = f"(SELECT * FROM {rows.source.relation} WHERE CAST({sql} AS BOOLEAN))"
        before, after = work.values(
            f"SELECT (SELECT count(*) FROM {rows.source.relation}), (SELECT count(*) FROM {relation})"
        )
        left = f"{where}: {after:,} of {before:,} rows fulfil `{text}`; the others are left out"
        rows = rows.of(relation).telling(*([left] if after < before else []), *bound.unread(text, where))
    return rows


def share_out(rows: Rows, rule: ShareRule, where: str, work: Workplace) -> Rows:
    """Rows where an amount that belongs to a whole order is divided over its rows, by weight or evenly.

    Raises
    ------
    DataError
        If the rows of one order hold different amounts.
    """
    by = rows.column(rule.by, f"{where}.by")
    columns = [rows.column(name, f"{where}.column") for name in rule.columns]
    readings = rows.read(work, {**dict.fromkeys(columns, "number"), by: "id"})
    key = readings[by].value
    weight = "1.0"
    if rule.weight is not None:
        bound = expressions(rows, {f"{where}.weight": rule.weight}, work)
        weight = f"COALESCE(abs(CAST({bound.sql(rule.weight, f'{where}.weight', work)} AS DOUBLE)), 0)"
    for name in columns:
        _refuse_different(rows, name, by, key, readings[name].value, where, work)
    own = f"{key}, CASE WHEN {key} IS NULL THEN {ROW} END"
    over = f"OVER (PARTITION BY {own})"
    part = f"COALESCE({weight} / NULLIF(sum({weight}) {over}, 0), 1.0 / count(*) {over})"
    shared = ", ".join(f"max({readings[name].value}) {over} * {part} AS {identifier(name)}" for name in columns)
    relation = f"(SELECT * REPLACE ({shared}) FROM {rows.source.relation})"
    formats: dict[str, Formats] = {name: value for name, value in rows.formats.items() if name not in columns}
    done = replace(
        rows.forgetting(columns).of(relation, {**rows.source.columns, **dict.fromkeys(columns, "DOUBLE")}),
        formats=formats,
    )
    how = "evenly" if rule.weight is None else f"by `{rule.weight}`"
    note = f"{where}: {', '.join(columns)} belongs to the whole of {by} and is divided over its rows, {how}"
    return written(done, work, "shared").telling(note)


def _refuse_different(rows: Rows, name: str, by: str, key: str, value: str, where: str, work: Workplace) -> None:
    there = f"FROM {rows.source.relation} WHERE {key} IS NOT NULL"
    grouped = f"SELECT {key} AS k, count(DISTINCT {value}) AS n {there} GROUP BY k"
    count, different = work.values(f"SELECT count(*), count(*) FILTER (n > 1) FROM ({grouped})")
    if different:
        raise DataError(
            f"mapping: {where}: {name} has different values within {different:,} of {count:,} {by}; an amount that is "
            "divided over rows is the same on all rows of one, or stands on one of them. Take the column of the "
            "whole order, or leave share out if the amounts are those of the lines."
        )
