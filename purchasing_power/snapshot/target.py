"""Targets: what a model learns to predict from a user table."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.snapshot.user_table import UserTable

TARGETS = ("auto", "intent", "spend", "tier", "label")
TIERS = ("low", "middle", "high")
TIER_QUANTILES = (0.5, 0.8)


@dataclass(frozen=True)
class Target:
    """A target with everything that was learned from the training rows.

    Attributes
    ----------
    name
        ``"intent"`` (buys at all in the horizon), ``"spend"`` (amount in the horizon), ``"tier"``
        (low, middle or high spend) or ``"label"`` (a flat table's own column).
    task
        ``"binary"``, ``"multiclass"`` or ``"regression"``.
    column
        The outcome or label column it is read from.
    classes
        Class names by code; empty for a regression.
    positive
        Code of the class whose probability is the score; ``None`` for a regression, and for a label of
        more than two classes of which none was named.
    thresholds
        Spend (currency) at the tier quantiles 0.5 and 0.8 of the training rows; empty unless spend is
        what is predicted.
    class_spend
        Mean spend (currency) of each tier on the training rows; empty for other targets.
    """

    name: str
    task: str
    column: str
    classes: tuple[str, ...] = ()
    positive: int | None = None
    thresholds: tuple[float, ...] = ()
    class_spend: tuple[float, ...] = ()

    def labels(self, frame: pd.DataFrame) -> np.ndarray:
        """Class codes (int64) or amounts (float64), shape (n_rows,).

        Raises
        ------
        DataError
            If a row's outcome is not known yet, or its class was never seen in training.
        """
        if self.column not in frame:
            raise DataError(
                f"target {self.name}: the table has no column {self.column}. "
                "Take a user table with the same horizon and label as the model's."
            )
        values = frame[self.column]
        if values.isna().any():
            raise DataError(
                f"target {self.name}: {int(values.isna().sum())} of {len(values)} rows have no {self.column}; "
                "their horizon is not over. Leave those rows out, or wait until the orders reach its end."
            )
        if self.task == "regression":
            return values.to_numpy(np.float64)
        if self.name == "intent":
            return (values.to_numpy(np.float64) > 0).astype(np.int64)
        if self.name == "tier":
            return np.searchsorted(self.thresholds, values.to_numpy(np.float64), side="left")
        codes = pd.Index(self.classes).get_indexer(pd.Index(values.astype(str)))
        if (codes < 0).any():
            unseen = int((codes < 0).sum())
            raise DataError(
                f"{self.column}: {unseen} rows have a class that the training rows lack; allowed are "
                f"{', '.join(self.classes[:10])}. Add training rows of that class or leave the rows out."
            )
        return codes.astype(np.int64)

    def to_dict(self) -> dict[str, Any]:
        """Give what :meth:`from_dict` reads."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Target:
        """Build from what ``json.load`` gives."""
        tuples = {name: tuple(values[name]) for name in ("classes", "thresholds", "class_spend")}
        return cls(**{**values, **tuples})


def fit_target(name: str, table: UserTable, rows: np.ndarray, positive: str = "auto") -> Target:
    """Learn classes, thresholds and class means from the training rows alone.

    Parameters
    ----------
    name
        One of ``TARGETS``; ``"auto"`` is ``"label"`` for a flat table and ``"tier"`` for a panel.
    rows
        Positions of the training rows, shape (n,).
    positive
        Class whose probability is the score; ``"auto"`` takes ``high`` of the tiers and the last in sorted
        order of two (``1`` of 0 and 1), and none of a label with more classes.

    Raises
    ------
    DataError
        If the target does not fit the table, or the training rows hold a single class.
    """
    if name not in TARGETS:
        raise DataError(f"target: got {name!r}; allowed are {', '.join(TARGETS)}. Set one of them.")
    flat = table.meta.kind == "flat"
    name = ("label" if flat else "tier") if name == "auto" else name
    if flat != (name == "label"):
        allowed = "label" if flat else "intent, spend, tier"
        raise DataError(f"target: got {name!r} for a {table.meta.kind} user table; allowed are auto, {allowed}.")
    frame = table.frame.iloc[rows]
    target = _label_target(table, frame) if flat else _outcome_target(name, table, frame)
    target = _with_positive(target, positive)
    _check_classes(target, target.labels(frame))
    return target


def _label_target(table: UserTable, frame: pd.DataFrame) -> Target:
    column = str(table.meta.label)
    if table.meta.task == "regression":
        return Target("label", "regression", column)
    classes = sorted(frame[column].astype(str).unique(), key=_class_order)
    return Target("label", str(table.meta.task), column, classes=tuple(classes))


def _class_order(name: str) -> tuple[int, float, str]:
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name


def _outcome_target(name: str, table: UserTable, frame: pd.DataFrame) -> Target:
    spend, orders = str(table.meta.spend_outcome), str(table.meta.orders_outcome)
    if name == "intent":
        return Target("intent", "binary", orders, classes=("no", "yes"))
    amounts = frame[spend].to_numpy(np.float64)
    thresholds = tuple(float(q) for q in np.quantile(amounts, TIER_QUANTILES))
    if name == "spend":
        return Target("spend", "regression", spend, thresholds=thresholds)
    if not thresholds[0] < thresholds[1]:
        raise DataError(
            f"target tier: the training rows' spend quantiles {TIER_QUANTILES} are {thresholds}; they must rise. "
            "Too few users buy within the horizon: lengthen the horizon or use target=intent."
        )
    target = Target("tier", "multiclass", spend, classes=TIERS, thresholds=thresholds)
    codes = target.labels(frame)
    means = tuple(float(amounts[codes == code].mean()) for code in range(len(TIERS)))
    return replace(target, class_spend=means)


def _with_positive(target: Target, positive: str) -> Target:
    if target.task == "regression":
        return target
    if positive == "auto":
        named = target.name == "tier" or len(target.classes) == 2
        return replace(target, positive=len(target.classes) - 1 if named else None)
    if positive not in target.classes:
        raise DataError(
            f"positive: got {positive!r}; allowed are auto, {', '.join(target.classes[:10])}. Name one of the classes."
        )
    return replace(target, positive=target.classes.index(positive))


def _check_classes(target: Target, labels: np.ndarray) -> None:
    if target.task == "regression":
        if np.ptp(labels) == 0:
            raise DataError(
                f"{target.column}: every training row has the value {labels[0]:g}; a target must vary. "
                "Check the label column or widen the training period."
            )
        return
    if len(np.unique(labels)) < 2:
        only = target.classes[int(labels[0])]
        raise DataError(
            f"{target.column}: a single class ({only}) in the {len(labels)} training rows; at least two are needed. "
            "Check the label column, lengthen the horizon or use another target."
        )
