"""The evaluation report: one HTML file that marketing, risk and data science can all read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment
from markupsafe import Markup

from purchasing_power.evaluation import pictures
from purchasing_power.evaluation.bootstrap import metric_name
from purchasing_power.evaluation.evaluation import Effect, Evaluation

SPACE = "\N{NO-BREAK SPACE}"
DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
SHOWN_EFFECTS = 8
SHORT_TABLE = ("gain_10", "gain_20", "lift_10", "auc", "average_precision", "r2", "mae")
SHORT_TABLE_OF_CLASSES = ("accuracy", "auc_macro", "f1_macro", "log_loss")


@dataclass(frozen=True)
class Figure:
    """How one figure is named, explained and compared."""

    name: str
    meaning: str
    style: str = "number"
    lower_is_better: bool = False


FIGURES = {
    "gain_5": Figure("Found in the top 5 %", "share of all sought, among the 5 % ranked highest", "share"),
    "gain_10": Figure("Found in the top 10 %", "share of all sought, among the 10 % ranked highest", "share"),
    "gain_20": Figure("Found in the top 20 %", "share of all sought, among the 20 % ranked highest", "share"),
    "lift_5": Figure("Lift at 5 %", "times more than by chance in the top 5 %", "times"),
    "lift_10": Figure("Lift at 10 %", "times more than by chance in the top 10 %", "times"),
    "lift_20": Figure("Lift at 20 %", "times more than by chance in the top 20 %", "times"),
    "auc": Figure("AUC", "chance that one sought ranks above one not sought; 0.5 is a coin"),
    "average_precision": Figure(
        "Average precision", "purity of the ranking, weighted to its top; 1 is perfect"
    ),
    "auc_macro": Figure("AUC, mean over classes", "each class against the rest"),
    "average_precision_macro": Figure("Average precision, mean over classes", "each class against the rest"),
    "accuracy": Figure("Accuracy", "users put in the right class", "share"),
    "precision": Figure("Precision", "of those predicted positive, how many are", "share"),
    "recall": Figure("Recall", "of those who are, how many were predicted positive", "share"),
    "f1": Figure("F1", "harmonic mean of precision and recall"),
    "precision_macro": Figure(
        "Precision, mean over classes", "of those put in a class, how many belong", "share"
    ),
    "recall_macro": Figure(
        "Recall, mean over classes", "of those in a class, how many were put there", "share"
    ),
    "f1_macro": Figure("F1, mean over classes", "harmonic mean of precision and recall"),
    "log_loss": Figure("Log loss", "surprise at what happened; 0 is perfect", lower_is_better=True),
    "brier": Figure("Brier score", "squared error of the probability; 0 is perfect", lower_is_better=True),
    "calibration_error": Figure(
        "Calibration error", "mean distance of predicted and observed rate, ten bins", lower_is_better=True
    ),
    "r2": Figure("R²", "share of the differences explained; 1 is perfect"),
    "mae": Figure("Mean absolute error", "in the unit of the amount", "amount", lower_is_better=True),
    "rmse": Figure("Root mean squared error", "in the unit of the amount", "amount", lower_is_better=True),
    "spearman": Figure("Rank correlation", "Spearman; 1 is the right order throughout"),
}
SAID_BY_ALIAS = {"precision": "precision_macro", "recall": "recall_macro", "f1": "f1_macro"}


def evaluation_report(evaluation: Evaluation) -> str:
    """One HTML document with every picture inside; it fetches nothing and runs no script."""
    template = files("purchasing_power.evaluation").joinpath("report.html.j2").read_text(encoding="utf-8")
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(template)
    ranks = evaluation.score is not None
    return page.render(
        e=evaluation,
        verdict=verdict(evaluation),
        comparison=against_naive(evaluation),
        short=_table(evaluation, SHORT_TABLE if ranks else SHORT_TABLE_OF_CLASSES),
        full=_table(evaluation, tuple(FIGURES)),
        pictures={name: Markup(svg) for name, svg in _pictures(evaluation).items()},
        dates=_dates(evaluation),
        effects=_effects(evaluation),
    )


def verdict(evaluation: Evaluation) -> str:
    """What the model is worth, in one sentence without a technical word."""
    model = evaluation.metrics["model"]
    if evaluation.score is None:
        return f"The model names the right class for {_share(model['accuracy'])} of users."
    if math.isfinite(model["gain_20"]):
        return _verdict_of_ranking(evaluation, model["gain_20"])
    if evaluation.task == "regression":
        error = _text(model["mae"], "amount")
        return (
            f"The model's prediction of {evaluation.sought} is off by {error} {evaluation.unit} on average."
        )
    return f"These rows hold none of {evaluation.sought}, so nothing can be said about finding them."


def _verdict_of_ranking(evaluation: Evaluation, found: float) -> str:
    known = evaluation.metrics.get("naive", {}).get("gain_20", math.nan)
    top = f"the 20{SPACE}% of users"
    if evaluation.task == "regression":
        text = f"{top.capitalize()} whom the model ranks highest bring {_share(found)} of {evaluation.sought}"
        others, verb = f"those ranked highest by {evaluation.naive_name}", "bring"
    else:
        text = f"The model finds {_share(found)} of {evaluation.sought} in {top} it ranks highest"
        others, verb = f"ranking by {evaluation.naive_name}", "finds"
    if not math.isfinite(known):
        return f"{text}; as many users chosen at random would hold 20{SPACE}%."
    return f"{text}; {others} {verb} {_share(known)}{_but(found, known)}."


def against_naive(evaluation: Evaluation) -> str:
    """Whether the difference from the naive baseline is more than chance; empty where it was not measured."""
    against = evaluation.against_naive
    if against is None:
        return ""
    figures_text = (
        f"{metric_name(against.metric)} {against.difference:+.3f}, {100 * against.level:.0f}{SPACE}% "
        f"interval {against.low:+.3f} to {against.high:+.3f}"
    )
    if against.low > 0:
        return f"The model is better than {evaluation.naive_name} by more than chance ({figures_text})."
    if against.high < 0:
        return f"The model is worse than {evaluation.naive_name} ({figures_text}): do not use it."
    return f"On these rows the model cannot be told apart from {evaluation.naive_name} ({figures_text})."


def _but(model: float, naive: float) -> str:
    if _share(model) == _share(naive):
        return ", no less"
    return "" if model > naive else ", which is better"


def _effects(evaluation: Evaluation) -> dict[str, list[Effect]]:
    """By kind, the categories and words that raise the score most, then those that lower it most."""
    shown = {
        kind: [one for at, one in enumerate(rows) if min(at, len(rows) - 1 - at) < SHOWN_EFFECTS]
        for kind, rows in evaluation.effects.items()
    }
    return {kind: rows for kind, rows in shown.items() if rows}


def _pictures(evaluation: Evaluation) -> dict[str, str]:
    drawn = {}
    if evaluation.score is not None and math.isfinite(evaluation.metrics["model"]["gain_20"]):
        drawn["gain"] = pictures.gain_and_lift(evaluation)
    if evaluation.task == "regression":
        drawn["amounts"] = pictures.amounts(evaluation)
    else:
        drawn["confusion"] = pictures.confusion(evaluation)
        if evaluation.score is not None:
            drawn["calibration"] = pictures.calibration(evaluation)
    if evaluation.drivers:
        drawn["drivers"] = pictures.drivers(evaluation)
    return drawn


def _table(evaluation: Evaluation, wanted: tuple[str, ...]) -> list[dict[str, object]]:
    """Rows of a table of figures: name, meaning, and for each model its text and whether it is best."""
    model = evaluation.metrics["model"]
    rows: list[dict[str, object]] = []
    for key in wanted:
        if key not in model or SAID_BY_ALIAS.get(key) in model:
            continue
        figure = FIGURES[key]
        values = [evaluation.metrics[name].get(key, math.nan) for name in evaluation.names]
        finite = [value for value in values if math.isfinite(value)]
        best = (min if figure.lower_is_better else max)(finite) if len(finite) > 1 else math.nan
        top = _text(best, figure.style) if math.isfinite(best) else None
        # Compared as printed: figures that read alike are alike best.
        cells = [
            {"text": text, "best": text == top} for text in (_text(value, figure.style) for value in values)
        ]
        row: dict[str, object] = {"name": figure.name, "meaning": figure.meaning, "cells": cells}
        rows.append(row | {"interval": _interval(evaluation, key)})
    return rows


def _interval(evaluation: Evaluation, key: str) -> str:
    interval = evaluation.intervals.get(key)
    if interval is None or not math.isfinite(interval.low):
        return ""
    style = FIGURES[key].style
    return (
        f"{100 * interval.level:.0f}{SPACE}%: {_text(interval.low, style)} to {_text(interval.high, style)}"
    )


def _dates(evaluation: Evaluation) -> list[tuple[str, str]]:
    parts = {
        "Trained on": evaluation.trained,
        "Calibrated on": evaluation.calibrated,
        "Tested on": evaluation.tested,
    }
    return [(name, _span(dates)) for name, dates in parts.items() if dates]


def _span(dates: tuple[str, ...]) -> str:
    if len(dates) < 3:
        return " and ".join(dates)
    return f"{dates[0]} to {dates[-1]} ({len(dates)} cutoffs)"


def _share(value: float) -> str:
    return f"{100 * value:.0f}{SPACE}%"


def _text(value: float, style: str) -> str:
    if not math.isfinite(value):
        return DASH
    if style == "share":
        return f"{100 * value:.1f}{SPACE}%"
    if style == "times":
        return f"{value:.2f}{SPACE}×"
    return (f"{value:,.2f}" if style == "amount" else f"{value:.3f}").replace("-", MINUS)
