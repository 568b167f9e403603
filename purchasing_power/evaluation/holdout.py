"""Judging a model on rows it has not seen, beside the baselines on the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.evaluation.baselines import naive_score, prior_prediction, rfm_proba
from purchasing_power.evaluation.metrics import classification_metrics, ranking_metrics, regression_metrics
from purchasing_power.model.purchasing_model import PurchasingModel, row_keys, unseen
from purchasing_power.model.splits import split
from purchasing_power.snapshot.target import Target
from purchasing_power.snapshot.user_table import CUTOFF, USER, UserTable

METRICS = ("average_precision", "auc", "auc_macro", "r2", "neg_mae", "neg_log_loss")


@dataclass(frozen=True)
class Answered:
    """What was predicted of some rows and what happened: all that a figure is made of.

    Attributes
    ----------
    y
        Class codes or amounts, shape (n,).
    model
        Class probabilities (n, classes) or amounts (n,) of the model.
    naive
        Spend of the last 28 days (currency), or a constant for a table without it; shape (n,).
    prior
        What the training rows alone say: class shares (n, classes) or the mean amount (n,).
    users
        User of each row, an id or a code; shape (n,).
    """

    y: np.ndarray
    model: np.ndarray
    naive: np.ndarray
    prior: np.ndarray
    users: np.ndarray


@dataclass(frozen=True)
class Judged(Answered):
    """What was predicted and what happened, with the rows and a baseline that is fitted on the training rows.

    Attributes
    ----------
    rows
        The judged rows of the user table.
    rfm
        Class probabilities (n, classes) or amounts (n,) of recency-frequency-money regression.
    """

    rows: UserTable
    rfm: np.ndarray


def held_back(table: UserTable, models: list[PurchasingModel]) -> UserTable:
    """The table's test rows that none of the models was fitted or calibrated on.

    Raises
    ------
    DataError
        If no such row is left.
    """
    test = table.rows(split(table, models[0].training.seed).test)
    for model in models:
        if test.meta.kind != model.meta.kind:
            raise DataError(
                f"user table: got a {test.meta.kind} table; the model was trained on a {model.meta.kind} one. "
                "Use a registered model of its own (-P model=NAME) for each kind of data."
            )
        test = test.rows(unseen(model, test))
    if not len(test.frame):
        raise DataError(
            "held-back rows: the models were trained on every row of the last cutoff whose outcome is known. "
            "Take a snapshot with a later last_cutoff, or wait until its horizon is over."
        )
    return test


def judge(model: PurchasingModel, table: UserTable, rows: UserTable) -> Judged:
    """Predict the rows with the model and with baselines fitted on the model's training rows in ``table``.

    Parameters
    ----------
    table
        A user table that holds the model's training rows.
    rows
        The rows to judge on, see :func:`held_back`.
    """
    target = model.target
    train = training_rows(model, table)
    said = answered(model, rows, prior_of(model, train))
    rfm = rfm_proba(train, target.labels(train), rows.frame, target.task, _classes(target))
    return Judged(**vars(said), rows=rows, rfm=rfm)


def answered(model: PurchasingModel, rows: UserTable, prior: np.ndarray) -> Answered:
    """Predict the rows with the model and with the baselines that need nothing of the training rows but the prior.

    Parameters
    ----------
    rows
        Rows whose outcome is known.
    prior
        See :func:`prior_of`.
    """
    y = model.target.labels(rows.frame)
    return Answered(
        y=y,
        model=model.outputs(rows.frame),
        naive=naive_score(rows.frame, rows.meta),
        prior=np.repeat(prior, len(y), axis=0),
        users=rows.frame[USER].to_numpy(),
    )


def prior_of(model: PurchasingModel, train: pd.DataFrame) -> np.ndarray:
    """What the training rows alone say of anyone: class shares (1, classes) or the mean amount (1,)."""
    target = model.target
    return prior_prediction(target.labels(train), 1, target.task, _classes(target))


def training_rows(model: PurchasingModel, table: UserTable) -> pd.DataFrame:
    """The rows of ``table`` that the model was fitted or calibrated on.

    Raises
    ------
    DataError
        If the table holds none of them.
    """
    if table.meta.kind == "panel":
        cutoffs = pd.to_datetime([*model.training.cutoffs, *model.training.calibration_cutoffs])
        known = table.frame[CUTOFF].isin(cutoffs) & table.frame[str(table.meta.spend_outcome)].notna()
        frame = table.frame.loc[known]
    else:
        frame = table.frame.loc[np.isin(row_keys(table), model.seen)]
    if not len(frame):
        raise DataError(
            "training rows: the user table holds none of the rows that the model was trained on. "
            "Give the table it was trained on, or a later snapshot with the same first cutoff and step."
        )
    return frame


def figures(target: Target, judged: Judged) -> dict[str, dict[str, float]]:
    """Metrics of ``model``, ``naive`` and ``rfm`` on the same rows."""
    if target.task == "regression":
        naive = judged.naive if target.name == "spend" else judged.prior
        return {
            "model": regression_metrics(judged.y, judged.model),
            "naive": regression_metrics(judged.y, naive),
            "rfm": regression_metrics(judged.y, judged.rfm),
        }
    if target.positive is None:
        parts = {"model": judged.model, "naive": judged.prior, "rfm": judged.rfm}
        return {name: classification_metrics(judged.y, proba, None) for name, proba in parts.items()}
    return {
        "model": classification_metrics(judged.y, judged.model, target.positive),
        "naive": ranking_metrics((judged.y == target.positive).astype(np.int64), judged.naive),
        "rfm": classification_metrics(judged.y, judged.rfm, target.positive),
    }


def comparable(
    target: Target, metric: str, y: np.ndarray, outputs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Truth and score in the form that ``comparison`` takes for a metric.

    Raises
    ------
    DataError
        If the metric does not fit the target.
    """
    amounts = target.task == "regression"
    if metric not in METRICS or amounts != (metric in ("r2", "neg_mae")):
        allowed = "r2, neg_mae" if amounts else "average_precision, auc, auc_macro, neg_log_loss"
        raise DataError(f"metric: got {metric!r} for a {target.task} target; allowed are auto, {allowed}.")
    if amounts or metric in ("auc_macro", "neg_log_loss"):
        return y, outputs
    if target.positive is None:
        raise DataError(
            f"metric: {metric} needs a positive class, and none was named. Use auto, auc_macro or neg_log_loss."
        )
    score = outputs if outputs.ndim == 1 else outputs[:, target.positive]
    return (y == target.positive).astype(np.int64), score


def naive_outputs(target: Target, metric: str, said: Answered) -> np.ndarray:
    """What the naive baseline answers, in the form that ``comparable`` takes."""
    if metric in ("average_precision", "auc") or target.name == "spend":
        return said.naive
    return said.prior


def _classes(target: Target) -> int:
    return max(len(target.classes), 2)
