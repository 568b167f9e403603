"""Pictures of an evaluation."""

from __future__ import annotations

import math
import textwrap
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from purchasing_power.evaluation.evaluation import Evaluation
from purchasing_power.evaluation.metrics import calibration_bins, gain_curve, wilson_interval
from purchasing_power.pages.pictures import BLUE, GREEN, INK, MUTED, ORANGE, PALE, percent, picture

# Line styles repeat the difference of the colours.
LINES: dict[str, dict[str, Any]] = {
    "model": {"color": BLUE, "linewidth": 2.4, "linestyle": "-", "zorder": 4},
    "naive": {"color": ORANGE, "linewidth": 1.7, "linestyle": "--", "zorder": 3},
    "rfm": {"color": GREEN, "linewidth": 1.7, "linestyle": "-.", "zorder": 2},
}
IDEAL: dict[str, Any] = {"color": "#3e4c59", "linewidth": 1.3, "linestyle": (0, (1.5, 2.5))}
MAX_DRIVERS, MAX_CLASSES = 15, 8


def pictures(evaluation: Evaluation) -> dict[str, Markup]:
    """The pictures that an evaluation has, by name."""
    drawn = {}
    if evaluation.score is not None and math.isfinite(evaluation.metrics["model"]["gain_20"]):
        label = "Gain and lift curves of the model and the baselines"
        drawn["gain"] = picture(_gain_and_lift, 11, 4.4, label, evaluation)
    if evaluation.task == "regression":
        label = "Predicted against actual amounts, and error by decile"
        drawn["amounts"] = picture(_amounts, 11, 4.6, label, evaluation)
    else:
        drawn["confusion"] = picture(_confusion, 5.4, 4.8, "Confusion matrix", evaluation)
        if evaluation.score is not None:
            label = "Reliability diagram with histogram of the predicted probabilities"
            drawn["calibration"] = picture(_calibration, 5.4, 4.8, label, evaluation)
    if evaluation.drivers:
        height = 0.9 + 0.42 * min(len(evaluation.drivers), MAX_DRIVERS)
        drawn["drivers"] = picture(_drivers, 11, height, "What drives the score, strongest first", evaluation)
    return drawn


def confusion_counts(evaluation: Evaluation) -> np.ndarray:
    """Rows by actual (first axis) and predicted class, shape (classes, classes); two classes split at 0.5."""
    classes = len(evaluation.classes)
    predicted = evaluation.outputs.argmax(axis=1)
    if classes == 2 and evaluation.positive is not None:
        above = evaluation.outputs[:, evaluation.positive] >= 0.5
        predicted = np.where(above, evaluation.positive, 1 - evaluation.positive)
    pairs = evaluation.y.astype(np.int64) * classes + predicted
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def decile_means(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Mean prediction, mean actual and mean absolute error of each tenth by prediction, shape (tenths, 3)."""
    order = np.argsort(prediction, kind="stable")
    parts = [part for part in np.array_split(order, 10) if len(part)]
    return np.array([[prediction[p].mean(), y[p].mean(), np.abs(y[p] - prediction[p]).mean()] for p in parts])


def _gain_and_lift(figure: Figure, evaluation: Evaluation) -> None:
    """Share of the positives reached, and how many times chance, against the share of users approached."""
    left, right = _panels(figure)
    grid = np.linspace(0.02, 1, 99)
    for key, score in evaluation.rankings.items():
        users, reached = gain_curve(evaluation.value, score)
        left.plot(users, reached, label=evaluation.names[key], **LINES[key])
        right.plot(grid, np.interp(grid, users, reached) / grid, **LINES[key])
    left.plot([0, 1], [0, 1], label="Chance", **IDEAL)
    right.axhline(1, **IDEAL)
    share = evaluation.metrics["model"]["gain_20"]
    left.plot([0.2, 0.2, 0], [0, share, share], color=MUTED, linewidth=1)
    left.plot(0.2, share, marker="o", color=BLUE, zorder=5)
    left.set_title(f"Gain: {100 * share:.0f} % are reached in the top 20 % of users")
    left.set(ylim=(0, 1.01), ylabel="Share reached")
    right.set(ylim=(0, None), ylabel="Times chance")
    right.set_title("Lift: how many times better than chance")
    left.legend(loc="lower right")
    for axes in (left, right):
        axes.set(xlim=(0, 1), xlabel="Users approached, best score first")
        axes.xaxis.set_major_formatter(percent())
    left.yaxis.set_major_formatter(percent())


def _calibration(figure: Figure, evaluation: Evaluation) -> None:
    """Predicted against observed rate in ten bins, over the histogram of the predicted probabilities."""
    probability = np.asarray(evaluation.score, np.float64)
    predicted, observed, rows = calibration_bins(evaluation.value, probability)
    top, bottom = figure.subplots(2, 1, height_ratios=(3.2, 1), sharex=True)
    top.plot([0, 1], [0, 1], label="Perfect", **IDEAL)
    low, high = wilson_interval(observed, rows)
    # Rounding may put a bound past the rate it surrounds by one unit in the last place.
    reach = np.maximum([observed - low, high - observed], 0)
    top.errorbar(predicted, observed, reach, color=BLUE, marker="o", capsize=3, label="This model")
    top.set(ylabel="Observed share", ylim=(-0.02, 1.02))
    top.set_title("When the model predicts p, how often is it so?")
    top.legend(loc="upper left")
    bottom.hist(probability, bins=25, range=(0, 1), color=PALE, edgecolor="white")
    bottom.set(xlabel="Predicted probability", ylabel=evaluation.counted.capitalize(), xlim=(-0.02, 1.02))
    for axis in (top.yaxis, bottom.xaxis):
        axis.set_major_formatter(percent())
    bottom.yaxis.set_major_formatter(FuncFormatter(_thousands))


def _confusion(figure: Figure, evaluation: Evaluation) -> None:
    """Actual against predicted class, counts and shares of each actual class."""
    counts = confusion_counts(evaluation)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    names = [textwrap.shorten(name, 18, placeholder="…") for name in evaluation.classes]
    few, axes = len(names) <= 4, figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts if len(names) <= MAX_CLASSES else np.empty((0, 0))):
        look: dict[str, Any] = {"color": "white" if shares[row, column] > 0.65 else INK, "ha": "center", "va": "center"}
        share = f"{shares[row, column]:.0%}".replace("%", " %")
        axes.text(column, row - 0.08, share, fontsize=14, fontweight="bold", **look)
        axes.text(column, row + 0.14, f"{count:,} {evaluation.counted}", fontsize=9, **look)
    axes.set_xticks(range(len(names)), names, rotation=0 if few else 45)
    axes.set_yticks(range(len(names)), names, rotation=90 if few else 0, va="center")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="Predicted", ylabel="Actual")
    axes.set_title("Of each actual class, how many were predicted right?")


def _drivers(figure: Figure, evaluation: Evaluation) -> None:
    """Horizontal bars of the strongest features with their intervals."""
    strongest = sorted(evaluation.drivers, key=lambda one: one.importance, reverse=True)[:MAX_DRIVERS][::-1]
    axes = figure.subplots()
    values, low, high = np.array([(one.importance, one.low, one.high) for one in strongest]).T
    reach = np.maximum([values - low, high - values], 0)
    axes.barh(range(len(values)), values, xerr=reach, color=PALE, ecolor=BLUE, capsize=3, height=0.62)
    labels = [textwrap.wrap(d.meaning or d.feature, 54, max_lines=2, placeholder=" …") for d in strongest]
    axes.set_yticks(range(len(values)), ["\n".join(lines) for lines in labels])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(axis="y", visible=False)
    axes.axvline(0, color=MUTED, linewidth=1)
    axes.set(xlabel=evaluation.driver_unit, ylim=(-0.6, len(values) - 0.4))


def _amounts(figure: Figure, evaluation: Evaluation) -> None:
    """Predicted against actual amount as a density, and mean and error by decile of the prediction."""
    left, right = _panels(figure)
    _density(evaluation, left)
    figures = decile_means(evaluation.y, evaluation.outputs)
    place = np.arange(1, len(figures) + 1)
    right.bar(place - 0.2, figures[:, 0], 0.38, color=BLUE, label="Mean predicted")
    right.bar(place + 0.2, figures[:, 1], 0.38, color=PALE, label="Mean actual")
    right.plot(place, figures[:, 2], color=ORANGE, marker="D", markersize=5, label="Mean absolute error")
    right.set_title("By tenth of users, lowest prediction first")
    right.set(xlabel="Tenth of users", ylabel=evaluation.unit, xticks=place)
    right.yaxis.set_major_formatter(FuncFormatter(_thousands))
    right.legend(loc="upper left")


def _density(evaluation: Evaluation, axes: Axes) -> None:
    """Hexagons instead of points: readable for many users, and nobody can be picked out."""
    y, prediction = evaluation.y.astype(np.float64), evaluation.outputs.astype(np.float64)
    both = np.concatenate([y, prediction])
    skewed = bool(len(y) and both.min() >= 0 and np.quantile(y, 0.99) > 5 * max(float(np.median(y)), 1e-9))
    if skewed:
        y, prediction = np.log10(1 + y), np.log10(1 + prediction)
        marks = [0, *(step * 10**power for power in range(9) for step in (1, 3))]
        marks = [mark for mark in marks if mark <= both.max()]
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks(list(np.log10(np.add(1, marks))), [f"{mark:,}" for mark in marks])
    span = (min(y.min(), prediction.min()), max(y.max(), prediction.max()))
    look: dict[str, Any] = {"bins": "log", "cmap": "Blues", "mincnt": 1, "linewidths": 0.2}
    axes.hexbin(prediction, y, gridsize=32, extent=(*span, *span), **look)
    axes.plot(span, span, **IDEAL)
    axes.set(xlabel=f"Predicted ({evaluation.unit})", ylabel=f"Actual ({evaluation.unit})")
    axes.set_title("Predicted and actual; darker means more users")


def _panels(figure: Figure) -> np.ndarray:
    figure.get_layout_engine().set(wspace=0.06)  # type: ignore[union-attr, call-arg]
    return figure.subplots(1, 2)


def _thousands(value: float, _: int) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,g}"
