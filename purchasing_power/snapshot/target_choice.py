"""Which target a user table can carry, and why: decided once, on its training rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from purchasing_power.errors import DataError
from purchasing_power.snapshot.user_table import UserTable

AUTO, INTENT, SPEND, ORDERS, LABEL = "auto", "intent", "spend", "orders", "label"
# Tiers by the rule of `tier_form`, and either form of them by name.
TIER, THREE_TIERS, FOUR_TIERS = "tier", "three_tiers", "four_tiers"
TARGETS = (AUTO, INTENT, SPEND, ORDERS, TIER, THREE_TIERS, FOUR_TIERS, LABEL)
OF_MONEY = (SPEND, TIER, THREE_TIERS, FOUR_TIERS)
TIERS = ("low", "middle", "high")
CLASSES = {THREE_TIERS: TIERS, FOUR_TIERS: ("none", *TIERS)}
TIER_QUANTILES = (0.5, 0.8)
# What auto tries, in this order.
LADDER = (THREE_TIERS, FOUR_TIERS, INTENT, SPEND, ORDERS)
# Fewest rows of each class that auto asks of the training rows and of the calibration rows.
LEAST_ROWS = {FOUR_TIERS: (50, 10), INTENT: (10, 1)}


@dataclass(frozen=True)
class Outcomes:
    """What happened in the horizon: spend (currency; ``None`` without amounts) and orders, each of shape (n_rows,)."""

    spend: np.ndarray | None
    orders: np.ndarray


@dataclass(frozen=True)
class Choice:
    """A target by its full name (one of ``TARGETS`` but ``auto`` and ``tier``), and why it was taken, in a sentence."""

    name: str
    why: str = ""


def choose_target(asked: str, table: UserTable, rows: np.ndarray, later: np.ndarray | None = None) -> Choice:
    """The target that a table's training rows carry.

    Steps of one run choose on the same rows, so that they come to the same target; folds are given its full name.

    Parameters
    ----------
    asked
        One of ``TARGETS``, or several separated by commas, of which the first that the rows carry is taken.
        ``tier`` leaves the form to :func:`tier_form`. ``auto`` is ``label`` for a flat table; of a panel it is the
        first of ``LADDER`` that the rows carry: tiers of all users; tiers of those who buy, each class of which
        needs 50 training rows and 10 calibration rows; whether a user buys, with 10 rows and 1 row of either class;
        spend; orders.
    rows, later
        Positions of the training rows, and of the calibration rows where they matter.

    Raises
    ------
    DataError
        If a name is unknown or does not fit the table, or the rows carry none of what is asked for.
    """
    names = [name.strip() for name in asked.split(",")]
    flat = table.meta.kind == "flat"
    for name in names:
        _check_name(name, table.meta.kind)
    if flat:
        return Choice(LABEL)
    if not len(rows):
        raise DataError("target: got 0 training rows; some are needed. Take an earlier first_cutoff.")
    case = _Case(
        outcomes_of(table, rows),
        outcomes_of(table, np.empty(0, np.int64) if later is None else later),
        int(table.meta.horizon_days or 0),
        table.meta.suited_horizon,
    )
    if names == [AUTO]:
        return _first_of_ladder(case)
    return _first_asked(names, case)


def outcomes_of(table: UserTable, rows: np.ndarray) -> Outcomes:
    """What happened in the horizon of some rows."""
    frame, meta = table.frame, table.meta
    spend = None if meta.spend_outcome is None else frame[meta.spend_outcome].to_numpy(np.float64)[rows]
    return Outcomes(spend, frame[str(meta.orders_outcome)].to_numpy(np.float64)[rows])


def tier_form(spend: np.ndarray) -> str:
    """Which form tiers take: three, or four where half of the rows or more spend nothing.

    Three tiers are cut at the quantiles 0.5 and 0.8 of all rows, so that they hold 50, 30 and 20 % of them; that
    takes a median above 0. With a median at 0 *low* would be those who spend nothing, up to four fifths of all, and
    *middle* what is left of its 30 %: then ``none`` are the rows without spend, and the same quantiles of the other
    rows cut low, middle and high. So it is, too, where so many rows spend the same that the two quantiles coincide.
    """
    low, high = np.quantile(spend, TIER_QUANTILES)
    return THREE_TIERS if 0 < low < high else FOUR_TIERS


def tier_thresholds(form: str, spend: np.ndarray) -> tuple[float, ...]:
    """Spend (currency) up to which a row is in each tier but the last; empty where nobody spends anything."""
    amounts = spend if form == THREE_TIERS else spend[spend > 0]
    if not len(amounts):
        return ()
    cuts = tuple(float(one) for one in np.quantile(amounts, TIER_QUANTILES))
    return cuts if form == THREE_TIERS else (0.0, *cuts)


@dataclass(frozen=True)
class _Case:
    """Outcomes of training and calibration rows, the horizon, and the one that suits the orders, days."""

    train: Outcomes
    later: Outcomes
    horizon: int
    suited: int | None

    @property
    def no_money(self) -> str:
        """Why nothing can be said of money; empty where it can."""
        if self.train.spend is None:
            return "the orders have no amounts"
        buyers = int((self.train.orders > 0).sum())
        if buyers and not self.train.spend.any():
            return f"all amounts are 0: none of {buyers:,} training rows with an order has spend other than 0"
        return ""

    @property
    def seen(self) -> str:
        """Share of the training rows that buy and median orders, in words."""
        orders = self.train.orders
        median = float(np.median(orders))
        return (
            f"{np.mean(orders > 0):.1%} of the {len(orders):,} training rows have an order in the {self.horizon} days "
            f"after the cutoff, at the median {median:g}"
        )

    @property
    def remedy(self) -> str:
        """What most likely helps."""
        buys = float(np.mean(self.train.orders > 0))
        if not 0 < buys < 1:
            longer = buys == 0
            fits = self.suited is not None and (self.suited > self.horizon) == longer and self.suited != self.horizon
            days = self.suited if fits else "DAYS"
            return f"Take a {'longer' if longer else 'shorter'} horizon (-P horizon={days}; it is {self.horizon})."
        if self.no_money:
            return "Set target=intent, or bring in the amounts (orders.amount)."
        return "Set target=auto, which takes what the rows carry, or take another horizon (-P horizon=DAYS)."


def _check_name(name: str, kind: str) -> None:
    if name not in TARGETS:
        raise DataError(f"target: got {name!r}; allowed are {', '.join(TARGETS)}. Set one of them.")
    if name != AUTO and (name == LABEL) != (kind == "flat"):
        allowed = LABEL if kind == "flat" else ", ".join(one for one in TARGETS if one not in (AUTO, LABEL))
        raise DataError(f"target: got {name!r} for a {kind} user table; allowed are auto, {allowed}. Set one of them.")


def _first_of_ladder(case: _Case) -> Choice:
    against: list[str] = []
    for name in LADDER:
        problem = _problem(name, case, auto=True)
        if not problem:
            return Choice(name, "; ".join([*against, _reason(name, case)]) + ".")
        # What rules out tiers rules out spend in the same words.
        if problem not in against:
            against.append(problem)
    raise DataError(f"target auto: {case.seen}; {'; '.join(against)}. {case.remedy}")


def _first_asked(names: list[str], case: _Case) -> Choice:
    problem = ""
    for name in names:
        if name == AUTO:
            return _first_of_ladder(case)
        form = tier_form(np.asarray(case.train.spend)) if name == TIER and not case.no_money else name
        problem = _problem(form, case, auto=False)
        if not problem:
            return Choice(form, f"{_reason(form, case)}.")
    raise DataError(f"target {', '.join(names)}: {problem}; {case.seen}. {case.remedy}")


def _problem(name: str, case: _Case, auto: bool) -> str:
    """Why the rows do not carry a target; empty where they do. ``auto`` asks for more than what can be fitted."""
    if name in OF_MONEY and case.no_money:
        return case.no_money
    least = LEAST_ROWS.get(name, (1, 0)) if auto else (1, 0)
    if name in CLASSES:
        spend = np.asarray(case.train.spend)
        cuts = tier_thresholds(name, spend)
        if auto and name == THREE_TIERS and tier_form(spend) != THREE_TIERS:
            return "the quantiles {} and {} of the spend of all rows are {:,.2f} and {:,.2f}".format(
                *TIER_QUANTILES, *cuts
            )
        return _too_few(CLASSES[name], lambda rows: np.searchsorted(cuts, np.asarray(rows.spend)), case, least)
    if name == INTENT:
        return _too_few(("no", "yes"), lambda rows: (rows.orders > 0).astype(np.int64), case, least)
    values = case.train.orders if name == ORDERS else np.asarray(case.train.spend)
    return "" if np.ptp(values) > 0 else f"all training rows have the same {name}"


def _too_few(
    classes: tuple[str, ...], codes: Callable[[Outcomes], np.ndarray], case: _Case, least: tuple[int, int]
) -> str:
    for rows, fewest, part in ((case.train, least[0], "training"), (case.later, least[1], "calibration")):
        counts = np.bincount(codes(rows), minlength=len(classes))
        if fewest and len(rows.orders) and counts.max() == len(rows.orders):
            return f"a single class ({classes[int(counts.argmax())]}) in the {len(rows.orders):,} {part} rows"
        if len(rows.orders) and counts.min() < fewest:
            return (
                f"of {', '.join(classes)}, {classes[int(counts.argmin())]} would hold {counts.min():,} of "
                f"{len(rows.orders):,} {part} rows, and at least {fewest} are needed"
            )
    return ""


def _reason(name: str, case: _Case) -> str:
    """What was seen that goes with a target."""
    if name not in CLASSES:
        return case.seen
    spend, quantiles = np.asarray(case.train.spend), " and ".join(map(str, TIER_QUANTILES))
    seen = (
        f"{np.mean(spend <= 0):.1%} of the {len(spend):,} training rows spend nothing in the {case.horizon} days "
        "after the cutoff"
    )
    if name == THREE_TIERS:
        return f"{seen}; the quantiles {quantiles} of all rows cut low, middle and high"
    return f"{seen} and are a tier of their own; the quantiles {quantiles} of the others cut low, middle and high"
