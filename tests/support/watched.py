"""Small models and comparisons that the monitoring tests share."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
from tables import changed, panel

from monitoring.drift.comparison import compare
from monitoring.evidence import DriftResult, detect
from monitoring.performance.results import Performance
from monitoring.policy.window_history import MonitoredWindow
from monitoring.reports.job_report import synthetic_samples
from purchasing_power.kinds.purchase import KIND
from purchasing_power.model.flat_params import model_params
from purchasing_power.model.purchasing_model import PurchasingModel, fit
from purchasing_power.model.splits import split
from purchasing_power.reference.columns import feature_columns, meanings, score_columns
from purchasing_power.reference.held_out import HeldOut
from purchasing_power.reference.measure import Reference, measure, sketches
from purchasing_power.reference.texts import known_terms, sampled_bag, text_block, user_vectors
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.user_table import CUTOFF, DOCUMENTS, UserTable, documents_array


def trained(table: UserTable, target: str = "auto") -> PurchasingModel:
    """A tiny model without text, fitted and calibrated as the train step does."""
    parts = split(table)
    params = model_params(representation="none", head="logistic")
    return fit(table, parts, fit_target(target, table, parts.train), params)


def next_month(table: UserTable, seed: int = 1, factor: float = 1.0) -> UserTable:
    """The panel with one more cutoff, and the outcome of what was its last one.

    Features of the new cutoff are those of the last, in another order; spend is multiplied by ``factor``.
    """
    rng = np.random.default_rng(seed)
    frame = table.frame.copy()
    last = frame[CUTOFF] == frame[CUTOFF].max()
    before = frame[frame[CUTOFF] == sorted(frame[CUTOFF].unique())[-2]]
    for name in ("spend_next_28d", "orders_next_28d"):
        frame.loc[last, name] = before[name].to_numpy()
    new = table.frame[last].iloc[rng.permutation(int(last.sum()))]
    new = new.assign(
        user_id=table.frame.loc[last, "user_id"].to_numpy(),
        cutoff=new[CUTOFF] + pd.Timedelta(days=28),
        spend_28d=new["spend_28d"] * factor,
        orders_28d=new["orders_28d"] * factor,
    )
    documents = pd.concat([frame["documents"], new["documents"]]).tolist()
    both = pd.concat([frame, new], ignore_index=True).drop(columns="documents")
    return UserTable(both.assign(documents=as_documents(documents)), table.meta)


def as_documents(lists: list[list[str]]) -> pd.Series:
    """A ``documents`` column of the given lists of texts."""
    known: dict[str, int] = {}
    codes = [known.setdefault(text, len(known)) for texts in lists for text in texts]
    offsets = np.concatenate([[0], np.cumsum([len(texts) for texts in lists])])
    return documents_array(offsets, np.array(codes), list(known))


@cache
def stored(users: int = 300) -> tuple[UserTable, PurchasingModel, Reference]:
    """A panel, a tiny model of it, and the model's reference statistics."""
    table = panel(users=users)
    model = trained(table)
    return table, model, measure(KIND, model, table, 0)


def drift_of(
    model: PurchasingModel, reference: Reference, current: UserTable, performance: Performance | None = None
) -> DriftResult:
    """What a job detects in the current rows of a model."""
    unknown = Performance((), "Nothing is known yet.", 0)
    return detect(compare(KIND, model, reference, current, 0), meanings(model.meta), performance or unknown, 0)


@cache
def drifted() -> DriftResult:
    """What a job detects where recency is lost and spend is nothing."""
    month, model = panel(users=1000, cutoffs=1), trained(panel())
    before, now = month.rows(np.arange(500)), month.rows(np.arange(500, 1000))
    gone = now.frame["days_since_order"].where(np.random.default_rng(0).random(500) > 0.3)
    return drift_of(model, of_sample(model, before), changed(now, days_since_order=gone, spend_28d=0.0))


def reported(window: MonitoredWindow | None = None, version: str = "") -> tuple[DriftResult, Any]:
    """The same, and Evidently's snapshot of it."""
    from monitoring.reports import evidently_report

    found = drifted()
    both, scores = found.comparison, found.comparison.reference.scores
    drawn = synthetic_samples({**both.reference.columns, **scores}, {**both.columns, **both.scores})
    return found, evidently_report.report(*drawn, found.evidence, found.scores, 0.3, window, version)


def of_sample(model: PurchasingModel, rows: UserTable) -> Reference:
    """Reference statistics of a sample of users, whatever the model was trained on."""
    return Reference(
        columns=sketches(feature_columns(rows.frame, model.meta)),
        scores=sketches(score_columns(model.predict(rows.frame))),
        users=len(rows.frame),
        score_users=len(rows.frame),
        cutoffs=(),
        cutoff_users=(),
        score_cutoffs=(),
        importance={name: 1 / len(model.meta.features) for name in model.meta.features},
        vectors=user_vectors(rows.frame, "user_id", partial(text_block, model), 0) if DOCUMENTS in rows.frame else None,
        terms=known_terms(sampled_bag(rows.frame, 0)) if DOCUMENTS in rows.frame else None,
        held_out=HeldOut({"prior": np.zeros(1)}),
    )
