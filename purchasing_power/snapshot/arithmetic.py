"""Aggregates for features that come out the same in whatever order an engine adds."""

from __future__ import annotations

from typing import Any

TICKS = 1_000_000.0
CENTS = 100.0


def total(column: Any, where: Any = None) -> Any:
    """Sum of a column, 0 over no rows.

    Values are counted in millionths first: sums of integers are exact, so threads cannot change a
    last bit and two builds have the same digest.
    """
    return (column.cast("float64") * TICKS).round().sum(where=where).fill_null(0) / TICKS


def ratio(above: Any, below: Any) -> Any:
    """Quotient, missing where the divisor is 0."""
    return above.cast("float64") / below.cast("float64").nullif(0.0)


def mean(column: Any, where: Any = None) -> Any:
    """Mean of a column's known values, missing where there is none."""
    return ratio(total(column, where), column.count(where=where))


def spread(column: Any, scale: float = CENTS) -> Any:
    """Sample standard deviation from exact sums of values rounded to 1/scale; missing below two values."""
    count = column.count().cast("float64")
    ticks = (column.cast("float64") * scale).round().cast("float64")
    first, second = ticks.sum(), (ticks * ticks).sum()
    variance = (second - first * first / count.nullif(0.0)) / (count - 1.0).nullif(0.0)
    return (variance < 0).ifelse(0.0, variance).sqrt() / scale


def growth(later: Any, earlier: Any) -> Any:
    """Natural logarithm of (later + 1) / (earlier + 1)."""
    return ((later.cast("float64") + 1.0) / (earlier.cast("float64") + 1.0)).ln()


def entropy(amount: Any, where: Any) -> Any:
    """Shannon entropy (nats) of the shares that amounts >= 0 have in their sum; missing where it is 0.

    With A the sum, H = ln A - (sum of a ln a) / A.
    """
    inside = (where & (amount > 0)).ifelse(amount, 1.0)
    everything = total(amount, where)
    return everything.nullif(0.0).ln() - ratio(total(inside * inside.ln()), everything)
