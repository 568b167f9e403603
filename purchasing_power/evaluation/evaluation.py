"""What an evaluation report is made of: figures, predictions and baselines on the same unseen rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from purchasing_power.errors import DataError
from purchasing_power.evaluation.bootstrap import Comparison, Interval
from purchasing_power.pages.page import share
from purchasing_power.snapshot.target import Target
from purchasing_power.snapshot.target_choice import INTENT, ORDERS, SPEND, TIER

FIFTH, ABOUT = 0.2, 0.025


@dataclass(frozen=True)
class Driver:
    """A feature's weight in the score with its interval, in the unit ``Evaluation.driver_unit`` names."""

    feature: str
    importance: float
    low: float
    high: float
    meaning: str = ""


@dataclass(frozen=True)
class Effect:
    """What a category or a word adds to the score on average, with its interval, and how many rows have it."""

    name: str
    part: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class TierRow:
    """A tier of the target: the spend that it begins above and ends at (currency), and how many users it holds.

    Attributes
    ----------
    above, up_to
        ``None`` for the lowest and the highest tier.
    mean
        Mean spend of the training rows in it.
    trained
        Its share of the training rows, 0 to 1; ``None`` for a model of an earlier version.
    tested
        Its share of the tested rows.
    """

    name: str
    above: float | None
    up_to: float | None
    mean: float
    trained: float | None
    tested: float


@dataclass(frozen=True)
class Evaluation:
    """The material of one report. It holds no user id and no text of a user.

    Attributes
    ----------
    title
        Heading, such as the model's name and version.
    target_phrase
        Whom or what the score ranks first, in plain words that fit after "finds 62 % of": "next month's top-fifth
        spenders", or for a regression "the spend of the next 28 days".
    task
        ``"binary"``, ``"multiclass"`` or ``"regression"``.
    model
        How the model was made, name to value, shown as it is.
    trained, calibrated, tested
        Cutoffs (ISO dates) of each part; empty for a flat table.
    rows, users
        Size of the tested rows.
    metrics
        Figures by name for ``"model"`` and, as far as they are there, ``"naive"`` and ``"rfm"``.
    y
        Class codes or amounts, shape (n,).
    outputs
        Class probabilities (n, classes), or predicted amounts (n,).
    baselines
        Score of each baseline in ``metrics`` by which it ranks users, shape (n,).
    intervals
        Bootstrap intervals of the model's figures, by the name of the figure.
    against_naive
        Paired comparison with the naive baseline.
    classes, positive
        Class names by code and the code of the positive one; empty and ``None`` for a regression.
    drivers, driver_unit
        Columns that the score depends on, and the unit of their importance.
    effects
        By kind ("Words", "Categories"), what raises the score most first, what lowers it most last.
    naive_name
        What the naive baseline is, in plain words. A table whose naive score is a constant is better
        reported without ``"naive"``: the report then compares with chance.
    unit
        Unit of the amounts of a regression.
    warnings
        What must be known before a figure is believed, such as columns that tell the outcome; shown on top.
    population
        Whose rows they are, in words; empty where that is not known.
    target, tiers
        What is predicted and why, in a sentence, and the tiers of that target, the lowest first; empty for others.
    """

    title: str
    target_phrase: str
    task: str
    model: Mapping[str, str]
    rows: int
    users: int
    metrics: Mapping[str, Mapping[str, float]]
    y: np.ndarray
    outputs: np.ndarray
    baselines: Mapping[str, np.ndarray]
    trained: tuple[str, ...] = ()
    calibrated: tuple[str, ...] = ()
    tested: tuple[str, ...] = ()
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    against_naive: Comparison | None = None
    classes: tuple[str, ...] = ()
    positive: int | None = None
    drivers: tuple[Driver, ...] = ()
    driver_unit: str = "importance"
    effects: Mapping[str, tuple[Effect, ...]] = field(default_factory=dict)
    naive_name: str = "last month's spend"
    unit: str = "currency"
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    population: str = ""
    target: str = ""
    tiers: tuple[TierRow, ...] = ()

    def __post_init__(self) -> None:
        """Refuse parts that are not about the same rows."""
        lengths = {"y": len(self.y), "outputs": len(self.outputs)}
        lengths |= {name: len(score) for name, score in self.baselines.items()}
        if self.rows < 1 or set(lengths.values()) != {self.rows} or "model" not in self.metrics:
            raise DataError(
                f"evaluation: rows {self.rows}, lengths {lengths}, figures of {sorted(self.metrics)}; all "
                "must be about the same rows, at least one, and figures of the model must be there. "
                "Score every part on one table."
            )

    @property
    def score(self) -> np.ndarray | None:
        """What the model ranks users by, shape (n,); ``None`` where no class is positive."""
        if self.task == "regression":
            return self.outputs
        return None if self.positive is None else self.outputs[:, self.positive]

    @property
    def rankings(self) -> dict[str, np.ndarray]:
        """The score of the model and of each baseline that has figures, each of shape (n,)."""
        scores = {**self.baselines, "model": self.score}
        known = {name: scores.get(name) for name in self.names}
        return {name: np.asarray(score, np.float64) for name, score in known.items() if score is not None}

    @property
    def value(self) -> np.ndarray:
        """What the ranking puts first: the amount of each row, or 1 for the positive class; shape (n,)."""
        return self.y if self.task == "regression" else (self.y == self.positive).astype(np.float64)

    @property
    def counted(self) -> str:
        """What a row is: a user, unless users stand at several tested cutoffs."""
        return "users" if self.rows == self.users else "rows"

    @property
    def names(self) -> dict[str, str]:
        """What readers call the model and each baseline that has figures."""
        naive = self.naive_name[:1].upper() + self.naive_name[1:]
        names = {"model": "This model", "naive": naive, "rfm": "Recency-frequency-money"}
        return {key: name for key, name in names.items() if key in self.metrics}


def target_phrase(target: Target, horizon_days: int | None, tested: float | None = None) -> str:
    """Whom the score ranks first, in words that follow "finds 62 % of".

    Parameters
    ----------
    tested
        Share of the tested rows in the positive class, 0 to 1: high spenders are called the top fifth where they are
        about a fifth of them, 17.5 to 22.5 %, and named with their share elsewhere.
    """
    if target.name == "label":
        named = "" if target.positive is None else f" = {target.classes[target.positive]}"
        return f"{target.column}{named}" if target.classes else f"the total {target.column}"
    return {
        TIER: _high_spenders(horizon_days, tested),
        INTENT: f"those who buy in the next {horizon_days} days",
        SPEND: f"the spend of the next {horizon_days} days",
        ORDERS: f"the orders of the next {horizon_days} days",
    }[target.name]


def tier_rows(target: Target, y: np.ndarray) -> tuple[TierRow, ...]:
    """The tiers of a target, the lowest first; none of another target.

    Parameters
    ----------
    y
        Class codes of the tested rows, shape (n,).
    """
    if target.name != TIER:
        return ()
    cuts = (None, *target.thresholds, None)
    shares = target.class_share or (None,) * len(target.classes)
    return tuple(
        TierRow(name, cuts[code], cuts[code + 1], target.class_spend[code], shares[code], float(np.mean(y == code)))
        for code, name in enumerate(target.classes)
    )


def _high_spenders(horizon_days: int | None, tested: float | None) -> str:
    if tested is None or abs(tested - FIFTH) <= ABOUT:
        return f"the top-fifth spenders of the next {horizon_days} days"
    # Few are told to a tenth of a percent.
    said = share(tested, 0 if tested >= 0.1 else 1)
    return f"the high spenders of the next {horizon_days} days ({said} of those tested)"
