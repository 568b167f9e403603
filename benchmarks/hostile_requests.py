"""Malformed, hostile and random requests; each holds a canary that no error may repeat.

As a column's name the canary looks like an address: an error does tell a name that looks like one.
"""

from __future__ import annotations

import copy
import io
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

JSON = "application/json"
PAYLOADS = (
    "' OR 1=1; DROP TABLE users; --",
    "<script>alert(1)</script>",
    "{{7*7}}${7*7}",
    "../../../../etc/passwd",
    "$(touch /tmp/owned)",
    "\u0000\u0001\u001b[31m",
    "\u202etxt.exe",
    "%s%n%x",
    "A" * 5_000,
    "😀" * 500,
)
ODD = (None, True, "", "text", [], {}, [[]], float("nan"), float("inf"), -float("inf"), 1e308, -1e308, 10**400, 5e-324)


@dataclass(frozen=True)
class Sent:
    """A request of ``POST /invocations`` and the canary in it."""

    name: str
    body: bytes
    kind: str | None
    canary: str


def hand_made(row: dict, number: random.Random) -> Iterator[Sent]:
    """Bodies that break one thing each."""
    for name, body, kind in [*_broken(row), *_large(row), *_odd_types(row), *_hostile(row)]:
        canary = f"c4nary{number.randrange(16**12):012x}"
        yield Sent(name, body.replace(b"@@CANARY@@", canary.encode()), kind, canary)


def random_rows(row: dict, number: random.Random) -> Iterator[Sent]:
    """Rows without end in which some columns hold what they must not, in any form."""
    while True:
        canary = f"c4nary{number.randrange(16**12):012x}"
        rows = [copy.deepcopy(row) for _ in range(number.randint(1, 4))]
        for one in rows:
            for name in number.sample(list(one), number.randint(1, 6)):
                choice = number.random()
                if choice < 0.3:
                    del one[name]
                else:
                    one[name] = number.choice(
                        [*ODD, canary, [canary, None], {canary: canary}, canary + number.choice(PAYLOADS)]
                    )
            if number.random() < 0.3:
                one[number.choice([f"{canary}@example.com", "orders", "profile", "cutoff", "a b", ""])] = canary
        form = number.choice(["inputs", "instances", "dataframe_records"])
        yield Sent("random", json.dumps({form: rows}).encode("utf-8", "surrogatepass"), JSON, canary)


def _broken(row: dict) -> Iterator[tuple[str, bytes, str | None]]:
    secret, nested = json.dumps({"inputs": [{**row, "user_id": "@@CANARY@@", "extra": 1}]}).encode(), 900
    deep = json.dumps({"inputs": [{**row, "documents": "@@DEEP@@"}]}).encode()
    yield "cut off", secret[:-5], JSON
    yield "empty", b"", JSON
    yield "not JSON", b"@@CANARY@@", JSON
    yield "invalid UTF-8", b'{"inputs": "\xff\xfe@@CANARY@@"}', JSON
    yield "UTF-16", '{"inputs": "@@CANARY@@"}'.encode("utf-16"), JSON
    yield "half a surrogate pair", b'{"inputs": [{"user_id": "@@CANARY@@\\ud800"}]}', JSON
    yield "deep list", b"[" * 100_000 + b"@@CANARY@@", JSON
    yield "deep object", b'{"inputs":' * 50_000, JSON
    held = b"[" * nested + b'"@@CANARY@@"' + b"]" * nested
    yield "deep in a row", deep.replace(b'"@@DEEP@@"', held), JSON


def _large(row: dict) -> Iterator[tuple[str, bytes, str | None]]:
    def rows(documents: list[str], count: int = 1) -> bytes:
        return json.dumps({"inputs": [{**row, "documents": documents}] * count}).encode()

    yield "long number", b'{"inputs": [{"a": ' + b"9" * 100_000 + b"}]}", JSON
    yield "text of 10 MB", rows(["@@CANARY@@" + "x" * 10_000_000]), JSON
    yield "body of 30 MB", json.dumps({"inputs": "@@CANARY@@" + "x" * 30_000_000}).encode(), JSON
    yield "many rows", rows(["@@CANARY@@"], 2_000), JSON
    yield "many documents", rows(["@@CANARY@@"] * 20_000), JSON
    names = {f"@@CANARY@@-{n}": n for n in range(10_000)}
    yield "a column of 10,000 names", json.dumps({"inputs": [names]}).encode(), JSON


def _odd_types(row: dict) -> Iterator[tuple[str, bytes, str | None]]:
    good = json.dumps({"inputs": [row]}).encode()
    secret = json.dumps({"inputs": [{**row, "user_id": "@@CANARY@@", "extra": 1}]}).encode()
    form = "multipart/form-data; boundary=@@CANARY@@"
    for kind in (None, "", "text/plain", "text/@@CANARY@@", "application/xml", form):
        yield f"Content-Type {kind}", secret, None if kind is None else kind.replace("@@CANARY@@", "c4nary")
    for option in ("charset=latin-1", "charset", "version=1; charset=utf-8", ";;;"):
        yield f"Content-Type with {option}", good, f"{JSON}; {option}"
    yield "bad CSV", b'a,"b\n@@CANARY@@', "text/csv"
    yield "CSV of other columns", b"a,b\n@@CANARY@@,2\n", "text/csv"
    yield "bad Parquet", b"PAR1@@CANARY@@PAR1", "application/vnd.apache.parquet"
    file = io.BytesIO()
    pd.DataFrame({"a": ["@@CANARY@@"]}).to_parquet(file, compression=None)
    yield "Parquet of other columns", file.getvalue(), "application/vnd.apache.parquet"


def _hostile(row: dict) -> Iterator[tuple[str, bytes, str | None]]:
    for payload in PAYLOADS:
        for name in ("user_id", "documents", "extra", next(iter(row))):
            value: object = ["@@CANARY@@" + payload, 3] if name == "documents" else "@@CANARY@@" + payload
            sent = {**row, "extra": 1, name: value}
            yield f"{payload[:12]!r} in {name}", json.dumps({"inputs": [sent]}).encode(), JSON
    line = {
        "order_id": "@@CANARY@@",
        "product_id": "'; DROP TABLE orders; --",
        "ordered_at": "@@CANARY@@",
        "quantity": 1,
    }
    raw = {"user_id": "@@CANARY@@", "cutoff": "2024-06-02"}
    for name, value in {
        "orders": [{**line, "amount": 1}],
        "events": [{"occurred_at": "9999999-01-01", "event": "@@CANARY@@"}],
        "texts": [{"written_at": 7, "text": "@@CANARY@@"}],
        "follows": "@@CANARY@@",
        "profile": {"@@CANARY@@-": "@@CANARY@@"},
        "cutoff": "0000-00-00@@CANARY@@",
    }.items():
        yield f"raw {name}", json.dumps({"inputs": [{"orders": [], **raw, name: value}]}).encode(), JSON
    for body in (
        7,
        "@@CANARY@@",
        ["@@CANARY@@"],
        {"@@CANARY@@": 1},
        {"inputs": {"@@CANARY@@ x": [1]}},
        {"messages": "@@CANARY@@"},
    ):
        yield "another body", json.dumps(body).encode(), JSON
    yield (
        "split of other widths",
        json.dumps({"dataframe_split": {"columns": ["a"], "data": [["@@CANARY@@", 1]]}}).encode(),
        JSON,
    )
