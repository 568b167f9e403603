"""One column of a source while it is being read: its cells as SQL, which of them hold something, and the result."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any

from purchasing_power.shop.columns.formats import Formats
from purchasing_power.shop.reading.sql import identifier, literal
from purchasing_power.shop.values import MISSING_WORDS, PLACEHOLDERS

# Every blank of Unicode that exports hold, and the byte order mark that joined files leave inside.
BLANKS = " \t\r\n\x0b\x0c\u00a0\u2002\u2003\u2007\u2009\u200b\u202f\u3000\ufeff"
NESTED = ("STRUCT", "MAP", "UNION", "VARIANT")
TEXTS = ("VARCHAR", "JSON", "ENUM")
WHOLE = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
)
FLOATS = ("FLOAT", "DOUBLE")
NUMERIC = (*WHOLE, "FLOAT", "DOUBLE", "DECIMAL", "BIGNUM")
# The largest power of two up to which a float64 holds every whole number.
EXACT = 2**53


@dataclass(frozen=True)
class ColumnReading:
    """A column as it is read.

    Attributes
    ----------
    kind
        ``number`` (DOUBLE), ``time`` (TIMESTAMP, UTC, microseconds), ``boolean`` (DOUBLE, 1 and 0), ``id`` (VARCHAR,
        trimmed), ``text`` (VARCHAR), ``empty`` (no cell holds anything) or ``nested`` (lists and structures).
    value
        SQL expression over the source's relation: the value, NULL where the cell is missing or cannot be read.
    present
        SQL expression: whether the cell holds something; a cell that is present without a value could not be read.
    how
        In words, such as ``numbers with a decimal comma`` or ``days as 31/12/2024``; empty where nothing is special.
    cells, unread
        Cells that hold something, and those of them that cannot be read.
    notes
        What a person should know, without a value of a row.
    """

    kind: str
    value: str
    present: str
    how: str = ""
    cells: int = 0
    unread: int = 0
    notes: tuple[str, ...] = ()


Counts = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """Aggregates of one column by name, as SQL, and the expressions they use by alias; one may use those before it."""

    counts: dict[str, str]
    given: dict[str, str] = field(default_factory=dict)


# A way of reading asks for aggregates, is sent their values by name, and may ask again before it returns.
Way = Generator[Asked, Counts, ColumnReading]


@dataclass(frozen=True)
class Column:
    """A column that is being read.

    Attributes
    ----------
    wanted
        ``number``, ``time``, ``id``, ``text`` or ``open``.
    head
        Counts over the first rows, which decide what is tried first, never the outcome.
    """

    name: str
    dtype: str
    wanted: str
    formats: Formats = field(default_factory=Formats)
    head: Counts = field(default_factory=dict)

    @property
    def is_text(self) -> bool:
        """Whether cells are text, whose type has to be found."""
        return self.is_of(TEXTS)

    @property
    def is_nested(self) -> bool:
        """Whether cells are lists or structures."""
        return self.dtype.endswith("]") or self.is_of(NESTED)

    def is_of(self, dtypes: tuple[str, ...]) -> bool:
        """Whether the DuckDB type is one of those, whatever stands in its brackets."""
        return self.dtype.split("(")[0].strip() in dtypes

    @property
    def cell(self) -> str:
        """The cell: as it stands, or as text where it is of an enumeration."""
        name = identifier(self.name)
        return f"CAST({name} AS VARCHAR)" if self.is_of(("ENUM", "JSON")) else name

    @property
    def trimmed(self) -> str:
        """The text of a cell without blanks at its ends; NULL where nothing is left."""
        return f"NULLIF(trim({self.cell}, {literal(BLANKS)}), '')"

    @property
    def clean(self) -> str:
        """The trimmed text of a cell; NULL where it is blank or a word for a missing value."""
        return f"CASE WHEN {missing(self.trimmed)} THEN NULL ELSE {self.trimmed} END"

    @property
    def held(self) -> str:
        """What a cell holds; NULL where it is missing."""
        if self.is_text:
            return self.clean
        return f"CASE WHEN NOT isnan({self.cell}) THEN {self.cell} END" if self.is_of(FLOATS) else self.cell

    def alias(self, part: str) -> str:
        """The name under which an expression of this column is given to the aggregates that use it."""
        return identifier(f"__{part} of {self.name}")

    def note(self, text: str) -> str:
        """A note that names the column."""
        return f"{self.name}: {text}"


def asking_also(way: Way, extra: dict[str, str]) -> Generator[Asked, Counts, tuple[ColumnReading, Counts]]:
    """A way whose first question asks for more aggregates too; its reading, and their values."""
    counts: Counts = {}
    try:
        asked = next(way)
        counts = yield replace(asked, counts={**asked.counts, **extra})
        answer = counts
        while True:
            asked = way.send(answer)
            answer = yield asked
    except StopIteration as stop:
        return stop.value, counts


def missing(text: str) -> str:
    """Whether a trimmed text is a word for a missing value, as SQL."""
    words = ", ".join(literal(word) for word in sorted({word.lower() for word in (*MISSING_WORDS, *PLACEHOLDERS)}))
    return f"(strlen({text}) <= 5 AND lower({text}) IN ({words}))"


def count_if(condition: str) -> str:
    """The number of rows for which a condition holds, as SQL."""
    return f"count(*) FILTER ({condition})"


def of_cells(count: int, cells: int) -> str:
    """A count out of all cells, in words."""
    return f"{count:,} of {cells:,} cells"


def holds(value: str) -> str:
    """Whether an expression has a value, as SQL."""
    return f"(({value}) IS NOT NULL)"
