"""A feature: one named aggregate over a block's rows, written once as an Ibis expression."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

import ibis.expr.types as ir

from purchasing_power.snapshot.history import History
from purchasing_power.snapshot.plan import Plan


@dataclass(frozen=True)
class Feature:
    """One column of the user table.

    Attributes
    ----------
    name
        Column name; it carries the unit or the window.
    unit
        Unit of the values, such as ``"orders"``, ``"currency"``, ``"days"`` or ``"share"``.
    meaning
        One sentence for a reader who has not seen the code.
    chinese_name
        What the column is, in Chinese, as pages and reasons name it.
    expression
        Aggregate over a block's rows; the rows of one user at one cutoff make one value.
    empty
        Value for a user without such rows: 0 for counts and sums, NaN where nothing can be said.
    of_amounts
        Whether the value rests on amounts of orders though its unit is not currency.
    """

    name: str
    unit: str
    meaning: str
    chinese_name: str
    expression: Callable[[ir.Table], ir.Value]
    empty: float = math.nan
    of_amounts: bool = False

    @property
    def needs_amounts(self) -> bool:
        """Whether a shop whose orders have no amounts lacks the feature."""
        return self.of_amounts or self.unit.startswith("currency")


@dataclass(frozen=True)
class Block:
    """Features that share their rows.

    Attributes
    ----------
    name
        Name in ``UserTableMeta.blocks``.
    needs
        What switches the block on: tables (``"events"``) and columns (``"orders.store_id"``).
    rows
        Makes rows with columns ``user``, ``cutoff`` and, where time matters, ``age_days``.
    features
        The features, given what was fixed before the first cutoff; :meth:`columns` are those that the shop can have.
    """

    name: str
    needs: tuple[str, ...]
    rows: Callable[[History], ir.Table]
    features: Callable[[Plan], list[Feature]]

    def columns(self, plan: Plan) -> list[Feature]:
        """The features, without those of money where orders have no amounts."""
        return [each for each in self.features(plan) if plan.amounts or not each.needs_amounts]

    def missing(self, tables: dict[str, ir.Table]) -> str | None:
        """Reason why the block is off, or ``None``."""
        for need in self.needs:
            table, _, column = need.partition(".")
            if table not in tables:
                return f"off: no {table} table"
            if column and column not in tables[table].columns:
                return f"off: {table} has no {column} column"
        return None


def slugs(values: Sequence[str]) -> list[str]:
    """Lower-case name parts for values, letters of any script kept, made distinct by a number.

    A value keeps its own part before another one gets it by its number: ``a_2`` stays ``a_2`` beside two ``a``.
    """
    parts = [re.sub(r"\W+", "_", value.lower()).strip("_") or "other" for value in values]
    bases: set[str] = set(parts)
    names: list[str] = []
    for place, part in enumerate(parts):
        numbered = (f"{part}_{number}" for number in count(2))
        repeated = part in parts[:place]
        names.append(next(name for name in numbered if name not in bases.union(names)) if repeated else part)
    return names
