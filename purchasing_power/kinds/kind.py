"""The contract of a kind of model: what the steps and the monitoring jobs ask of it, and nothing else.

A kind states six facts: its unit; how units are held out; its figures and the baseline to beat; its own checks at the
gate; what answers its requests; which columns are watched, and which outcome matures when. Registering, gates, ledger,
serving, drift, retraining and rollback are the same for all kinds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import pandas as pd

from purchasing_power import page
from purchasing_power.errors import DataError
from purchasing_power.evaluation.bootstrap import Comparison, Interval, Measure, Resampling, metric_name
from purchasing_power.evaluation.holdout import Constants, Predictions
from purchasing_power.gates.staging import GatePolicy, OwnEvidence
from purchasing_power.model.protocol import Model, Table

ONLINE, BATCH = "online", "batch"


@dataclass(frozen=True)
class FitOptions:
    """What a training run is asked for.

    Attributes
    ----------
    params
        JSON file of the model's parameters; ``None`` for the kind's defaults.
    target, positive
        What to predict, for a kind that leaves a choice.
    folds
        Folds of the cross-validation that is logged beside the model; 0 leaves it out.
    workspace
        Folder of caches and checkpoints.
    """

    params: Path | None
    target: str
    positive: str
    folds: int
    seed: int
    workspace: Path


class FitLog(Protocol):
    """What a training run tells while it is at work."""

    def params(self, values: Mapping[str, object]) -> None:
        """The resolved parameters of the model, by name."""

    def metric(self, name: str, value: float, step: int = 0) -> None:
        """A figure, such as a loss at a step."""

    def part(self) -> None:
        """One part of the work is done."""


@dataclass(frozen=True)
class GateCase:
    """What a kind's own checks may look at, beside the figure that the gate compares.

    Attributes
    ----------
    champion, champion_outputs
        The model in production, and what it computes for the rows; ``None`` for the first version.
    predictions
        What the challenger says of the rows; ``None`` for a kind without labels.
    slice_users
        Fewest users of a slice.
    """

    challenger: Any
    champion: Any
    rows: Any
    predictions: Any
    champion_outputs: Any
    metric: str
    slice_users: int
    resampling: Resampling


@dataclass(frozen=True)
class Evaluated:
    """A model on held-out rows: what its evaluation report is made of.

    Attributes
    ----------
    rows
        The held-out rows.
    figures
        Every figure of ``"model"`` and of each baseline, by name.
    intervals
        Bootstrap intervals of the model's figures, by name, of those that have one.
    against_baseline
        Paired comparison of the first figure with the baseline.
    """

    model: Any
    rows: Any
    predictions: Predictions
    figures: Mapping[str, Mapping[str, float]]
    intervals: Mapping[str, Interval]
    against_baseline: Comparison


class Kind(ABC):
    """A kind of model.

    Attributes
    ----------
    name
        As the registry and ``bundle.json`` have it.
    unit
        What a row of its table is, such as ``"user × cutoff"``.
    holdout
        How units are held out, in words: forward in time, or by user.
    outcome
        Which outcome matures when, in words.
    baseline_name
        What a model must beat, in words.
    group
        Column whose rows depend on one another: the bootstrap draws them together, drift counts them once.
    responder
        Module whose function ``open_responder`` answers requests in a worker, which imports nothing else of the kind;
        ``None`` for a kind that is scored in batch.
    retraining
        Entry points that a retraining runs.
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    holdout: ClassVar[str]
    outcome: ClassVar[str]
    baseline_name: ClassVar[str] = "the naive baseline"
    group: ClassVar[str] = "user_id"
    responder: ClassVar[str | None] = None
    retraining: ClassVar[tuple[str, ...]] = ("train", "evaluate", "promote")

    @property
    def serving(self) -> str:
        """``"online"``, or ``"batch"`` for a kind whose predictions come from ``score`` alone."""
        return BATCH if self.responder is None else ONLINE

    # The table and the model.

    @abstractmethod
    def read(self, folder: Path) -> Table:
        """Read the table that a step is given."""

    @abstractmethod
    def fit(self, table: Any, options: FitOptions, log: FitLog) -> Model:
        """Train a model on the rows that the split does not hold out."""

    @abstractmethod
    def save(self, model: Any, folder: Path, table: Any, options: FitOptions) -> Path:
        """Write the bundle: whole or not at all, without pickle."""

    @abstractmethod
    def load(self, folder: Path) -> Any:
        """Read what :meth:`save` wrote; nothing in it is run and nothing is downloaded."""

    def requirements(self, model: Any) -> tuple[str, ...]:
        """Packages that a worker needs besides the common ones."""
        return ()

    def description(self, model: Any) -> dict[str, str]:
        """How a model was made, for the top of its report: name to value."""
        return {"Kind": self.name, "Unit": self.unit, "Features": str(len(model.meta.features))}

    def tags(self, model: Any) -> dict[str, str]:
        """What a version is tagged with besides the common tags."""
        return {}

    # Held-out rows and figures.

    @abstractmethod
    def test_rows(self, table: Any, seed: int) -> np.ndarray:
        """Positions of the rows that the split holds out."""

    @abstractmethod
    def known_outcomes(self, table: Any) -> np.ndarray:
        """Positions of the rows whose outcome is known."""

    @abstractmethod
    def keys(self, table: Any) -> np.ndarray:
        """A uint64 for each row, equal for the same unit."""

    @abstractmethod
    def metrics(self, model: Any) -> tuple[str, ...]:
        """Names of the figures, the one that models are chosen by first; none for a kind without labels."""

    @abstractmethod
    def predictions(self, model: Any, rows: Any, constants: Constants) -> Predictions:
        """Predict rows of known outcome, and let the baselines predict them that need no training rows."""

    @abstractmethod
    def measure(self, model: Any, metric: str, predictions: Predictions) -> Measure:
        """A figure of the model as a function of row weights."""

    @abstractmethod
    def baseline(self, model: Any, metric: str, predictions: Predictions) -> Measure:
        """The same figure of the baseline that a model must beat."""

    def constants(self, model: Any, table: Any) -> dict[str, np.ndarray]:
        """What the training rows alone say of anyone, by name of the baseline; each of shape (1, …)."""
        return {}

    def check_table(self, model: Any, table: Any) -> None:
        """Refuse, by a DataError, a table that is not of the kind that the model was trained on."""
        missing = [name for name in model.meta.features if name not in table.frame]
        if missing:
            raise DataError(
                f"{self.name}: {len(missing)} columns are missing ({', '.join(missing[:10])}); the model needs all "
                f"{len(model.meta.features)} of its features. Give a table that has them."
            )

    def check_metric(self, model: Any, metric: str) -> None:
        """Refuse, by a DataError, a metric that the model has no figure of."""
        if metric not in self.metrics(model):
            raise DataError(
                f"metric: got {metric!r}; allowed are auto, {', '.join(self.metrics(model))}. Set one of them."
            )

    def fitted_baselines(self, model: Any, table: Any, rows: Any) -> dict[str, np.ndarray]:
        """Further baselines of the evaluation report, fitted on the training rows in ``table``."""
        return {}

    def figures(self, model: Any, predictions: Predictions) -> dict[str, dict[str, float]]:
        """Every figure on held-out rows, of ``"model"`` and of each baseline, by name."""
        once = np.ones((1, len(predictions.y)))
        pairs = {"model": self.measure, "naive": self.baseline}
        return {
            side: {name: float(of(model, name, predictions)(once)[0]) for name in self.metrics(model)}
            for side, of in pairs.items()
        }

    def report(self, title: str, made: Mapping[str, str], evaluated: Evaluated) -> str:
        """The evaluation report: one HTML page.

        Parameters
        ----------
        made
            How the version was made, name to value.
        """
        of_model, metrics = evaluated.figures["model"], self.metrics(evaluated.model)
        against = evaluated.against_baseline
        rows = [
            (
                metric_name(name),
                (_figure(of_model[name]), _interval(evaluated.intervals.get(name))),
                _figure(naive),
            )
            for name, naive in ((name, evaluated.figures["naive"][name]) for name in metrics)
        ]
        facts = {
            "Rows tested": f"{len(evaluated.predictions.y):,}",
            "Unit": self.unit,
            "Held out": self.holdout,
        }
        return page.render(
            "purchasing_power.kinds",
            "evaluation.html.j2",
            title=title,
            headline=f"{metric_name(metrics[0])} {_figure(of_model[metrics[0]])}, {against.difference:+.3f} against "
            f"{self.baseline_name}.",
            lead=f"Interval of the difference: {against.low:+.3f} to {against.high:+.3f}. {self.outcome}",
            facts=facts,
            baseline=self.baseline_name.capitalize(),
            figures=rows,
            made=list(made.items()),
        )

    # The gate.

    def check_comparable(self, challenger: Any, champion: Any) -> None:
        """Refuse, by a DataError, to compare two models that predict different things."""
        first, second = self.metrics(challenger), self.metrics(champion)
        if first != second:
            raise DataError(
                f"promote: the version is judged by {', '.join(first)}, production by {', '.join(second)}; they cannot "
                "be compared. Train under another registered model (-P model=NAME)."
            )

    def own_evidence(self, case: GateCase, policy: GatePolicy) -> OwnEvidence:
        """What the kind looks at besides its figure; a kind without labels gates by its own checks alone."""
        return OwnEvidence()

    # Requests.

    @abstractmethod
    def example(self, model: Any, table: Any) -> pd.DataFrame:
        """One row, invented from the training rows, that a version carries as its example request."""

    def requests(self, model: Any, rows: Any) -> list[dict[str, Any]]:
        """Rows of a table as requests hold them; null for what is missing."""
        names = [name for name in (self.group, *model.meta.features) if name in rows.frame]
        plain = rows.frame[names].astype(object).where(rows.frame[names].notna(), None)
        return list(plain.to_dict("records"))


def _figure(value: float) -> str:
    return f"{value:.4f}" if np.isfinite(value) else "–"


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.low:.4f} to {interval.high:.4f}"
