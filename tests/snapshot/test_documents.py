from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import ibis
import pandas as pd

from purchasing_power.snapshot.build import build
from purchasing_power.snapshot.settings import SnapshotSettings

Tables = dict[str, pd.DataFrame]
Scan = Callable[[Tables], dict[str, ibis.Table]]
JUNE = SnapshotSettings(first_cutoff=date(2024, 6, 2), last_cutoff=date(2024, 6, 2))


def documents(tables: dict[str, ibis.Table], settings: SnapshotSettings) -> dict[str, list[str]]:
    frame = build(tables, settings, progress=False).frame
    return {user: list(texts) for user, texts in zip(frame["user_id"], frame["documents"], strict=True)}


def written(orders: Tables) -> Tables:
    texts = pd.DataFrame(
        {
            "user_id": ["ann", "ann", "ann", "ben"],
            "written_at": pd.to_datetime(
                ["2024-06-01 13:00", "2024-05-25", "2024-06-02", "2023-01-01"], format="mixed"
            ),
            "text": ["很好 🙂", "a review", "from the future", "before the lookback"],
        }
    )
    return {**orders, "texts": texts.astype({"written_at": "datetime64[us]"})}


def test_documents_stand_newest_first_then_by_text_and_repeat_per_line(orders: Tables, scanned: Scan) -> None:
    found = documents(scanned(written(orders)), JUNE)
    assert found == {"ann": ["很好 🙂", "bread", "tea", "a review", "tea"], "ben": ["bread", "bread"], "cid": ["tea"]}


def test_documents_keep_the_newest_up_to_the_limit(orders: Tables, scanned: Scan) -> None:
    found = documents(scanned(written(orders)), replace(JUNE, max_documents=2))
    assert found == {"ann": ["很好 🙂", "bread"], "ben": ["bread", "bread"], "cid": ["tea"]}


def test_documents_come_from_the_lookback_alone(orders: Tables, scanned: Scan) -> None:
    found = documents(scanned(written(orders)), replace(JUNE, lookback=28))
    assert found == {"ann": ["很好 🙂", "bread", "tea", "a review", "tea"], "ben": ["bread"], "cid": []}


def test_documents_without_products_are_the_texts(orders: Tables, scanned: Scan) -> None:
    tables = written(orders)
    del tables["products"]
    assert documents(scanned(tables), JUNE)["ann"] == ["很好 🙂", "a review"]
