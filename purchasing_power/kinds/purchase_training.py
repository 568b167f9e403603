"""The training run of a purchase model: encoders resolved, parameters cross-validated, the model fitted."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from purchasing_power.evaluation.cross_validation import CrossValidation, FoldScores, scorable
from purchasing_power.evaluation.target_metrics import primary_metric
from purchasing_power.kinds.case import FitLog, FitOptions
from purchasing_power.model.flat_params import model_params, read_params
from purchasing_power.model.params import ModelParams
from purchasing_power.model.purchasing_model import PurchasingModel, fit
from purchasing_power.model.scorer import RunSettings
from purchasing_power.model.splits import folds, split
from purchasing_power.snapshot.target import fit_target
from purchasing_power.snapshot.target_choice import choose_target
from purchasing_power.snapshot.user_table import UserTable, distinct_texts
from purchasing_power.text.runtime_choice import resolve
from purchasing_power.text.store import store_folder, warm

logger = logging.getLogger(__name__)


def train(table: UserTable, options: FitOptions, log: FitLog) -> PurchasingModel:
    """Fit and calibrate a model on the rows that the split does not hold out."""
    params = model_params() if options.params is None else read_params(options.params)
    parts = split(table, options.seed)
    choice = choose_target(options.target, table, parts.train, parts.calibrate)
    target = fit_target(choice, table, parts.train, options.positive)
    if choice.why:
        logger.info("target %s: %s", choice.name, choice.why)
    settings, texts = _settings(options), distinct_texts(table, parts.known)
    params = resolved(params, texts, options.workspace)
    for encoder in params.encoders:
        warm(encoder, texts, settings.store)
    log.params({"target": choice.name, **_flat_params(params)})
    if options.folds:
        # Folds predict what was chosen on all training rows.
        _log_cross_validation(table, parts.known, params, replace(options, target=choice.name), log)
    model = fit(table, parts, target, params, settings, log.metric)
    log.part()
    return model


def _settings(options: FitOptions) -> RunSettings:
    store, workspace = store_folder(options.workspace), str(options.workspace)
    return RunSettings(seed=options.seed, store=store, workspace=workspace, progress=True)


def resolved(params: ModelParams, texts: list[str], workspace: Path) -> ModelParams:
    """Parameters whose encoders name their runtimes; what the study exported to the workspace is read again."""
    if params.members:
        parts = [replace(one, params=resolved(one.params, texts, workspace)) for one in params.members]
        return replace(params, members=tuple(parts))
    if not params.reads_model:
        return params
    return replace(params, encoder=resolve(params.encoder, texts, cache=workspace / "encoders").spec)


def _flat_params(params: ModelParams) -> dict[str, object]:
    """Parameters as a run keeps them, each value a short one: a blend's members have their own."""
    values = {name: value for name, value in params.to_dict().items() if name != "members"}
    for number, member in enumerate(params.members):
        values[f"member_{number}.weight"] = member.weight
        own = member.params.to_dict().items()
        values |= {f"member_{number}.{name}": value for name, value in own if name != "members"}
    return values


def _log_cross_validation(
    table: UserTable, known: np.ndarray, params: ModelParams, options: FitOptions, log: FitLog
) -> None:
    validation = CrossValidation(
        table,
        scorable(table, folds(table, known, options.folds, options.seed), options.target, options.positive),
        options.target,
        options.positive,
        **_settings(options).run_settings,
    )
    metric, start = primary_metric(validation.target(0)), time.perf_counter()

    def after_fold(number: int, score: float) -> None:
        log.metric(f"cv.fold_{number}.{metric}", score)
        log.part()

    scores = _scores_of_study(validation, params, options.fold_scores)
    for number, score in enumerate(scores):
        after_fold(number, score)
    scores = scores or validation.scores(params, after_fold)
    log.metric(f"cv.mean.{metric}", float(np.mean(scores)))
    log.metric("cv.seconds", time.perf_counter() - start)


def _scores_of_study(validation: CrossValidation, params: ModelParams, path: Path | None) -> list[float]:
    """Scores that a study measured on the same folds, or none."""
    if path is None:
        return []
    given = FoldScores.read(path)
    same = given == validation.fold_scores(params, given.scores) and len(given.scores) == len(validation.folds)
    return list(given.scores) if same else []
