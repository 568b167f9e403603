"""Targets: what a model learns to predict from a user table."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.snapshot.target_choice import (
    CLASSES,
    INTENT,
    LABEL,
    ORDERS,
    SPEND,
    THREE_TIERS,
    TIER,
    Choice,
    choose_target,
    tier_form,
    tier_thresholds,
)
from purchasing_power.snapshot.user_table import UserTable


@dataclass(frozen=True)
class Target:
    """A target with everything that was learned from the training rows.

    Attributes
    ----------
    name
        ``"intent"`` (buys at all in the horizon), ``"spend"`` (amount in the horizon), ``"orders"`` (their number in
        the horizon), ``"tier"`` (low, middle or high spend, or none) or ``"label"`` (a flat table's own column).
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
        Spend (currency) up to which a row is in each tier but the last: at the quantiles 0.5 and 0.8 of the training
        rows, or 0 and those quantiles of the rows with spend. Of the target ``spend`` the former, where the tiers of
        its rows are three; empty for other targets.
    class_spend, class_share
        Mean spend (currency) of each tier on the training rows, and its share of them; empty for other targets, and
        the share in a model of an earlier version.
    why
        Why this target was taken, in a sentence; empty where nothing was to be chosen.
    """

    name: str
    task: str
    column: str
    classes: tuple[str, ...] = ()
    positive: int | None = None
    thresholds: tuple[float, ...] = ()
    class_spend: tuple[float, ...] = ()
    class_share: tuple[float, ...] = ()
    why: str = ""

    @property
    def full_name(self) -> str:
        """The name with the form of the tiers, by which the same target can be asked for."""
        if self.name != TIER:
            return self.name
        return next(form for form, classes in CLASSES.items() if classes == self.classes)

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
        if self.name == INTENT:
            return (values.to_numpy(np.float64) > 0).astype(np.int64)
        if self.name == TIER:
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
        names = ("classes", "thresholds", "class_spend", "class_share")
        tuples = {name: tuple(values[name]) for name in names if name in values}
        return cls(**{**values, **tuples})


def fit_target(name: str | Choice, table: UserTable, rows: np.ndarray, positive: str = "auto") -> Target:
    """Learn classes, thresholds and class means from the training rows alone.

    Parameters
    ----------
    name
        What :func:`choose_target` gave, or what it takes: then the choice rests on these rows alone.
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
    choice = name if isinstance(name, Choice) else choose_target(name, table, rows)
    frame = table.frame.iloc[rows]
    target = _label_target(table, frame) if choice.name == LABEL else _outcome_target(choice, table, frame)
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


def _outcome_target(choice: Choice, table: UserTable, frame: pd.DataFrame) -> Target:
    column, why = str(table.meta.orders_outcome), choice.why
    if choice.name == INTENT:
        return Target(INTENT, "binary", column, classes=("no", "yes"), why=why)
    if choice.name == ORDERS:
        return Target(ORDERS, "regression", column, why=why)
    column = str(table.meta.spend_outcome)
    amounts = frame[column].to_numpy(np.float64)
    if choice.name == SPEND:
        # Where half of the rows spend nothing every predicted amount would lie above the quantiles.
        cuts = tier_thresholds(THREE_TIERS, amounts) if tier_form(amounts) == THREE_TIERS else ()
        return Target(SPEND, "regression", column, thresholds=cuts, why=why)
    classes, cuts = CLASSES[choice.name], tier_thresholds(choice.name, amounts)
    target = Target(TIER, "multiclass", column, classes=classes, thresholds=cuts, why=why)
    codes = target.labels(frame)
    held = [codes == code for code in range(len(classes))]
    means, shares = (float(amounts[rows].mean()) for rows in held), (float(rows.mean()) for rows in held)
    return replace(target, class_spend=tuple(means), class_share=tuple(shares))


def _with_positive(target: Target, positive: str) -> Target:
    if target.task == "regression":
        return target
    if positive == "auto":
        named = target.name == TIER or len(target.classes) == 2
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
                "Name another column with -P label=COLUMN, or take an earlier first_cutoff."
            )
        return
    if len(np.unique(labels)) < 2:
        only = target.classes[int(labels[0])]
        raise DataError(
            f"{target.column}: a single class ({only}) in the {len(labels)} training rows; at least two are needed. "
            "Check the label column, lengthen the horizon or use another target."
        )
