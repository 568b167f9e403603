"""What a mapping file says, checked key by key: how files are read and how tables come of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from purchasing_power.errors import DataError
from purchasing_power.shop.columns.formats import DATE_WORDS, Formats
from purchasing_power.shop.contract import OPEN_TABLES, TABLES
from purchasing_power.shop.mapping import form
from purchasing_power.shop.mapping.expressions import parse_expression
from purchasing_power.shop.order_rules import OrderRules

READ_KEYS = ("delimiter", "quote", "encoding", "header", "sheet", "skip_rows", "rows")
NO_FORMATS = Formats()
FORMAT_KEYS = ("decimal", "date", "time_zone")
TABLE_KEYS = (
    *("from", "optional", "read", "calendar", "join", "fill_down", "may_lack"),
    *("where", "share", "distinct", "columns"),
)
TOP_KEYS = ("read", "time_zone", "currency", "guests", "status", "formats", "tables", "about")


@dataclass(frozen=True)
class ColumnRule:
    """Where the values of a contract column come from.

    ``candidates`` are column names or expressions, of which the first counts whose columns are all there; where there
    is none, an ``optional`` column is left out. ``formats`` says how its cells are written.
    """

    candidates: tuple[str, ...]
    optional: bool = False
    formats: Formats = NO_FORMATS


@dataclass(frozen=True)
class JoinRule:
    """Columns of another file, found by key.

    ``on`` gives, for each column of the rows so far, the column of the file; ``keep`` what becomes of several rows of
    one key (``first``, ``sum``, or ``None``: an error); ``columns`` what is taken (all where ``None``); ``at_least``
    the share of keys that must find a partner.
    """

    file: str
    on: dict[str, str]
    keep: str | None = None
    columns: tuple[str, ...] | None = None
    at_least: float = 0.5
    optional: bool = False


@dataclass(frozen=True)
class FillRule:
    """Cells of ``columns`` that only the first row of each ``by`` fills (of all rows below, where ``None``)."""

    columns: tuple[str, ...]
    by: str | None = None


@dataclass(frozen=True)
class ShareRule:
    """Amounts in ``columns`` that belong to the whole of ``by`` and are divided over its rows, by ``weight``."""

    columns: tuple[str, ...]
    by: str
    weight: str | None = None


@dataclass(frozen=True)
class CalendarRule:
    """Relative days laid on a calendar: the last row of each ``user`` in ``file`` is on the day ``end``."""

    file: str
    user: str
    sequence: str
    days: str
    end: date
    hour: str | None = None
    column: str = "ordered_at"


@dataclass(frozen=True)
class TableRule:
    """How one contract table comes of files; the keys are told in :mod:`purchasing_power.shop.mapping.mapping`."""

    files: tuple[str, ...]
    columns: dict[str, ColumnRule]
    optional: bool = False
    read: dict[str, Any] = field(default_factory=dict)
    calendar: CalendarRule | None = None
    joins: tuple[JoinRule, ...] = ()
    fill_down: tuple[FillRule, ...] = ()
    may_lack: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    share: tuple[ShareRule, ...] | None = None
    distinct: str | None = None


@dataclass(frozen=True)
class ShopMapping:
    """A checked mapping.

    Attributes
    ----------
    name
        The file, or the name of the built-in one.
    text
        The file as it stands, so that a run can log it.
    digest
        SHA-256 of ``text``, in hexadecimal.
    tables
        Empty where the files have the contract's names, or there is a flat one, and only their reading is corrected.
    read, formats
        By file name, as the mapping writes it.
    time_zone
        IANA name of times that state none; ``None`` is UTC.
    """

    name: str
    text: str
    digest: str
    tables: dict[str, TableRule]
    read: dict[str, dict[str, Any]] = field(default_factory=dict)
    formats: dict[str, Formats] = field(default_factory=dict)
    time_zone: str | None = None
    rules: OrderRules = field(default_factory=OrderRules)


def check_mapping(document: Any, name: str, text: str, digest: str) -> ShopMapping:
    """A mapping of a YAML document.

    Raises
    ------
    DataError
        If a key is unknown or a value has the wrong type, with the path.
    """
    parts = form.keys(document, "the file", TOP_KEYS)
    tables = form.keys(parts.get("tables", {}), "tables", TABLES)
    read = form.keys(parts.get("read", {}), "read")
    formats = form.keys(parts.get("formats", {}), "formats")
    return ShopMapping(
        name,
        text,
        digest,
        {table: _table(part, table, f"tables.{table}") for table, part in tables.items()},
        {file: _read(part, f"read.{file}") for file, part in read.items()},
        {file: _file_formats(part, f"formats.{file}") for file, part in formats.items()},
        _zone(parts["time_zone"], "time_zone") if "time_zone" in parts else None,
        _order_rules(parts),
    )


def _order_rules(parts: dict[str, Any]) -> OrderRules:
    given: dict[str, Any] = {}
    status = form.keys(parts.get("status", {}), "status", ("left_out", "returned"))
    for key, words in status.items():
        given[key] = tuple(word.strip().lower() for word in form.texts(words, f"status.{key}", may_be_empty=True))
    if "guests" in parts:
        given["guests"] = form.texts(parts["guests"], "guests", may_be_empty=True)
    money = form.keys(parts.get("currency", {}), "currency", ("own", "rates"))
    if "own" in money:
        given["currency"] = form.text(money["own"], "currency.own")
    rates = form.keys(money.get("rates", {}), "currency.rates")
    given["rates"] = {word: form.positive(rate, f"currency.rates.{word}") for word, rate in rates.items()}
    return OrderRules(**given)


def _read(value: Any, path: str) -> dict[str, Any]:
    parts = form.keys(value, path, READ_KEYS)
    done: dict[str, Any] = {}
    for key, part in parts.items():
        here = f"{path}.{key}"
        if key in ("skip_rows", "rows"):
            done[key] = form.whole(part, here)
        elif key == "header":
            done[key] = part if isinstance(part, bool) else _header(part, here)
        elif not isinstance(part, str) or not (part or key == "quote"):
            raise form.wrong(here, part, 'a text (a tab is "\\t", runs of blanks are " ")')
        else:
            done[key] = part
    return done


def _header(value: Any, path: str) -> tuple[str, ...]:
    names = form.texts(value, path)
    if not isinstance(value, list) or len(set(names)) < len(names):
        raise form.wrong(path, value, "true, false or a list of distinct column names")
    return names


def _zone(value: Any, path: str) -> str:
    zone = form.text(value, path)
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError) as error:
        raise DataError(
            f'mapping: {path}: no time zone "{zone}"; allowed are IANA names such as Europe/Paris or UTC. Correct it.'
        ) from error
    return zone


def _formats(value: Any, path: str, more: tuple[str, ...] = ()) -> Formats:
    parts = form.keys(value, path, (*FORMAT_KEYS, *more))
    decimal, date_format, zone = (parts.get(key) for key in FORMAT_KEYS)
    if decimal is not None:
        decimal = form.choice(decimal, f"{path}.decimal", (".", ","))
    if date_format is not None and "%" not in form.text(date_format, f"{path}.date"):
        form.choice(date_format, f"{path}.date", (*DATE_WORDS, "a format such as %d/%m/%Y"))
    return Formats(decimal, date_format, None if zone is None else _zone(zone, f"{path}.time_zone"))


def _file_formats(value: Any, path: str) -> Formats:
    formats = _formats(value, path, ("columns",))
    columns = form.keys(value.get("columns", {}), f"{path}.columns")
    return replace(formats, columns={name: _formats(part, f"{path}.columns.{name}") for name, part in columns.items()})


def _table(value: Any, table: str, path: str) -> TableRule:
    parts = form.keys(value, path, TABLE_KEYS)
    for key in ("from", "columns"):
        if key not in parts:
            raise DataError(f"mapping: {path}: {key} is missing; a table needs from and columns. Add it.")
    columns = form.keys(parts["columns"], f"{path}.columns", None if table in OPEN_TABLES else TABLES[table])
    _refuse_missing_columns(table, columns, path)
    where = form.texts(parts["where"], f"{path}.where") if "where" in parts else ()
    for text in where:
        parse_expression(text, f"{path}.where")
    return TableRule(
        form.texts(parts["from"], f"{path}.from"),
        {name: _column(part, f"{path}.columns.{name}") for name, part in columns.items()},
        form.flag(parts.get("optional", False), f"{path}.optional"),
        _read(parts.get("read", {}), f"{path}.read"),
        calendar=_calendar(parts["calendar"], f"{path}.calendar") if "calendar" in parts else None,
        joins=form.listed(parts["join"], f"{path}.join", _join) if "join" in parts else (),
        fill_down=form.listed(parts["fill_down"], f"{path}.fill_down", _fill) if "fill_down" in parts else (),
        may_lack=form.texts(parts["may_lack"], f"{path}.may_lack") if "may_lack" in parts else (),
        where=where,
        share=_shares(parts["share"], f"{path}.share") if "share" in parts else None,
        distinct=form.choice(parts["distinct"], f"{path}.distinct", columns) if "distinct" in parts else None,
    )


def _refuse_missing_columns(table: str, columns: dict[str, Any], path: str) -> None:
    missing = [name for name, column in TABLES[table].items() if column.needed and name not in columns]
    if "user_id" in missing:
        raise DataError(
            f"mapping: {path}.columns: user_id is missing; it says which column tells users apart: a customer number, "
            "or an e-mail address or telephone number, which are replaced with pseudonyms like any id. Add it; an "
            "export without any such column cannot be used, so export it with the customer."
        )
    if missing:
        raise DataError(
            f"mapping: {path}.columns: {missing[0]} is missing; {table} needs it. Add it: a column of the file, or an "
            "expression."
        )


def _column(value: Any, path: str) -> ColumnRule:
    if not isinstance(value, dict):
        return ColumnRule(form.texts(value, path, form.rule_text))
    parts = form.keys(value, path, ("column", "optional", *FORMAT_KEYS))
    if "column" not in parts:
        raise DataError(f"mapping: {path}: column is missing; it names a column or an expression. Add it.")
    return ColumnRule(
        form.texts(parts["column"], f"{path}.column", form.rule_text),
        form.flag(parts.get("optional", False), f"{path}.optional"),
        _formats(value, path, ("column", "optional")),
    )


def _join(value: Any, path: str) -> JoinRule:
    parts = form.keys(value, path, ("file", "on", "keep", "columns", "at_least", "optional"))
    for key in ("file", "on"):
        if key not in parts:
            raise DataError(f"mapping: {path}: {key} is missing; a join needs file and on. Add it.")
    pairs = parts["on"]
    if isinstance(pairs, dict):
        on = {left: form.text(right, f"{path}.on.{left}") for left, right in form.keys(pairs, f"{path}.on").items()}
    else:
        on = {name: name for name in form.texts(pairs, f"{path}.on")}
    at_least = parts.get("at_least", 0.5)
    if type(at_least) not in (int, float) or not 0 <= at_least <= 1:
        raise form.wrong(f"{path}.at_least", at_least, "a share between 0 and 1")
    return JoinRule(
        form.text(parts["file"], f"{path}.file"),
        on,
        form.choice(parts["keep"], f"{path}.keep", ("first", "sum")) if "keep" in parts else None,
        form.texts(parts["columns"], f"{path}.columns") if "columns" in parts else None,
        float(at_least),
        form.flag(parts.get("optional", False), f"{path}.optional"),
    )


def _fill(value: Any, path: str) -> FillRule:
    parts = form.keys(value, path, ("columns", "by"))
    by = form.text(parts["by"], f"{path}.by") if "by" in parts else None
    return FillRule(form.texts(parts.get("columns"), f"{path}.columns"), by)


def _shares(value: Any, path: str) -> tuple[ShareRule, ...]:
    return () if value is False else form.listed(value, path, _share)


def _share(value: Any, path: str) -> ShareRule:
    parts = form.keys(value, path, ("column", "by", "weight"))
    weight = form.rule_text(parts["weight"], f"{path}.weight") if "weight" in parts else None
    if weight is not None:
        parse_expression(weight, f"{path}.weight")
    return ShareRule(
        form.texts(parts.get("column"), f"{path}.column"), form.text(parts.get("by"), f"{path}.by"), weight
    )


def _calendar(value: Any, path: str) -> CalendarRule:
    parts = form.keys(value, path, ("file", "user", "sequence", "days", "hour", "end", "column"))
    end = parts.get("end")
    if not isinstance(end, date) or isinstance(end, datetime):
        raise form.wrong(f"{path}.end", end, "a date such as 2017-12-31")
    file, user, sequence, days = (
        form.text(parts.get(key), f"{path}.{key}") for key in ("file", "user", "sequence", "days")
    )
    hour = form.text(parts["hour"], f"{path}.hour") if "hour" in parts else None
    return CalendarRule(
        file, user, sequence, days, end, hour, form.text(parts.get("column", "ordered_at"), f"{path}.column")
    )
