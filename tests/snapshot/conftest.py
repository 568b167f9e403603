from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest

from purchasing_power.shop.samples import small_shop
from purchasing_power.shop.tables import scan, write_tables
from purchasing_power.snapshot.build import build
from purchasing_power.snapshot.settings import SnapshotSettings
from purchasing_power.snapshot.user_table import UserTable

PANEL = SnapshotSettings(first_cutoff=date(2024, 4, 14), last_cutoff=date(2024, 8, 4))
Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """All tables of a small simulated shop as frames; every seventh order line comes back, most of them in part."""
    folder = small_shop(tmp_path_factory.mktemp("snapshot") / "shop", users=60, seed=3, days=300)
    tables = {path.stem: pd.read_parquet(path) for path in folder.glob("*.parquet")}
    return {**tables, "returns": returned(tables["orders"])}


def returned(orders: pd.DataFrame) -> pd.DataFrame:
    """Returns of every seventh order line, 9 to 39 days later, of its whole amount or of half of it."""
    back = orders.iloc[::7].reset_index(drop=True)
    turn = pd.Series(range(len(back)))
    columns = ["user_id", "order_id", "product_id", "quantity"]
    moment = back["ordered_at"] + pd.to_timedelta(9 + turn % 31, unit="D")
    amount = (back["amount"] / (1 + turn % 2)).round(2)
    return back[columns].assign(returned_at=moment.astype("datetime64[us]"), amount=amount)


@pytest.fixture(scope="session")
def panel(shop: Tables, tmp_path_factory: pytest.TempPathFactory) -> UserTable:
    """The small shop's user table at the cutoffs of PANEL."""
    return build(scan(write_tables(shop, tmp_path_factory.mktemp("panel") / "shop")), PANEL, progress=False)


@pytest.fixture
def scanned(tmp_path: Path) -> Callable[[Tables], dict[str, ibis.Table]]:
    """Write frames as Parquet and scan them, as the snapshot step does."""
    written: list[Any] = []

    def scan_frames(frames: Tables) -> dict[str, ibis.Table]:
        written.append(frames)
        return scan(write_tables(frames, tmp_path / f"shop{len(written)}"))

    return scan_frames


@pytest.fixture
def orders() -> Tables:
    """Three users whose figures at 2024-06-02 are worked out by hand in test_build."""
    rows = [
        ("ann", "a1", "p1", "2024-06-01 12:00", 1, 10.00, 2.00),
        ("ann", "a1", "p2", "2024-06-01 12:00", 2, 5.50, 0.00),
        ("ann", "a2", "p1", "2024-05-23 00:00", 1, 20.00, 0.00),
        ("ann", "a3", "p3", "2024-04-13 06:00", 4, 7.25, 0.75),
        ("ben", "b1", "p2", "2024-05-05 00:00", 1, 100.00, 0.00),
        ("ben", "b2", "p2", "2024-05-04 23:59:59", 1, 50.00, 0.00),
        ("ben", "b3", "p2", "2024-06-02 00:00", 1, 30.00, 0.00),
        ("cid", "c1", "p1", "2024-03-01 08:00", 3, 9.99, 0.00),
        ("cid", "c2", "p9", "2024-06-20 10:00", 1, 40.00, 10.00),
        ("cid", "c3", "p9", "2024-06-30 00:00", 1, 1.00, 0.00),
        ("dan", "d1", "p1", "2024-08-01 09:00", 1, 3.00, 0.00),
    ]
    names = ["user_id", "order_id", "product_id", "ordered_at", "quantity", "amount", "discount"]
    frame = pd.DataFrame(rows, columns=names)
    frame["ordered_at"] = pd.to_datetime(frame["ordered_at"], format="mixed").astype("datetime64[us]")
    products = pd.DataFrame(
        {
            "product_id": ["p1", "p2", "p3"],
            "title": ["tea", "bread", None],
            "category": ["drink", "food", None],
            "brand": ["x", None, "y"],
        }
    )
    return {"orders": frame.astype({"quantity": float}), "products": products}
