"""What the gate to staging looks at: fresh figures of both versions on rows that neither has learned from."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from purchasing_power.evaluation.bootstrap import Resampling, compare_measures, replicates_for
from purchasing_power.evaluation.holdout import Predictions, evaluated
from purchasing_power.gates.decision import corrected_level
from purchasing_power.gates.staging import Advantage, GateEvidence, GatePolicy
from purchasing_power.kinds.case import GateCase
from purchasing_power.kinds.kind import Kind
from purchasing_power.model.protocol import Model, Table
from purchasing_power.shop.leaks import LEAKS
from steps.promotion.options import Options

# Timed on so many rows, so often in turn; the fastest of each counts.
TIMED_ROWS, ROUNDS = 200, 3
CHEAPER = 0.9


@dataclass(frozen=True)
class Models:
    """The version that asks to move up, and what is in production; ``None`` for the first version."""

    kind: Kind
    challenger: Any
    champion: Any

    @property
    def both(self) -> list[Any]:
        """The challenger, and the champion where there is one."""
        return [self.challenger] if self.champion is None else [self.challenger, self.champion]


def gather(options: Options, models: Models, table: Table, rows: Table, attempt: int) -> GateEvidence:
    """Figures of the challenger, the production version and the baseline on the same rows.

    Parameters
    ----------
    rows
        Rows of ``table`` that both versions are compared on, see ``evaluation.holdout.held_out``.
    attempt
        Number of the try against the version in production.
    """
    kind, challenger, champion = models.kind, models.challenger, models.champion
    metrics, resampling = kind.metrics(challenger), _resampling(options)
    metric = (metrics[0] if metrics else "") if options.metric == "auto" else options.metric
    if metrics:
        kind.check_metric(challenger, metric)
    evidence, predictions = _of_rows(options, models, table, rows, attempt), None
    outputs = None if champion is None else champion.outputs(rows.frame)
    if metrics:
        predictions = kind.predictions(challenger, rows, kind.constants(challenger, table))
        evidence = _with_figures(evidence, options, models, metric, predictions, outputs)
    case = GateCase(challenger, champion, rows, predictions, outputs, metric, options.slice_users, resampling)
    return replace(evidence, own=kind.own_evidence(case, gate_policy(options)))


def _of_rows(options: Options, models: Models, table: Table, rows: Table, attempt: int) -> GateEvidence:
    """What is known of the rows before a model predicts them."""
    kind = models.kind
    return GateEvidence(
        challenger=None,
        baseline=None,
        production=None,
        rows=len(rows.frame),
        users=rows.frame[kind.group].nunique(),
        overlap=_overlap(kind, rows, models),
        left_out=len(kind.test_rows(table, models.challenger.training.seed)) - len(rows.frame),
        attempt=attempt,
        advantages=_advantages(options.accept, models, rows) if models.champion is not None else (),
        baseline_name=kind.baseline_name,
        leaks=_new_leaks(models),
    )


def _new_leaks(models: Models) -> tuple[str, ...]:
    """Leaks of the challenger that production does not have: the others were accepted when it was promoted."""
    challenger, champion = (
        [] if one is None else getattr(one.meta, "settings", {}).get(LEAKS, [])
        for one in (models.challenger, models.champion)
    )
    # The figures differ from table to table.
    known = {re.sub(r"\d+", "", text) for text in champion}
    return tuple(text for text in challenger if re.sub(r"\d+", "", text) not in known)


def gate_policy(options: Options) -> GatePolicy:
    """What the parameters require before staging."""
    return GatePolicy(
        margin=options.margin,
        floor_margin=options.floor,
        level=options.level,
        min_users=options.min_users,
        accept=options.accept,
        tolerance=options.tolerance,
        calibration_error=options.calibration_error,
        slice_margin=options.slice_margin,
        leak=options.leak,
    )


def _with_figures(
    evidence: GateEvidence,
    options: Options,
    models: Models,
    metric: str,
    predictions: Predictions,
    outputs: np.ndarray | None,
) -> GateEvidence:
    kind, challenger, resampling = models.kind, models.challenger, _resampling(options)
    held_out = evaluated(kind, challenger, metric, predictions, resampling)
    evidence = replace(evidence, challenger=held_out.figure, baseline=held_out.against_baseline)
    if outputs is None:
        return evidence
    level = corrected_level(options.level, evidence.attempt)
    asked = options.replicates
    replicates = replicates_for(level, asked) if evidence.attempt > 1 else asked
    sides = (predictions, replace(predictions, outputs=outputs))
    mine, theirs = (kind.measure(challenger, metric, one) for one in sides)
    draws = Resampling(replicates, options.seed, level)
    _, production = compare_measures(metric, mine, theirs, predictions.users, draws)
    return replace(evidence, production=production)


def _resampling(options: Options) -> Resampling:
    return Resampling(options.replicates, options.seed, options.level)


def _overlap(kind: Kind, rows: Table, models: Models) -> dict[str, int]:
    """How many rows each model has learned from; counted anew on what is compared, whatever was left out before."""
    names = ("the challenger", "production")
    return {name: len(rows.frame) - len(model.unseen(rows)) for name, model in zip(names, models.both, strict=False)}


def _advantages(accept: str, models: Models, rows: Table) -> tuple[Advantage, ...]:
    """What the policy asks for; time is measured on this machine, on the same rows, in turn."""
    found = []
    until, theirs = (model.training.known_until for model in models.both)
    if "newer" in accept and until is not None and theirs is not None and until > theirs:
        found.append(Advantage("newer", f"its labels reach {until}, production's {theirs}"))
    if "cheaper" in accept:
        mine, other = _seconds_in_turn(models.both, rows)
        if mine <= CHEAPER * other:
            text = f"{mine * 1e6:,.0f} µs a row against {other * 1e6:,.0f} of production"
            found.append(Advantage("cheaper", text))
    return tuple(found)


def _seconds_in_turn(models: list[Model], rows: Table) -> list[float]:
    """Least seconds a row of each model."""
    frame, times = rows.frame.head(TIMED_ROWS), np.zeros((ROUNDS, len(models)))
    for turn in range(ROUNDS):
        for number, model in enumerate(models):
            start = time.perf_counter()
            model.outputs(frame)
            times[turn, number] = (time.perf_counter() - start) / len(frame)
    return [float(least) for least in times.min(axis=0)]
