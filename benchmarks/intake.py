"""Takes in order lines from CSV and from Parquet and times it against DuckDB doing the same work by hand.

The shop is simulated: order lines of 200,000 users, of whom one in 50 repeats a product of its order and one in 100 is
a return, with a products and a users table. By hand is what an engineer would write for this one file: the same casts,
bad rows left out, returns apart, repeated lines added up, ids checked against both tables, Parquet with the same
compression. Each run is a process of its own; rounds alternate and medians are reported. Peak memory is that of the
largest of our processes. Run: ``python benchmarks/intake.py`` (``--lines 1000000`` for a part).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
from peak_memory import peak_mb

WAYS = ("purchasing_power", "by_hand")
FORMATS = ("csv", "parquet")
USERS, PRODUCTS = 200_000, 50_000


def write_shop(folder: Path, lines: int) -> None:
    """Write the same shop as CSV and as Parquet."""
    connection = duckdb.connect()
    connection.execute("SELECT setseed(0.5)")
    connection.execute(
        f"""CREATE TABLE orders AS
        WITH base AS (
            SELECT i, i // 4 AS number, (i - (random() < 0.02)::INT) AS product FROM range({lines}) AS t(i)
        )
        SELECT 'U' || lpad((hash(number) % {USERS})::VARCHAR, 8, '0') AS user_id,
            (10000000 + number)::VARCHAR AS order_id,
            lpad((hash(product) % {PRODUCTS})::VARCHAR, 6, '0') AS product_id,
            TIMESTAMP '2023-01-01' + to_seconds((number * 40000000.0 / {lines})::BIGINT) AS ordered_at,
            CASE WHEN hash(i + 7) % 100 = 0 THEN -1 ELSE 1 END * (1 + hash(i) % 3)::BIGINT AS quantity,
            CASE WHEN hash(i + 7) % 100 = 0 THEN -1 ELSE 1 END * (hash(i + 1) % 10000 / 100.0) AS amount
        FROM base ORDER BY i"""
    )
    connection.execute(
        f"CREATE TABLE products AS SELECT lpad(i::VARCHAR, 6, '0') AS product_id, 'product ' || i AS title, "
        f"'category ' || i % 30 AS category FROM range({PRODUCTS}) AS t(i)"
    )
    connection.execute(
        f"CREATE TABLE users AS SELECT 'U' || lpad(i::VARCHAR, 8, '0') AS user_id, 20 + i % 60 AS age "
        f"FROM range({USERS}) AS t(i)"
    )
    for kind in FORMATS:
        (folder / kind).mkdir()
        for table in ("orders", "products", "users"):
            connection.execute(f"COPY {table} TO '{folder}/{kind}/{table}.{kind}'")


def by_hand(source: Path, target: Path, kind: str) -> None:
    """The work that an engineer would write for this one shop."""
    connection = duckdb.connect(str(target / "work.duckdb"))
    connection.execute("SET memory_limit = '1000MB'")
    read = (
        f"read_csv('{source}/{{}}.csv', all_varchar = true)"
        if kind == "csv"
        else f"read_parquet('{source}/{{}}.parquet')"
    )
    connection.execute(
        f"""CREATE TABLE typed AS SELECT trim(user_id) AS user_id, trim(order_id) AS order_id,
            trim(product_id) AS product_id, TRY_CAST(ordered_at AS TIMESTAMP) AS ordered_at,
            TRY_CAST(quantity AS DOUBLE) AS quantity, TRY_CAST(amount AS DOUBLE) AS amount
        FROM {read.format("orders")}"""
    )
    good = "FROM typed WHERE ordered_at IS NOT NULL AND quantity IS NOT NULL AND abs(amount) <= 1e6"
    output = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    connection.execute(
        f"""COPY (SELECT user_id, order_id, product_id, min(ordered_at) AS ordered_at, sum(quantity) AS quantity,
            sum(amount) AS amount {good} AND quantity >= 0 AND amount >= 0
        GROUP BY user_id, order_id, product_id, ordered_at::DATE) TO '{target}/orders.parquet' {output}"""
    )
    connection.execute(
        f"COPY (SELECT * {good} AND (quantity < 0 OR amount < 0)) TO '{target}/returns.parquet' {output}"
    )
    for key, table in (("product_id", "products"), ("user_id", "users")):
        known = f"SELECT DISTINCT trim({key}) AS {key} FROM {read.format(table)}"
        connection.execute(f"COPY ({known}) TO '{target}/{table}.parquet' {output}")
        query = f"SELECT count(*) FROM (SELECT DISTINCT {key} FROM typed) WHERE {key} NOT IN ({known})"
        assert connection.execute(query).fetchone() == (0,)


def run(way: str, kind: str, folder: Path) -> None:
    """One run in this process: prints seconds, peak megabytes and what was written."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        target, start = Path(place) / "tables", time.perf_counter()
        if way == "by_hand":
            target.mkdir()
            by_hand(folder / kind, target, kind)
        else:
            from purchasing_power.shop.intake import ingest

            start = time.perf_counter()
            ingest(folder / kind, target, key=b"benchmark key of no secret at all")
        seconds = time.perf_counter() - start
        found = [
            duckdb.sql(
                f"SELECT count(*), round(abs(sum(amount)), 2) FROM read_parquet('{target}/{name}.parquet')"
            ).fetchall()
            for name in ("orders", "returns")
        ]
    print(json.dumps({"seconds": seconds, "mb": peak_mb(), "found": found}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--run", nargs=3, metavar=("WAY", "FORMAT", "FOLDER"), help="one run alone, as this command does"
    )
    chosen = parser.parse_args()
    if chosen.run:
        return run(*chosen.run[:2], Path(chosen.run[2]))
    took: dict[tuple[str, str], list[dict[str, float]]] = {(way, kind): [] for way in WAYS for kind in FORMATS}
    with tempfile.TemporaryDirectory() as place:
        write_shop(Path(place), chosen.lines)
        for _ in range(chosen.rounds):
            for way, kind in took:
                command = [sys.executable, __file__, "--run", way, kind, place]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                took[way, kind].append(json.loads(done.stdout.splitlines()[-1]))
    report(took, chosen.lines)


def report(took: dict[tuple[str, str], list[dict[str, float]]], lines: int) -> None:
    assert len({str(one["found"]) for runs in took.values() for one in runs}) == 1, "the sides wrote other rows"
    print(f"{lines:,} order lines; both ways wrote the same rows and money")
    median = {way: float(np.median([one["seconds"] for one in runs])) for way, runs in took.items()}
    for (way, kind), seconds in median.items():
        peak = max(one["mb"] for one in took[way, kind])
        print(f"{way:<20}{kind:<10}{seconds:8.1f} s {lines / seconds:12,.0f} rows/s {peak:8,.0f} MB")
    ratios = [median["purchasing_power", kind] / median["by_hand", kind] for kind in FORMATS]
    figures = {f"{kind}_rows_per_s": round(lines / median["purchasing_power", kind]) for kind in FORMATS}
    peak = max(one["mb"] for kind in FORMATS for one in took["purchasing_power", kind])
    print(json.dumps({**figures, "ratio_to_duckdb": round(max(ratios), 2), "peak_mb": round(peak)}))


if __name__ == "__main__":
    main()
