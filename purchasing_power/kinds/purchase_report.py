"""The evaluation report of a purchase model: what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from purchasing_power.evaluation.baselines import naive_name
from purchasing_power.evaluation.evaluation import Evaluation, target_phrase, tier_rows
from purchasing_power.explain.model_explanation import explain_model
from purchasing_power.kinds.case import Evaluated
from purchasing_power.model.predictions import ranking_score
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.snapshot.target import Target
from purchasing_power.snapshot.target_choice import ORDERS
from purchasing_power.snapshot.user_table import CUTOFF, UserTable

NAIVE, PRIOR, RFM = "naive", "prior", "rfm"
POPULATIONS = {"active": "active users", "known": "known users"}
# Of more classes the number alone is given.
MOST_NAMED = 10


def material(title: str, made: Mapping[str, str], evaluated: Evaluated) -> Evaluation:
    """Figures, predictions, the target and what drives the score, for the evaluation report."""
    model, explained = evaluated.model, explain_model(evaluated.model, evaluated.rows.frame)
    return replace(
        _figures(title, made, evaluated),
        trained=model.training.cutoffs,
        calibrated=model.training.calibration_cutoffs,
        tested=_cutoffs(evaluated.rows),
        drivers=explained.drivers,
        driver_unit="Mean size of its part of the score",
        effects={"Words": explained.words, "Categories": explained.categories},
        notes=_notes(model),
        warnings=_warnings(model),
        population=POPULATIONS.get(str(model.meta.settings.get("population")), ""),
        target=_target_words(model.target),
        tiers=tier_rows(model.target, evaluated.predictions.y),
    )


def _figures(title: str, made: Mapping[str, str], evaluated: Evaluated) -> Evaluation:
    model, predictions = evaluated.model, evaluated.predictions
    target, naive = model.target, predictions.baseline(NAIVE)
    # A naive score that ranks nobody is chance; the report then says so by itself.
    named = [name for name in evaluated.figures if name != NAIVE or np.ptp(naive) > 0]
    scores = {NAIVE: naive, RFM: ranking_score(target, predictions.baseline(RFM))}
    tested = None if target.positive is None else float(np.mean(predictions.y == target.positive))
    return Evaluation(
        title=title,
        target_phrase=target_phrase(target, model.meta.horizon_days, tested),
        task=target.task,
        model=made,
        rows=len(predictions.y),
        users=len(set(predictions.users)),
        metrics={name: evaluated.figures[name] for name in named},
        y=predictions.y,
        outputs=predictions.outputs,
        baselines={name: scores[name] for name in named if name in scores},
        intervals=evaluated.intervals,
        against_naive=evaluated.against_baseline if NAIVE in named else None,
        classes=target.classes,
        positive=target.positive,
        naive_name=naive_name(model.meta),
        unit="orders" if target.name == ORDERS else "currency",
    )


def predicted_words(target: Target) -> str:
    """A target with its classes, in words."""
    if len(target.classes) > MOST_NAMED:
        return f"{target.name} ({len(target.classes)} classes)"
    return f"{target.name} ({', '.join(target.classes)})" if target.classes else target.name


def _target_words(target: Target) -> str:
    return f"{predicted_words(target)}. {target.why[:1].upper()}{target.why[1:]}".strip()


def _notes(model: PurchasingModel) -> tuple[str, ...]:
    """What a figure rests on: unseen rows, whose they are, and what is known of the orders behind them."""
    population = model.meta.population_text
    unseen = "Neither the features, the model nor its calibration has seen the tested rows."
    return (unseen, *([] if population is None else [population]), *model.meta.notes)


def _warnings(model: PurchasingModel) -> tuple[str, ...]:
    """Columns that give the outcome away, and what else the table was warned of, in words."""
    settings = model.meta.settings
    return tuple(str(one) for name in ("leaks", "warnings") for one in settings.get(name, ()))


def _cutoffs(rows: UserTable) -> tuple[str, ...]:
    frame = rows.frame
    return tuple(f"{moment:%Y-%m-%d}" for moment in sorted(frame[CUTOFF].unique())) if CUTOFF in frame else ()
