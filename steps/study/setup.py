"""What every process of a study builds from the same parameters: its folds and its search space."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import optuna

from purchasing_power.evaluation.cross_validation import CrossValidation
from purchasing_power.model.params import ModelParams
from purchasing_power.model.splits import folds, split
from purchasing_power.snapshot.user_table import UserTable
from purchasing_power.tuning.space import Space, draw
from steps.study.trial_runs import Objective


def validation_of(args: argparse.Namespace, table: UserTable, progress: bool) -> CrossValidation:
    """Folds within the known rows; test rows are in none of them."""
    workspace = Path(args.workspace)
    return CrossValidation(
        table,
        folds(table, split(table, args.seed).known, args.folds, args.seed),
        args.target,
        args.positive,
        args.seed,
        str(workspace / "vectors"),
        threads_of(args),
        str(workspace),
        progress,
    )


def threads_of(args: argparse.Namespace) -> int:
    """Threads a trial may use: as asked, or the cores shared out among the workers."""
    if args.threads or args.workers < 2:
        return int(args.threads)
    return max(1, (os.cpu_count() or 1) // args.workers)


def space_of(args: argparse.Namespace, encoders: Sequence[str], regression: bool) -> Space:
    """What the trials may be."""
    return Space(
        representations=tuple(args.representations),
        heads=tuple(args.heads),
        encoders=tuple(encoders),
        regression=regression,
        imbalance=tuple(args.imbalance),
        losses=tuple(args.losses),
        weightings=tuple(args.weightings),
        reductions=tuple(args.reductions),
        settings={name: tuple(values) for name, values in args.space.items()},
    )


def objective_of(validation: CrossValidation, space: Space) -> Objective:
    """What a trial does: draw parameters, and score them fold by fold."""

    def objective(
        trial: optuna.Trial, after_fold: Callable[[int, float], None]
    ) -> tuple[ModelParams, list[float]]:
        params = draw(trial, space)
        return params, validation.scores(params, after_fold)

    return objective
