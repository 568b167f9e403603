"""The forms a request body may have, each as a list of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from purchasing_power.serving.rules import RequestError, json_type
from purchasing_power.shop.values import as_objects
from purchasing_power.snapshot.user_table import DOCUMENTS

FORMS = ("inputs", "instances", "dataframe_records", "dataframe_split")
# What a row of raw orders, events and texts holds in place of features.
LISTS = ("orders", "events", "texts", "follows", "followers", "campaigns", "redemptions", "returns")
PROFILE = "profile"


def rows_of(body: Any) -> list[Any]:
    """Rows of a parsed body: ``{"inputs": [{column: value}, …]}`` or another form that MLflow takes.

    Raises
    ------
    RequestError
        If the body is no object with exactly one of ``FORMS``, or its rows are not as wide as its columns.
    """
    if not isinstance(body, dict):
        raise RequestError(f"body: got {json_type(body)}; an object with one of {', '.join(FORMS)} is allowed.")
    named = [name for name in FORMS if name in body]
    others = sum(name not in FORMS and not (name == "params" and not body[name]) for name in body)
    if len(named) != 1 or others:
        got = " and ".join([*named, *([f"{others} other names"] if others else [])]) or "none of them"
        raise RequestError(f"body: got {got}; exactly one of {', '.join(FORMS)} is allowed. Send one of them.")
    name, content = named[0], body[named[0]]
    if name == "dataframe_split":
        return _split(content)
    if isinstance(content, list):
        return content
    if isinstance(content, dict) and name != "dataframe_records":
        return _columns(name, content)
    raise RequestError(f"{name}: got {json_type(content)}; a list of objects, one per user, is allowed.")


def is_raw(sent: list[Any], allowed: frozenset[str]) -> bool:
    """Whether the rows of a request hold raw orders, events or texts; ``allowed`` are the columns of the model."""
    marks = {*LISTS, PROFILE} - allowed
    return any(isinstance(row, dict) and not marks.isdisjoint(row) for row in sent)


def frame_rows(frame: pd.DataFrame) -> list[Any]:
    """Rows of a frame that came as a CSV or Parquet body, as a JSON body would hold them; NaN is null."""
    plain = as_objects(frame).rename(columns=str)
    if DOCUMENTS in plain:
        plain[DOCUMENTS] = [list(texts) if isinstance(texts, np.ndarray) else texts for texts in plain[DOCUMENTS]]
    return plain.to_dict("records")


def _split(content: Any) -> list[Any]:
    split = content if isinstance(content, dict) else {}
    columns, data = split.get("columns"), split.get("data")
    if not (
        isinstance(columns, list)
        and isinstance(data, list)
        and all(isinstance(name, str) for name in columns)
        and len(set(columns)) == len(columns)
        and split.keys() <= {"columns", "data", "index"}
    ):
        raise RequestError(
            "dataframe_split: an object with the lists columns (different names) and data (rows) is needed, and index "
            "may stand beside them. Send those, or inputs with an object per user."
        )
    for position, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(columns):
            got = f"{len(row)} values" if isinstance(row, list) else json_type(row)
            raise RequestError(
                f"dataframe_split: row {position}: got {got}; {len(columns)} values, one per column, are needed."
            )
    return [dict(zip(columns, row, strict=True)) for row in data]


def _columns(name: str, content: dict[str, Any]) -> list[Any]:
    """One object of columns: a list per column, or a plain value per column for a single user."""
    lists = {key: value for key, value in content.items() if isinstance(value, list)}
    if len(lists) < len(content) or not content:
        # Documents and raw orders are lists in a single user's row.
        return [content]
    lengths = {len(value) for value in lists.values()}
    if len(lengths) != 1:
        raise RequestError(
            f"{name}: columns of {len(lengths)} different lengths; each must hold a value per user. Send a list of "
            "objects, one per user, instead."
        )
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]
