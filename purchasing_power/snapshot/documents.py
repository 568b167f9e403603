"""The ``documents`` column: titles of what a user bought and texts the user wrote, newest first."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from purchasing_power.snapshot.history import DAY, History
from purchasing_power.snapshot.user_table import documents_array


def missing(tables: dict[str, ir.Table]) -> str | None:
    """Reason why there are no documents, or ``None``."""
    if "texts" in tables or ("products" in tables and "title" in tables["products"].columns):
        return None
    return "off: no texts table and no titles of products"


def documents(history: History, population: pd.DataFrame) -> pd.Series:
    """Documents of the population's rows, in their order: newest first, then by text.

    The engine sorts every text once; each row's list is then a slice of that order, found by binary
    search. Expanding the texts per cutoff and collecting lists in the engine gives the same lists,
    but copies every text once per cutoff.

    Parameters
    ----------
    population
        Columns ``user`` and ``cutoff`` (seconds).

    Returns
    -------
    Series
        Lists of text, Arrow ``list<dictionary<string>>``, shape (n_rows,).
    """
    if missing(history.tables):
        return documents_array(np.zeros(len(population) + 1, np.int64), np.zeros(0, np.int32), [])
    codes, texts, key = _sorted_codes(_texts(history))
    user, cutoff = population["user"].to_numpy(), population["cutoff"].to_numpy()
    start = np.searchsorted(key, _key(user, cutoff - 1), side="left")
    stop = np.searchsorted(key, _key(user, cutoff - history.plan.lookback * DAY), side="right")
    return _gather(start, np.minimum(stop, start + history.plan.max_documents), codes, texts)


def _texts(history: History) -> ir.Table:
    """Rows ``user``, ``second``, ``text``: one per order line with a title and one per text written."""
    titles = history.lines.join(history.products, "product").select("user", "second", text="title")
    parts = [titles] if "products" in history.tables else []
    if "texts" in history.tables:
        parts.append(history.timed("texts", "text").select("user", "second", "text"))
    texts = ibis.union(*parts) if len(parts) > 1 else parts[0]
    return texts.filter(texts.text.notnull())


def _sorted_codes(rows: ir.Table) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Codes of the texts by user, newest first, then text; the distinct texts in order; the sort keys."""
    distinct = rows.select("text").distinct()
    texts = distinct.order_by("text").to_pandas()["text"].tolist()
    codes = np.arange(len(texts), dtype=np.int32)
    # Without a text the column would have no type that could be seen.
    numbers = ibis.memtable(pd.DataFrame({"text": pd.array(texts, dtype="str"), "code": codes}))
    coded = rows.join(numbers, "text").select("user", "second", "code").to_pandas()
    key, code = _key(coded["user"].to_numpy(), coded["second"].to_numpy()), coded["code"].to_numpy()
    order = np.lexsort((code, key))
    return code[order], texts, key[order]


def _key(user: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Integers that ascend by user and, within a user, from the newest second to the oldest."""
    return user.astype(np.int64) * 2**38 - second.astype(np.int64)


def _gather(start: np.ndarray, stop: np.ndarray, codes: np.ndarray, texts: list[str]) -> pd.Series:
    lengths = np.maximum(stop - start, 0)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    return documents_array(offsets, codes[np.repeat(start, lengths) + within], texts)
