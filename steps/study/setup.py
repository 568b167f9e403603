"""What every process of a study builds from the same parameters: its folds and its search space."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import optuna

from purchasing_power.evaluation.cross_validation import CrossValidation, scorable
from purchasing_power.model.params import ModelParams
from purchasing_power.model.splits import folds, split
from purchasing_power.snapshot.target_choice import Choice, choose_target
from purchasing_power.snapshot.user_table import UserTable
from purchasing_power.text.store import store_folder
from purchasing_power.tuning.space import Space, draw
from steps.study.options import Options
from steps.study.trial_runs import Objective


def choice_of(options: Options, table: UserTable) -> Choice:
    """The target that the table's training rows carry, as ``train`` chooses it."""
    parts = split(table, options.seed)
    return choose_target(options.target, table, parts.train, parts.calibrate)


def validation_of(options: Options, table: UserTable, progress: bool) -> CrossValidation:
    """Folds within the known rows; test rows are in none of them."""
    workspace, target = Path(options.workspace), choice_of(options, table).name
    pairs = folds(table, split(table, options.seed).known, options.folds, options.seed)
    return CrossValidation(
        table,
        scorable(table, pairs, target, options.positive),
        target,
        options.positive,
        seed=options.seed,
        store=store_folder(workspace),
        workspace=str(workspace),
        threads=threads_of(options),
        progress=progress,
    )


def threads_of(options: Options) -> int:
    """Threads a trial may use: as asked, or the cores shared out among the workers."""
    if options.threads or options.workers < 2:
        return int(options.threads)
    return max(1, (os.cpu_count() or 1) // options.workers)


def space_of(options: Options, encoders: Sequence[str], regression: bool) -> Space:
    """What the trials may be."""
    return Space(
        representations=tuple(options.representations),
        heads=tuple(options.heads),
        encoders=tuple(encoders),
        regression=regression,
        imbalance=tuple(options.imbalance),
        losses=tuple(options.losses),
        weightings=tuple(options.weightings),
        reductions=tuple(options.reductions),
        settings={name: tuple(values) for name, values in options.space.items()},
    )


def objective_of(validation: CrossValidation, space: Space) -> Objective:
    """What a trial does: draw parameters, and score them fold by fold."""

    def objective(trial: optuna.Trial, after_fold: Callable[[int, float], None]) -> tuple[ModelParams, list[float]]:
        params = draw(trial, space)
        return params, validation.scores(params, after_fold)

    return objective
