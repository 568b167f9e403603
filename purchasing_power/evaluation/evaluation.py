"""What an evaluation report is made of: figures, predictions and baselines on the same unseen rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from purchasing_power.errors import DataError
from purchasing_power.evaluation.bootstrap import Comparison, Interval
from purchasing_power.snapshot.target import Target


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
class Evaluation:
    """The material of one report. It holds no user id and no text of a user.

    Attributes
    ----------
    title
        Heading, such as the model's name and version.
    sought
        Whom or what the score finds, in plain words that fit after "finds 62 % of": "next month's top-fifth
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
        Class names by code and the code of the class sought; empty and ``None`` for a regression.
    drivers, driver_unit
        Columns that the score depends on, and the unit of their importance.
    effects
        By kind ("Words", "Categories"), what raises the score most first, what lowers it most last.
    naive_name
        What the naive baseline is, in plain words. A table whose naive score is a constant is better
        reported without ``"naive"``: the report then compares with chance.
    unit
        Unit of the amounts of a regression.
    """

    title: str
    sought: str
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

    def __post_init__(self) -> None:
        """Refuse parts that do not speak of the same rows."""
        lengths = {"y": len(self.y), "outputs": len(self.outputs)}
        lengths |= {name: len(score) for name, score in self.baselines.items()}
        if self.rows < 1 or set(lengths.values()) != {self.rows} or "model" not in self.metrics:
            raise DataError(
                f"evaluation: rows {self.rows}, lengths {lengths}, figures of {sorted(self.metrics)}; all "
                "must speak of the same rows, at least one, and figures of the model must be there. "
                "Score every part on one table."
            )

    @property
    def score(self) -> np.ndarray | None:
        """What the model ranks users by, shape (n,); ``None`` where no class is sought."""
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
        """What the ranking is to find in each row: the amount, or 1 for the class sought; shape (n,)."""
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


def sought(target: Target, horizon_days: int | None) -> str:
    """Whom the score finds, in words that follow "finds 62 % of"."""
    if target.name == "label":
        named = "" if target.positive is None else f" = {target.classes[target.positive]}"
        return f"{target.column}{named}" if target.classes else f"the total {target.column}"
    return {
        "tier": f"the top-fifth spenders of the next {horizon_days} days",
        "intent": f"those who buy in the next {horizon_days} days",
        "spend": f"the spend of the next {horizon_days} days",
    }[target.name]
