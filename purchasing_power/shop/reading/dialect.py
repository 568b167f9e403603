"""How the fields of a delimited text are separated, quoted and named, found from its beginning."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from purchasing_power.errors import DataError
from purchasing_power.shop.reading.staged import ReadOptions

# A control character that separates fields where no other does.
NO_DELIMITER = "\x1f"
DELIMITERS = {",": '","', ";": '";"', "\t": "a tab", "|": '"|"', " ": "blanks", NO_DELIMITER: "nothing"}
_SEP = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_LINES = 4000
# Quotes are read as quotes unless reading them as text makes clearly more rows fit.
_BETTER = 0.02


class Format(NamedTuple):
    """Delimiter (a blank for runs of them), quote and escape character; empty where there is none.

    ``padded`` says that blanks stand between a delimiter and a quote.
    """

    delimiter: str
    quote: str
    escape: str = ""
    padded: bool = False


@dataclass(frozen=True)
class Layout:
    """First cells of a text laid against its rows: names, fields of a row, and the share of rows that fit."""

    names: tuple[str, ...]
    width: int
    fit: float


@dataclass(frozen=True)
class Dialect:
    """How a text is read.

    Attributes
    ----------
    format
        Delimiter, quote and escape character.
    names
        Cells of the header as they stand in the file, one per field of a row.
    start
        Characters before the first data row.
    has_header
        Whether ``names`` come from the text.
    quoted_fields
        Fields of the text's beginning that quotes enclose.
    found
        What was found other than commas, in words.
    """

    format: Format
    names: tuple[str, ...]
    start: int
    has_header: bool
    quoted_fields: int
    found: tuple[str, ...]


def find_dialect(head: str, name: str, options: ReadOptions, whole: bool = True) -> Dialect:
    """The dialect of a text, from its beginning.

    Parameters
    ----------
    head
        The text from its first character on.
    name
        The file's name, for messages.
    whole
        Whether ``head`` is all of the text; otherwise its last line may be cut.

    Raises
    ------
    DataError
        If the first line holds no names, or has one field where the rows have several.
    """
    lines = list(io.StringIO(head, newline=""))
    lines = lines if whole or len(lines) < 2 else lines[:-1]
    skipped = min(options.skip_rows or 0, len(lines))
    sep = _SEP.fullmatch(lines[skipped]) if skipped < len(lines) else None
    skipped += 1 if sep else 0
    body = lines[skipped:]
    stated = options.delimiter or (sep[1] if sep else None)
    chosen, layout = _choose(body, stated, options, name)
    header_lines = _header_lines(body, chosen) if has_header(options) else 0
    if options.header is None:
        check_header(layout.names, _records(body[header_lines:][:100], chosen), name)
    start = sum(len(line) for line in lines[: skipped + header_lines])
    quoted = _quoted(body, chosen)[0]
    found = tuple(_found(chosen, sep is not None))
    return Dialect(chosen, layout.names, start, has_header(options), quoted, found)


def has_header(options: ReadOptions) -> bool:
    """Whether the first line is taken as the header."""
    return options.header is None or options.header is True


def _choose(body: list[str], stated: str | None, options: ReadOptions, name: str) -> tuple[Format, Layout]:
    best: tuple[float, Format, Layout] | None = None
    several = ("", 0)
    for candidate in _candidates(body, stated, options):
        records = _records(body, candidate)
        if not records:
            continue
        layout = lay_out(records, options)
        score = _score(body, records, candidate, layout)
        if layout.width == 1 and layout.names:
            several = several if several[0] else _several(body, candidate)
        if best is None or score > best[0] + (_BETTER if candidate.delimiter == best[1].delimiter else 0):
            best = score, candidate, layout
    if best is None:
        return Format(stated or ",", '"'), Layout((), 0, 1.0)
    if best[0] > 0 or stated:
        return best[1], best[2]
    if several[0]:
        raise DataError(
            f"{name}: the first line has 1 field, {several[0]} of the rows have one other number of fields. Say in the "
            f"mapping file how many lines stand before the header (`read: {{{name}: {{skip_rows: {several[1]}}}}}`), "
            "or name the columns (`header: [...]`)."
        )
    alone = Format(NO_DELIMITER, best[1].quote)
    return alone, lay_out(_records(body, alone) or [best[2].names], options)


def _score(body: list[str], records: Sequence[Sequence[str]], chosen: Format, layout: Layout) -> float:
    """Share of rows that fit; hardly anything where none does, but header and rows have several fields."""
    if layout.width < 2 or _swallows(body, chosen):
        return 0.0
    several = sum(len(record) > 1 for record in records[1:])
    return max(layout.fit, 0.001 if several * 2 > len(records) - 1 else 0.0)


def _quoted(body: list[str], chosen: Format) -> tuple[int, int]:
    """Fields that begin and end with a quote, and those that do one of the two, where quotes are text."""
    cells = [cell for record in _records(body, Format(chosen.delimiter, "")) for cell in record]
    ends = [(cell.startswith(chosen.quote), len(cell) > 1 and cell.endswith(chosen.quote)) for cell in cells]
    return (sum(a and b for a, b in ends), sum(a != b for a, b in ends)) if chosen.quote else (0, 0)


def _swallows(body: list[str], chosen: Format) -> bool:
    """Whether quotes seem to be text: more fields open or close alone than are enclosed, and rows get lost so."""
    closed, open_ = _quoted(body, chosen)
    plain = _records(body, Format(chosen.delimiter, ""))
    fits = len({len(record) for record in plain}) == 1
    return closed < open_ and fits and len(_records(body, chosen)) < len(plain)


def _several(body: list[str], chosen: Format) -> tuple[str, int]:
    """Share of rows with the commonest number of fields, and lines before the first; empty where few or one field."""
    rows = [(lines, len(record)) for lines, record in _rows(body[:_LINES], chosen)]
    widths = Counter(width for _, width in rows[1:])
    width, count = widths.most_common(1)[0] if widths else (1, 0)
    if width == 1 or count < 2 or count < 0.9 * widths.total():
        return "", 0
    first = next(place for place, row in enumerate(rows) if row[1] == width)
    return f"{count / len(rows):.0%}", rows[first][0] - 1


def _candidates(body: list[str], stated: str | None, options: ReadOptions) -> list[Format]:
    text = "".join(body[:_LINES])
    quotes = ['"', ""] if '"' in text else ['"']
    if text.count("'") * 2 > len(body) and '"' not in text:
        quotes = ['"', "'"]
    quotes = [options.quote] if options.quote is not None else quotes
    delimiters = [stated] if stated else [",", ";", "\t", "|"]
    formats = [Format(delimiter, quote) for delimiter in delimiters for quote in quotes]
    if "'" in text and options.quote is None:
        single = [Format(delimiter, "'") for delimiter in delimiters]
        formats = [f for f in single if _encloses(body, f)] + formats
    # A backslash before a quote that ends its field is a character of the field.
    escaped = [Format(f.delimiter, f.quote, "\\") for f in formats if f.quote and _escapes(text, f)]
    padded = [f._replace(padded=True) for f in formats if f.quote and _padded(text, f)]
    blanks = [Format(" ", "" if options.quote is None else options.quote)]
    return escaped + padded + formats + (blanks if stated is None and _set_by_blanks(body) else [])


def _escapes(text: str, chosen: Format) -> bool:
    """Whether a backslash stands before quotes within fields, where a doubled quote never does."""
    quote, ends = re.escape(chosen.quote), re.escape(chosen.delimiter) + r"\r\n"
    doubled = rf"[^\\{quote}{ends}]{quote}{quote}[^{quote}{ends}]"
    return bool(re.search(rf"\\{quote}[^{quote}{ends}]", text)) and not re.search(doubled, text)


def _encloses(body: list[str], chosen: Format) -> bool:
    """Whether quotes enclose at least a field of most rows, and hardly ever stand alone."""
    closed, open_ = _quoted(body, chosen)
    return closed > 1 and closed * 2 >= len(_records(body, Format(chosen.delimiter, ""))) and open_ * 10 <= closed


def _padded(text: str, chosen: Format) -> bool:
    """Whether more quotes stand after a delimiter and a blank than after a delimiter alone."""
    delimiter, quote = chosen.delimiter, chosen.quote
    return text.count(f"{delimiter} {quote}") > text.count(delimiter + quote)


def _set_by_blanks(body: list[str]) -> bool:
    """Whether runs of blanks cut every row into as many fields, one beyond the first mostly digits."""
    rows = [line.split() for line in body[:_LINES] if line.strip()]
    if len({len(row) for row in rows}) != 1 or len(rows[0]) < 2:
        return False
    below = rows[1:] or rows
    digits = [
        sum(row[place][:1].isdigit() or row[place][:1] in "+-." for row in below) for place in range(len(rows[0]))
    ]
    return max(digits[1:]) >= 0.9 * len(below)


def _rows(lines: list[str], chosen: Format) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the lines up to its end."""
    by_blanks = chosen.delimiter == " "
    reader = csv.reader(
        [line.rstrip().replace("\t", " ") + "\n" for line in lines] if by_blanks else lines,
        delimiter=chosen.delimiter,
        quotechar=chosen.quote or None,
        quoting=csv.QUOTE_MINIMAL if chosen.quote else csv.QUOTE_NONE,
        escapechar=chosen.escape or None,
        skipinitialspace=by_blanks or chosen.padded,
    )
    return ((reader.line_num, record) for record in reader if record)


def _records(lines: list[str], chosen: Format) -> list[list[str]]:
    """Rows of a text's beginning; none where its quotes do not close."""
    try:
        return [record for _, record in _rows(lines[:_LINES], chosen)]
    except csv.Error:
        return []


def _header_lines(lines: list[str], chosen: Format) -> int:
    """Lines of the first record, with the blank ones before it."""
    return next((count for count, _ in _rows(lines, chosen)), 0)


def lay_out(records: Sequence[Sequence[str]], options: ReadOptions) -> Layout:
    """Names of the fields of a row, with a field that only header or rows have at their end or beginning.

    A delimiter at the end of every row, or of the header alone, makes no field; names that lack one before row
    numbers (as R writes them) get an empty one in front.
    """
    header, data = (records[0], records[1:]) if has_header(options) else (None, records)
    width = Counter(len(record) for record in data).most_common(1)[0][0] if data else len(records[0])
    if isinstance(options.header, tuple):
        header = options.header
    names = [f"column_{place + 1}" for place in range(width)] if header is None else list(header)
    usual = [record for record in data if len(record) == width]
    if data and width == len(names) + 1 and not any(record[-1] for record in usual):
        names = [*names, ""]
    elif data and width == len(names) + 1 and _numbered([record[0] for record in usual]):
        names = ["", *names]
    elif data and width == len(names) - 1 and not names[-1].strip():
        names = names[:-1]
    fitting = sum(len(record) == len(names) for record in data)
    return Layout(tuple(names), len(names), fitting / len(data) if data else 1.0)


def _numbered(cells: list[str]) -> bool:
    return len(cells) > 1 and cells in ([str(place + shift) for place in range(len(cells))] for shift in (0, 1))


_NUMBER = re.compile(r"[-+]?\d[\d.,]*(e[-+]?\d+)?")
_DAY = re.compile(r"(\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3\d{2,4})([ T].*)?")


def _kind(cell: str) -> str:
    cell = cell.strip()
    if _DAY.fullmatch(cell):
        return "day"
    return "number" if _NUMBER.fullmatch(cell.lower()) else "text" if cell else ""


def begins_a_table(lines: list[str], chosen: Format) -> bool:
    """Whether the first of some rows holds no number or day, as a header does, and a later one does."""
    kinds = [{_kind(cell) for cell in record} & {"number", "day"} for record in _records(lines, chosen)]
    return len(kinds) > 1 and not kinds[0] and any(kinds[1:])


def check_header(names: Sequence[str], rows: Sequence[Sequence[str]], file: str) -> None:
    """Raise where a header's cells are values, or name less than half of the columns that hold any.

    Raises
    ------
    DataError
        If so: it says how columns are named.
    """
    filled = [place for place in range(len(names)) if any(place < len(row) and row[place].strip() for row in rows)]
    named = [place for place in filled if names[place].strip()]
    if len(filled) > 2 and len(named) * 2 < len(filled):
        raise DataError(
            f"{file}: the first row names {len(named)} of {len(filled)} columns that hold values. Say in the mapping "
            f"file how many rows stand before the header (`read: {{{file}: {{skip_rows: 2}}}}`), or name the columns "
            "(`header: [...]`)."
        )
    _refuse_values(names, rows, file)


def _refuse_values(names: Sequence[str], rows: Sequence[Sequence[str]], file: str) -> None:
    """Raise where a header's cells are all values, or days above days."""
    kinds = [_kind(cell) for cell in names]
    alike = [k for place, k in enumerate(kinds) if k and any(place < len(r) and _kind(r[place]) == k for r in rows)]
    values = {"number", "day"}
    numbered = list(names) == [str(place) for place in range(len(names))]
    all_values = bool(set(kinds) & values) and set(kinds) <= values | {""} and not numbered
    if "day" in alike or (all_values and (alike or not rows)):
        raise DataError(
            f"{file}: the first line holds values ({kinds.count('number')} numbers and {kinds.count('day')} days in "
            f"{len(names)} fields), not names of columns. Name them in the mapping file, in the order of the fields: "
            f"`read: {{{file}: {{header: [user_id, ordered_at, ...]}}}}`, {len(names)} names."
        )


def _found(chosen: Format, sep: bool) -> list[str]:
    found = ["a `sep=` line skipped"] if sep else []
    if chosen.delimiter not in (",", NO_DELIMITER):
        found.append(f"fields separated by {DELIMITERS.get(chosen.delimiter, repr(chosen.delimiter))}")
    if chosen.quote != '"' and chosen.delimiter != " ":
        found.append(f"fields quoted by {chosen.quote}" if chosen.quote else "quotes taken as text")
    return found + (["quotes escaped by a backslash"] if chosen.escape else [])
