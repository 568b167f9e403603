"""Expressions of a mapping: one value of one row, in the SQL of DuckDB, parsed and checked before it is run."""

from __future__ import annotations

from collections.abc import Callable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from purchasing_power.errors import DataError

LONGEST = 4000
_LONGEST_PAD = 200
# What a value of one row needs, and nothing that reads, writes, asks for the time or looks beyond the row.
_ALLOWED: tuple[type[exp.Expr], ...] = (
    *(exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Var, exp.Interval),
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.Pow),
    *(exp.Abs, exp.Round, exp.Floor, exp.Ceil, exp.Greatest, exp.Least, exp.Sign, exp.Sqrt),
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.And, exp.Or, exp.Not, exp.Is, exp.In, exp.Between),
    *(exp.NullSafeEQ, exp.NullSafeNEQ, exp.Like, exp.ILike, exp.SimilarTo),
    *(exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Cast, exp.TryCast, exp.Try, exp.DataType, exp.DataTypeParam),
    *(exp.DPipe, exp.Concat, exp.Lower, exp.Upper, exp.Trim, exp.Substring, exp.Left, exp.Right, exp.Length),
    *(exp.Replace, exp.Translate, exp.SplitPart, exp.Pad, exp.StartsWith, exp.EndsWith, exp.Contains),
    *(exp.RegexpExtract, exp.RegexpReplace, exp.RegexpLike, exp.RegexpFullMatch),
    *(exp.StrToTime, exp.TimeToStr, exp.DateFromParts, exp.TimestampFromParts, exp.UnixToTime, exp.TimestampTrunc),
    *(exp.DateTrunc, exp.Extract, exp.DateDiff, exp.Year, exp.Month, exp.Day, exp.Hour, exp.Minute, exp.ToDays),
)
_ALLOWED_NAMES = (
    "try_strptime",
    "to_hours",
    "to_minutes",
    "to_seconds",
    "to_milliseconds",
    "strip",
    "prefix",
    "suffix",
)
_TYPES = ("BIGINT", "INT", "DOUBLE", "DECIMAL", "VARCHAR", "TEXT", "DATE", "TIMESTAMP", "BOOLEAN")
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between, exp.NullSafeEQ, exp.NullSafeNEQ)
_OF_TEXT = (
    *(exp.Like, exp.ILike, exp.SimilarTo, exp.DPipe, exp.Concat, exp.Lower, exp.Upper, exp.Trim, exp.Substring),
    *(exp.Left, exp.Right, exp.Length, exp.Replace, exp.Translate, exp.SplitPart, exp.Pad, exp.StartsWith),
    *(exp.EndsWith, exp.Contains, exp.RegexpExtract, exp.RegexpReplace, exp.RegexpLike, exp.RegexpFullMatch),
    *(exp.StrToTime, exp.Anonymous),
)


def parse_expression(text: str, path: str) -> exp.Expr:
    """A checked expression: one value of one row, of arithmetic, comparisons, texts and times alone.

    Parameters
    ----------
    path
        Where it stands in the mapping, such as ``tables.orders.columns.amount``.

    Raises
    ------
    DataError
        If it cannot be parsed, is more than one value, or uses a function that is not allowed.
    """
    if len(text) > LONGEST:
        raise DataError(f"mapping: {path}: {len(text)} characters; allowed are {LONGEST}. Write a shorter expression.")
    try:
        parts = sqlglot.parse(text, dialect="duckdb")
    except (SqlglotError, RecursionError) as error:
        raise _unreadable(text, path, error) from error
    if len(parts) != 1 or parts[0] is None:
        raise _refused(path, f"{len(parts)} statements")
    for node in parts[0].walk():
        _check(node, path)
    return parts[0]


def _unreadable(text: str, path: str, error: Exception) -> DataError:
    found = getattr(error, "errors", None) or [{}]
    place = f" (at character {found[0]['col']})" if found[0].get("col") else ""
    return DataError(
        f"mapping: {path}: `{text}` cannot be read as SQL{place}; allowed is a column, or an expression such as "
        "Quantity * Price. Put column names with blanks in double quotes: '\"Unit price\" * Quantity'."
    )


def _refused(path: str, what: str) -> DataError:
    return DataError(
        f"mapping: {path}: {what} in an expression; allowed is one value of one row: columns, numbers, 'texts', "
        "+ - * / % ||, comparisons, AND, OR, NOT, IN (a list), BETWEEN, LIKE, CASE, CAST, and functions of numbers, "
        "texts and times such as abs, round, greatest, coalesce, nullif, lower, trim, replace, split_part, "
        "regexp_extract, strptime, date_trunc, epoch_ms. Write it with these, or prepare the column before the intake."
    )


def _check(node: exp.Expr, path: str) -> None:
    if isinstance(node, exp.Alias):
        raise DataError(
            f"mapping: {path}: `{node.sql(dialect='duckdb')}` is read as a column with a new name; allowed is a value. "
            "Put a column name with blanks in double quotes within an expression."
        )
    if isinstance(node, exp.Anonymous) and node.name.lower() in _ALLOWED_NAMES:
        return
    if type(node) not in _ALLOWED:
        what = f"the function {node.sql_name().lower()}" if isinstance(node, exp.Func) else type(node).__name__
        raise _refused(path, f"the function {node.name}" if isinstance(node, exp.Anonymous) else what)
    if isinstance(node, exp.DataType) and not (node.this.name in _TYPES and not node.args.get("nested")):
        raise _refused(path, f"the type {node.sql(dialect='duckdb')}")
    if isinstance(node, exp.UnixToTime) and not node.args.get("scale"):
        raise _refused(path, "to_timestamp (write epoch_ms(1000 * seconds))")
    if isinstance(node, exp.Pad) and not (node.expression.is_int and int(node.expression.name) <= _LONGEST_PAD):
        raise _refused(path, f"a padding to another length than a number up to {_LONGEST_PAD}")
    if isinstance(node, exp.In) and not node.expressions:
        raise _refused(path, "IN of another thing than a list")


def column_names(expression: exp.Expr) -> list[str]:
    """Columns that an expression names, in order, ``file.column`` where it says which file's."""
    return list(dict.fromkeys(_name(column) for column in expression.find_all(exp.Column)))


def asked_as(expression: exp.Expr) -> dict[str, set[str]]:
    """What an expression asks of each column that it names: ``text``, ``compared`` or ``value``, as in :func:`bind`."""
    asked: dict[str, set[str]] = {}
    for column in expression.find_all(exp.Column):
        asked.setdefault(_name(column), set()).add(_asked(column))
    return asked


def _name(column: exp.Column) -> str:
    return ".".join(part.name for part in column.parts)


def bind(expression: exp.Expr, value: Callable[[str, str], str]) -> str:
    """SQL of an expression; a step that fails for a row gives NULL there.

    Parameters
    ----------
    value
        SQL of a column, by its name and by what is asked for: ``text`` (beside text functions), ``compared`` (against
        a quoted text) or ``value``.
    """
    copy = expression.copy()
    marks: dict[str, str] = {}
    for place, column in enumerate(list(copy.find_all(exp.Column))):
        # A mark takes the column's place, so that its own SQL need not go through the parser.
        mark = f"__column_{place}__"
        marks[mark] = value(_name(column), _asked(column))
        new = exp.column(exp.to_identifier(mark, quoted=True))
        if column is copy:
            copy = new
        else:
            column.replace(new)
    sql = copy.sql(dialect="duckdb", comments=False)
    for mark, inner in marks.items():
        sql = sql.replace(f'"{mark}"', f"({inner})")
    return f"TRY({sql})"


def _asked(column: exp.Column) -> str:
    parent = column.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    if parent is None:
        return "value"
    if isinstance(parent, exp.Is) and isinstance(parent.expression, exp.Null):
        # Whether a cell holds anything: what it holds does not matter.
        return "text"
    if isinstance(parent, _OF_TEXT) or (isinstance(parent, exp.Cast) and parent.to.this.name in ("VARCHAR", "TEXT")):
        return "text"
    quoted = any(isinstance(part, exp.Literal) and part.is_string for part in parent.iter_expressions())
    if not quoted or isinstance(parent, (exp.Interval, exp.TimeToStr, exp.TimestampTrunc, exp.DateTrunc)):
        return "value"
    return "compared" if isinstance(parent, _COMPARISONS) else "text"
