"""Builds the user table of one year of Complete Journey and times it against DuckDB SQL and pandas by hand.

``seconds`` is the whole build from Parquet files: every feature, profile columns, documents and outcomes at
12 cutoffs. The two ratios compare the numeric features and the outcomes alone, computed by all three
and checked to be equal; each side reads the same files and ends with a pandas frame. Rounds alternate and
medians are reported. Run: ``python benchmarks/snapshot.py``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import snapshot_pandas
import snapshot_sql
from peak_memory import peak_mb

from purchasing_power.shop.intake import ingest
from purchasing_power.shop.samples import complete_journey
from purchasing_power.shop.tables import scan
from purchasing_power.snapshot.build import BLOCKS, build
from purchasing_power.snapshot.feature import slugs
from purchasing_power.snapshot.plan import Plan
from purchasing_power.snapshot.settings import SnapshotSettings
from purchasing_power.snapshot.user_table import UserTable


def whole(folder: Path) -> UserTable:
    return build(scan(folder), SnapshotSettings(), progress=False)


def numbers_alone(folder: Path) -> UserTable:
    """The build without documents and profile: titles and profile columns are not handed over."""
    tables = scan(folder)
    tables["products"] = tables["products"].select("product_id", "category", "brand")
    tables["users"] = tables["users"].select("user_id")
    return build(tables, SnapshotSettings(), progress=False)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def check_equal(ours: pd.DataFrame, other: pd.DataFrame, columns: list[str], name: str) -> None:
    """Raise unless every figure agrees to 1e-5, or 1e-6 of its size (ours is rounded to 6 decimals)."""
    other = other.sort_values(["cutoff", "user_id"], ignore_index=True)
    assert ours["user_id"].tolist() == other["user_id"].tolist(), f"{name}: other users"
    assert (ours["cutoff"].to_numpy() == other["cutoff"].to_numpy()).all(), f"{name}: other cutoffs"
    for column in columns:
        left, right = ours[column].to_numpy(float), other[column].to_numpy(float)
        wrong = ~np.isclose(left, right, rtol=1e-6, atol=1e-5, equal_nan=True)
        if wrong.any():
            row = np.flatnonzero(wrong)[0]
            raise AssertionError(f"{name}.{column}: {wrong.sum()} differ, first {left[row]} and {right[row]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "tables"
        ingest(complete_journey(Path(place) / "raw"), folder, key=b"benchmark key of no secret at all")
        ours = numbers_alone(folder)
        plan = Plan(**ours.meta.settings)
        days = [stamp.date() for stamp in ours.frame["cutoff"].drop_duplicates()]
        mix = {
            by: {f"{by}_share_{slug}": value for slug, value in zip(slugs(values), values, strict=True)}
            for by, values in (("category", plan.categories), ("brand", plan.brands))
        }
        zeros = [each.name for block in BLOCKS for each in block.columns(plan) if each.empty == 0]
        zeros = [name for name in zeros if name in ours.frame]
        ways = {
            "purchasing_power, all columns": lambda: whole(folder),
            "purchasing_power": lambda: numbers_alone(folder),
            "DuckDB SQL by hand": lambda: snapshot_sql.build(folder, days, mix, zeros),
            "pandas by hand": lambda: snapshot_pandas.build(folder, days, mix, zeros),
        }
        took: dict[str, list[float]] = {name: [] for name in ways}
        found: dict[str, Any] = {}
        for _ in range(rounds):
            for name, work in ways.items():
                seconds, found[name] = timed(work)
                took[name].append(seconds)
    columns = [*ours.meta.numeric, "spend_next_28d", "orders_next_28d"]
    for name in ("DuckDB SQL by hand", "pandas by hand"):
        check_equal(ours.frame, found[name], columns, name)
    report(
        {name: float(np.median(each)) for name, each in took.items()}, found["purchasing_power, all columns"], columns
    )


def report(median: dict[str, float], table: UserTable, columns: list[str]) -> None:
    print(f"{len(table.frame):,} rows, {table.frame['cutoff'].nunique()} cutoffs, file reads included")
    kinds = f"{len(table.meta.numeric)} numeric, {len(table.meta.categorical)} categorical"
    print(f"all columns: {kinds}, documents, outcomes")
    print(f"compared and equal: {len(columns)} numeric columns (features and outcomes)\n")
    for name, seconds in median.items():
        print(f"{name:<32}{seconds:8.2f} s")
    peak = peak_mb() / 1024
    print(f"\npeak memory of this process, all four ways in it: {peak:.1f} GiB")
    ours = median["purchasing_power"]
    figures = {
        "seconds": round(median["purchasing_power, all columns"], 2),
        "ratio_to_duckdb": round(ours / median["DuckDB SQL by hand"], 3),
        "speedup_over_pandas": round(median["pandas by hand"] / ours, 2),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
