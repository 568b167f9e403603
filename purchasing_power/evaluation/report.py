"""The evaluation report: one HTML file that marketing, risk and data science can all read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from purchasing_power.evaluation.bootstrap import metric_name
from purchasing_power.evaluation.evaluation import Evaluation
from purchasing_power.evaluation.pictures import pictures
from purchasing_power.pages.page import DASH, SPACE, bold, code, render_page, share

MOST_EFFECTS = 8
SHORT_TABLE = ("gain_10", "gain_20", "lift_10", "auc", "average_precision", "r2", "mae")
SHORT_TABLE_OF_CLASSES = ("accuracy", "auc_macro", "f1_macro", "log_loss")
Cell = str | tuple[str, str]


@dataclass(frozen=True)
class MetricText:
    """How a metric is named, explained and compared."""

    name: str
    meaning: str
    style: str = "number"
    lower_is_better: bool = False


METRICS = {
    "gain_5": MetricText("Gain at 5 %", "share of all positives, or of the amount, in the top 5 %", "share"),
    "gain_10": MetricText("Gain at 10 %", "share of all positives, or of the amount, in the top 10 %", "share"),
    "gain_20": MetricText("Gain at 20 %", "share of all positives, or of the amount, in the top 20 %", "share"),
    "lift_5": MetricText("Lift at 5 %", "times more than by chance in the top 5 %", "times"),
    "lift_10": MetricText("Lift at 10 %", "times more than by chance in the top 10 %", "times"),
    "lift_20": MetricText("Lift at 20 %", "times more than by chance in the top 20 %", "times"),
    "auc": MetricText("AUC", "chance that a positive ranks above a negative; 0.5 is a coin"),
    "average_precision": MetricText("Average precision", "purity of the ranking, weighted to its top; 1 is perfect"),
    "auc_macro": MetricText("AUC, mean over classes", "each class against the rest"),
    "average_precision_macro": MetricText("Average precision, mean over classes", "each class against the rest"),
    "accuracy": MetricText("Accuracy", "users put in the right class", "share"),
    "precision": MetricText("Precision", "of those predicted positive, how many are", "share"),
    "recall": MetricText("Recall", "of those who are, how many were predicted positive", "share"),
    "f1": MetricText("F1", "harmonic mean of precision and recall"),
    "precision_macro": MetricText("Precision, mean over classes", "of those put in a class, how many belong", "share"),
    "recall_macro": MetricText("Recall, mean over classes", "of those in a class, how many were put there", "share"),
    "f1_macro": MetricText("F1, mean over classes", "harmonic mean of precision and recall"),
    "log_loss": MetricText("Log loss", "surprise at what happened; 0 is perfect", lower_is_better=True),
    "brier": MetricText("Brier score", "squared error of the probability; 0 is perfect", lower_is_better=True),
    "calibration_error": MetricText(
        "Calibration error", "mean distance of predicted and observed rate, ten bins", lower_is_better=True
    ),
    "r2": MetricText("R²", "share of the differences explained; 1 is perfect"),
    "mae": MetricText("Mean absolute error", "in the unit of the amount", "amount", lower_is_better=True),
    "rmse": MetricText("Root mean squared error", "in the unit of the amount", "amount", lower_is_better=True),
    "spearman": MetricText("Rank correlation", "Spearman; 1 is the right order throughout"),
}
# Of more than two classes both names hold the same figure: one is enough.
SAME = {"precision": "precision_macro", "recall": "recall_macro", "f1": "f1_macro"}


def evaluation_report(evaluation: Evaluation) -> str:
    """One HTML document with every picture inside; it fetches nothing and runs no script."""
    ranks = evaluation.score is not None
    return render_page(
        "purchasing_power.evaluation",
        "report.html.j2",
        title=evaluation.title,
        headline=headline(evaluation),
        lead=against_naive(evaluation),
        warnings=evaluation.warnings,
        facts=_facts(evaluation),
        target=evaluation.target,
        tiers=_tier_rows(evaluation),
        head=["Figure", *evaluation.names.values()],
        short=_metric_rows(evaluation, SHORT_TABLE if ranks else SHORT_TABLE_OF_CLASSES),
        full=_metric_rows(evaluation, METRICS),
        pictures=pictures(evaluation),
        positive="" if evaluation.positive is None else evaluation.classes[evaluation.positive],
        classes=len(evaluation.classes),
        driver_unit=evaluation.driver_unit,
        drivers=_driver_rows(evaluation),
        counted=evaluation.counted.capitalize(),
        effects=_effect_rows(evaluation),
        made=[(name, code(value)) for name, value in evaluation.model.items()],
        notes=evaluation.notes,
    )


def headline(evaluation: Evaluation) -> str:
    """What the model is worth, in one sentence without a technical word."""
    model = evaluation.metrics["model"]
    if evaluation.score is None:
        return f"The model names the right class for {share(model['accuracy'])} of users."
    if math.isfinite(model["gain_20"]):
        return _headline_of_ranking(evaluation, model["gain_20"])
    if evaluation.task == "regression":
        error = _text(model["mae"], "amount")
        target, unit = evaluation.target_phrase, evaluation.unit
        return f"The model's prediction of {target} is off by {error} {unit} on average."
    return f"These rows hold none of {evaluation.target_phrase}, so the ranking cannot be evaluated on them."


def _headline_of_ranking(evaluation: Evaluation, gain: float) -> str:
    naive = evaluation.metrics.get("naive", {}).get("gain_20", math.nan)
    top = f"the 20{SPACE}% of users"
    if evaluation.task == "regression":
        text = f"{top.capitalize()} whom the model ranks highest bring {share(gain)} of {evaluation.target_phrase}"
        others, verb = f"those ranked highest by {evaluation.naive_name}", "bring"
    else:
        text = f"The model finds {share(gain)} of {evaluation.target_phrase} in {top} it ranks highest"
        others, verb = f"ranking by {evaluation.naive_name}", "finds"
    if not math.isfinite(naive):
        return f"{text}; as many users chosen at random would hold 20{SPACE}%."
    as_printed = ", no less" if share(gain) == share(naive) else "" if gain > naive else ", which is better"
    return f"{text}; {others} {verb} {share(naive)}{as_printed}."


def against_naive(evaluation: Evaluation) -> str:
    """Whether the difference from the naive baseline is more than chance; empty where it was not measured."""
    against = evaluation.against_naive
    if against is None:
        return ""
    figures = (
        f"{metric_name(against.metric)} {against.difference:+.3f}, {share(against.level)} "
        f"interval {against.low:+.3f} to {against.high:+.3f}"
    )
    if against.low > 0:
        return f"The model is better than {evaluation.naive_name} by more than chance ({figures})."
    if against.high < 0:
        return f"The model is worse than {evaluation.naive_name} ({figures}): do not use it."
    return f"On these rows the model cannot be distinguished from {evaluation.naive_name} ({figures})."


def _metric_rows(evaluation: Evaluation, metrics: Iterable[str]) -> list[list[Cell]]:
    """Rows of a table of metrics: name and meaning, then the figure of each model, the best of them in bold."""
    model = evaluation.metrics["model"]
    rows: list[list[Cell]] = []
    for key in metrics:
        if key not in model or SAME.get(key) in model:
            continue
        metric = METRICS[key]
        values = [evaluation.metrics[name].get(key, math.nan) for name in evaluation.names]
        finite = [value for value in values if math.isfinite(value)]
        best = (min if metric.lower_is_better else max)(finite) if len(finite) > 1 else math.nan
        # Compared as printed: figures that read alike are alike best.
        top = _text(best, metric.style) if math.isfinite(best) else None
        texts = [_text(value, metric.style) for value in values]
        cells = [bold(text) if text == top else text for text in texts]
        rows.append([(metric.name, metric.meaning), (cells[0], _interval(evaluation, key)), *cells[1:]])
    return rows


def _interval(evaluation: Evaluation, key: str) -> str:
    interval = evaluation.intervals.get(key)
    if interval is None or not math.isfinite(interval.low):
        return ""
    low, high = (_text(bound, METRICS[key].style) for bound in (interval.low, interval.high))
    return f"{share(interval.level)}: {low} to {high}"


def _driver_rows(evaluation: Evaluation) -> list[list[Cell]]:
    ordered = sorted(evaluation.drivers, key=lambda one: one.importance, reverse=True)
    return [
        [(code(one.feature), one.meaning), f"{one.importance:.4f}", f"{one.low:.4f} to {one.high:.4f}"]
        for one in ordered
    ]


def _effect_rows(evaluation: Evaluation) -> list[list[Cell]]:
    """The words and categories that raise the score most, then those that lower it most."""
    return [
        [(one.name, kind), f"{one.part:+.4f}", f"{one.low:+.4f} to {one.high:+.4f}", f"{one.rows:,}"]
        for kind, effects in evaluation.effects.items()
        for place, one in enumerate(effects)
        if min(place, len(effects) - 1 - place) < MOST_EFFECTS
    ]


def _tier_rows(evaluation: Evaluation) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for tier in evaluation.tiers:
        above, up_to = (None if cut is None else f"{cut:,.2f}" for cut in (tier.above, tier.up_to))
        spend = f"up to {up_to}" if above is None else f"above {above}" if up_to is None else f"{above} to {up_to}"
        trained = DASH if tier.trained is None else share(tier.trained, 1)
        rows.append([tier.name, spend, f"{tier.mean:,.2f}", trained, share(tier.tested, 1)])
    return rows


def _facts(evaluation: Evaluation) -> dict[str, str]:
    facts = {"Users tested": f"{evaluation.users:,}"}
    if evaluation.population:
        facts["Population"] = evaluation.population
    if evaluation.rows != evaluation.users:
        facts["Rows tested"] = f"{evaluation.rows:,}"
    for part in ("trained", "calibrated", "tested"):
        dates = getattr(evaluation, part)
        span = " and ".join(dates) if len(dates) < 3 else f"{dates[0]} to {dates[-1]} ({len(dates)} cutoffs)"
        facts |= {f"{part.capitalize()} on": span} if dates else {}
    return facts


def _text(value: float, style: str) -> str:
    if not math.isfinite(value):
        return DASH
    if style == "share":
        return share(value, 1)
    if style == "times":
        return f"{value:.2f}{SPACE}×"
    return f"{value:,.2f}" if style == "amount" else f"{value:.3f}"
