"""CSV files as text columns: the encoding and the shape are checked, the values are not."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv

from purchasing_power.errors import DataError

_CHUNK = 1 << 24
_LONGEST_ROW = 1 << 24


def read_csv(path: Path) -> pd.DataFrame:
    """A UTF-8 CSV file with every column as text; an empty field is missing.

    Raises
    ------
    DataError
        If the file is not UTF-8 (with the byte position), has no header, repeats a column or has
        rows of another width than its header.
    """
    _check_utf8(path)
    header = _header(path)
    broken: list[int] = []

    def skip(row: pacsv.InvalidRow) -> str:
        broken.append(row.number)
        return "skip"

    try:
        arrow = pacsv.read_csv(
            path,
            # One thread keeps the row numbers that the message needs.
            read_options=pacsv.ReadOptions(use_threads=False, block_size=_LONGEST_ROW),
            parse_options=pacsv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
            convert_options=pacsv.ConvertOptions(
                column_types={name: pa.large_string() for name in header},
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{path.name}: cannot be read as CSV; a header line and comma-separated rows are needed, with "
            "fields that hold commas, quotes or line breaks in double quotes. Write it again."
        ) from error
    if broken:
        raise DataError(
            f"{path.name}: {len(broken)} rows do not have {len(header)} fields (first: line {broken[0]}); "
            "every row has as many fields as the header. Put fields that hold commas in double quotes."
        )
    return arrow.to_pandas()


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        header = next(csv.reader(handle), [])
    if not header or len(set(header)) < len(header):
        raise DataError(
            f"{path.name}: the header has {len(header)} columns, {len(set(header))} distinct; every column "
            "needs a name of its own in the first line. Write the header line."
        )
    return header


def _check_utf8(path: Path) -> None:
    start, rest = 0, b""
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            data = rest + chunk
            try:
                data.decode("utf-8")
                start, rest = start + len(data), b""
            except UnicodeDecodeError as error:
                # A character cut by the end of a chunk is read again with the next one.
                if len(data) - error.start >= 4 or len(chunk) < _CHUNK:
                    raise _not_utf8(path, start + error.start) from None
                start, rest = start + error.start, data[error.start :]
    if rest:
        raise _not_utf8(path, start)


def _not_utf8(path: Path, position: int) -> DataError:
    return DataError(
        f"{path.name}: byte {position} is not UTF-8; CSV files must be UTF-8. Re-encode it, for instance "
        f"`iconv -f GB18030 -t UTF-8 {path.name} > new.csv` (or -f LATIN1, -f CP1252), or export it as UTF-8."
    )
