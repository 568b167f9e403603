"""The contract of a kind of model: what the steps and the monitoring jobs ask of it, and nothing else.

A kind states six facts: its unit; how units are held out; its figures and the baseline to beat; its own checks at the
gate; what answers its requests; which columns are watched, and which outcome matures when. Registering, gates, ledger,
serving, drift, retraining and rollback are the same for all kinds.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from purchasing_power.actions.campaign_list import CampaignList
from purchasing_power.errors import DataError
from purchasing_power.evaluation.bootstrap import Interval, metric_name
from purchasing_power.evaluation.holdout import Predictions
from purchasing_power.gates.staging import GatePolicy, OwnEvidence
from purchasing_power.kinds.case import Evaluated, FitLog, FitOptions, GateCase
from purchasing_power.model.protocol import Model, Table
from purchasing_power.pages.page import DASH, render_page
from purchasing_power.reference.kind import ReferenceKind
from purchasing_power.reference.rows import one_per_group
from purchasing_power.serving.batch.parts import FrameSource, RowSource

ONLINE, BATCH = "online", "batch"


class Kind(ReferenceKind):
    """A kind of model; how it is held out and measured, and what is watched, lies with what asks for it, in the bases.

    Attributes
    ----------
    unit
        What a row of its table is, such as ``"user × cutoff"``.
    holdout
        How units are held out, in words: forward in time, or by user.
    outcome
        Which outcome matures when, in words.
    baseline_name
        What a model must beat, in words.
    ids
        Columns that predictions of ``score`` are told apart by.
    responder
        Module whose function ``open_responder`` answers requests in a worker, which imports nothing else of the kind;
        ``None`` for a kind that is scored in batch.
    retraining
        Entry points that a retraining runs.
    """

    unit: ClassVar[str]
    holdout: ClassVar[str]
    outcome: ClassVar[str]
    baseline_name: ClassVar[str] = "the naive baseline"
    ids: ClassVar[tuple[str, ...]] = ("user_id",)
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
            (metric_name(name), (_figure(of_model[name]), _interval(evaluated.intervals.get(name))), _figure(naive))
            for name, naive in ((name, evaluated.figures["naive"][name]) for name in metrics)
        ]
        facts = {"Rows tested": f"{len(evaluated.predictions.y):,}", "Unit": self.unit, "Held out": self.holdout}
        return render_page(
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
                f"promote: the version is evaluated by {', '.join(first)}, production by {', '.join(second)}; they "
                "cannot be compared. Train under another registered model (-P model=NAME)."
            )

    def own_evidence(self, case: GateCase, policy: GatePolicy) -> OwnEvidence:
        """What the kind looks at besides its figure; a kind without labels gates by its own checks alone."""
        return OwnEvidence()

    # Requests.

    @abstractmethod
    def example(self, model: Any, table: Any) -> pd.DataFrame:
        """One row, invented from the training rows, that a version carries as its example request."""

    def rounding(self, model: Any) -> float:
        """Greatest difference that rounding makes between two predictions of a row, in the unit of the predictions.

        Another batch or number of threads adds numbers up in another order.
        """
        return 1e-6

    def requests(self, model: Any, rows: Any) -> list[dict[str, Any]]:
        """Rows of a table as requests hold them; null for what is missing."""
        names = [name for name in (self.group, *model.meta.features) if name in rows.frame]
        plain = rows.frame[names].astype(object).where(rows.frame[names].notna(), None)
        return list(plain.to_dict("records"))

    # Scoring in batch.

    def row_source(self, folder: Path) -> RowSource:
        """The table as ``score`` reads it; a kind whose tables do not fit in memory reads them in parts."""
        table = self.read(folder)
        return FrameSource(table.frame, table.digest())

    def scored_cutoff(self, rows: Any, cutoff: date | None) -> pd.Timestamp | None:
        """The moment whose rows are scored; ``None`` scores all."""
        return None

    def reasons(self, model: Any, frame: pd.DataFrame, most: int, language: str, seed: int) -> pd.DataFrame:
        """The strongest reasons of each row's score in words, as columns that are joined to the predictions."""
        raise DataError(f"reasons: got {most}; a {self.name} model gives no reasons. Set reasons=0.")

    # Drift and outcomes.

    def current_rows(self, model: Any, table: Any, cutoff: date | None, seed: int) -> Any:
        """The rows that a monitoring job compares: one of each group among those that the model has not learned from.

        Raises
        ------
        DataError
            If there are none.
        """
        new = model.unseen(table)
        if not len(new):
            raise DataError(
                f"monitor: got {len(table.frame)} rows, all of which the model was trained on; new rows are needed. "
                "Give a later table."
            )
        return one_per_group(table, new, self.group, seed)

    def moment(self, rows: Any) -> pd.Timestamp | None:
        """When a window of rows stands: its newest row; ``None`` without time."""
        moments = self.moments(rows)
        return None if moments is None else moments.max()

    def matures(self, table: Any, latest: pd.Timestamp | None = None) -> str:
        """When the outcome of the newest rows is known, in a sentence."""
        return self.outcome

    def probability(self, model: Any, outputs: np.ndarray) -> np.ndarray | None:
        """Calibrated probability of the outcome that is predicted, shape (n,); ``None`` where outputs are none."""
        return None

    def positives(self, model: Any, y: np.ndarray) -> np.ndarray:
        """Whether the outcome that is predicted came, 0 or 1, shape (n,); of a kind whose outputs are probabilities."""
        return y.astype(np.int64)

    def campaign(self, model: Any, table: Any, current: Any) -> CampaignList | None:
        """What drift does to the campaign list; ``None`` for a kind that makes none."""
        return None

    def retraining_parameters(self, model: Any, users: str, tables: str) -> dict[str, str]:
        """Parameters of the entry point ``retrain`` for a version like this one.

        Parameters
        ----------
        users, tables
            The table that a monitoring job looked at, and the checked tables that a snapshot is taken of.
        """
        return {"users": users}


def _figure(value: float) -> str:
    return f"{value:.4f}" if np.isfinite(value) else DASH


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.low:.4f} to {interval.high:.4f}"
