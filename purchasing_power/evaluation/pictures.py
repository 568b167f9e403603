"""Pictures of an evaluation as inline SVG: nothing is fetched, and text stays text."""

from __future__ import annotations

import io
import re
import textwrap
import warnings
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from purchasing_power.evaluation.evaluation import Evaluation
from purchasing_power.evaluation.metrics import calibration_bins, gain_curve, wilson_interval

# Okabe & Ito (2008): told apart with every common colour blindness; line styles repeat the difference.
LOOKS: dict[str, dict[str, Any]] = {
    "model": {"color": "#0072B2", "linewidth": 2.4, "linestyle": "-", "zorder": 4},
    "naive": {"color": "#D55E00", "linewidth": 1.7, "linestyle": "--", "zorder": 3},
    "rfm": {"color": "#009E73", "linewidth": 1.7, "linestyle": "-.", "zorder": 2},
}
AGREED: dict[str, Any] = {"color": "#3e4c59", "linewidth": 1.3, "linestyle": (0, (1.5, 2.5))}
INK, MUTED, GRID, PALE = "#1f2933", "#616e7c", "#e4e7eb", "#bcdcf0"
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "purchasing-power",
    "text.parse_math": False,
    "font.family": ["sans-serif"],
    "font.size": 9.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "savefig.dpi": 150,
}
MAX_DRIVERS = 15


def gain_and_lift(evaluation: Evaluation) -> str:
    """Share of the sought found, and how many times chance, against the share of users approached."""
    with matplotlib.rc_context(SETTINGS):
        figure, (left, right) = _panels(11, 4.4, 2)
        grid = np.linspace(0.02, 1, 99)
        for key, score in evaluation.rankings.items():
            users, held = gain_curve(evaluation.value, score)
            left.plot(users, held, label=evaluation.names[key], **LOOKS[key])
            right.plot(grid, np.interp(grid, users, held) / grid, **LOOKS[key])
        left.plot([0, 1], [0, 1], label="Chance", **AGREED)
        right.axhline(1, **AGREED)
        _mark_top_fifth(evaluation, left)
        left.set(ylim=(0, 1.01), ylabel="Share found")
        right.set(ylim=(0, None), ylabel="Times chance")
        right.set_title("Lift: how many times better than chance")
        left.legend(loc="lower right")
        for axes in (left, right):
            axes.set(xlim=(0, 1), xlabel="Users approached, best score first")
            axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        left.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        return _svg(figure, "Gain and lift curves of the model and the baselines")


def calibration(evaluation: Evaluation) -> str:
    """Predicted against observed rate in ten bins, over the histogram of the predicted probabilities."""
    probability = np.asarray(evaluation.score, np.float64)
    predicted, observed, rows = calibration_bins(evaluation.value, probability)
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(5.4, 4.8), layout="constrained")
        top, bottom = figure.subplots(2, 1, height_ratios=(3.2, 1), sharex=True)
        top.plot([0, 1], [0, 1], label="Perfect", **AGREED)
        low, high = wilson_interval(observed, rows)
        # Rounding may put a bound past the rate it surrounds by one unit in the last place.
        reach = np.maximum([observed - low, high - observed], 0)
        blue = LOOKS["model"]["color"]
        top.errorbar(predicted, observed, reach, color=blue, marker="o", capsize=3, label="This model")
        top.set(ylabel="Observed share", ylim=(-0.02, 1.02))
        top.set_title("When the model says p, how often is it so?")
        top.legend(loc="upper left")
        bottom.hist(probability, bins=25, range=(0, 1), color=PALE, edgecolor="white")
        bottom.set(xlabel="Predicted probability", ylabel=evaluation.counted.capitalize(), xlim=(-0.02, 1.02))
        for axis in (top.yaxis, bottom.xaxis):
            axis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        bottom.yaxis.set_major_formatter(FuncFormatter(_thousands))
        return _svg(figure, "Reliability diagram with histogram of the predicted probabilities")


def confusion(evaluation: Evaluation) -> str:
    """Actual against predicted class, counts and shares of each actual class."""
    counts = confusion_counts(evaluation)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    names = [textwrap.shorten(name, 18, placeholder="…") for name in evaluation.classes]
    with matplotlib.rc_context(SETTINGS | {"axes.grid": False}):
        figure = Figure(figsize=(5.4, 4.8), layout="constrained")
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (row, column), count in np.ndenumerate(counts if len(names) <= 8 else np.empty((0, 0))):
            ink = "white" if shares[row, column] > 0.65 else INK
            axes.text(column, row - 0.08, f"{shares[row, column]:.0%}".replace("%", " %"), color=ink,
                      ha="center", va="center", fontsize=14, fontweight="bold")  # fmt: skip
            axes.text(
                column,
                row + 0.14,
                f"{count:,} {evaluation.counted}",
                color=ink,
                ha="center",
                va="center",
                fontsize=9,
            )
        axes.set_xticks(range(len(names)), names, rotation=0 if len(names) <= 4 else 45)
        axes.set_yticks(range(len(names)), names, rotation=90 if len(names) <= 4 else 0, va="center")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set(xlabel="Predicted", ylabel="Actual")
        axes.set_title("Of each actual class, how many were named right?")
        return _svg(figure, "Confusion matrix")


def confusion_counts(evaluation: Evaluation) -> np.ndarray:
    """Rows by actual (first axis) and predicted class, shape (classes, classes); two classes split at 0.5."""
    classes = len(evaluation.classes)
    predicted = evaluation.outputs.argmax(axis=1)
    if classes == 2 and evaluation.positive is not None:
        sought = evaluation.outputs[:, evaluation.positive] >= 0.5
        predicted = np.where(sought, evaluation.positive, 1 - evaluation.positive)
    pairs = evaluation.y.astype(np.int64) * classes + predicted
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def drivers(evaluation: Evaluation) -> str:
    """Horizontal bars of the strongest features with their intervals."""
    shown = sorted(evaluation.drivers, key=lambda driver: driver.importance, reverse=True)[:MAX_DRIVERS][::-1]
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(11, 0.9 + 0.42 * len(shown)), layout="constrained")
        axes = figure.subplots()
        values, low, high = np.array([(d.importance, d.low, d.high) for d in shown]).T
        reach, blue = np.maximum([values - low, high - values], 0), LOOKS["model"]["color"]
        axes.barh(range(len(shown)), values, xerr=reach, color=PALE, ecolor=blue, capsize=3, height=0.62)
        axes.set_yticks(range(len(shown)), [_driver_label(d.meaning or d.feature) for d in shown])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.grid(axis="y", visible=False)
        axes.axvline(0, color=MUTED, linewidth=1)
        axes.set(xlabel=evaluation.driver_unit, ylim=(-0.6, len(shown) - 0.4))
        return _svg(figure, "What drives the score, strongest first")


def amounts(evaluation: Evaluation) -> str:
    """Predicted against actual amount as a density, and mean and error by decile of the prediction."""
    with matplotlib.rc_context(SETTINGS):
        figure, (left, right) = _panels(11, 4.6, 2)
        _density(evaluation, left)
        figures = decile_means(evaluation.y, evaluation.outputs)
        place = np.arange(1, len(figures) + 1)
        blue, orange = LOOKS["model"]["color"], LOOKS["naive"]["color"]
        right.bar(place - 0.2, figures[:, 0], 0.38, color=blue, label="Mean predicted")
        right.bar(place + 0.2, figures[:, 1], 0.38, color=PALE, label="Mean actual")
        right.plot(place, figures[:, 2], color=orange, marker="D", markersize=5, label="Mean absolute error")
        right.set_title("By tenth of users, lowest prediction first")
        right.set(xlabel="Tenth of users", ylabel=evaluation.unit, xticks=place)
        right.yaxis.set_major_formatter(FuncFormatter(_thousands))
        right.legend(loc="upper left")
        return _svg(figure, "Predicted against actual amounts, and error by decile")


def decile_means(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Mean prediction, mean actual and mean absolute error of each tenth by prediction, shape (tenths, 3)."""
    order = np.argsort(prediction, kind="stable")
    parts = [part for part in np.array_split(order, 10) if len(part)]
    return np.array([[prediction[p].mean(), y[p].mean(), np.abs(y[p] - prediction[p]).mean()] for p in parts])


def _density(evaluation: Evaluation, axes: Axes) -> None:
    """Hexagons instead of points: readable for many users, and nobody can be picked out."""
    y, prediction = evaluation.y.astype(np.float64), evaluation.outputs.astype(np.float64)
    both = np.concatenate([y, prediction])
    bent = bool(len(y) and both.min() >= 0 and np.quantile(y, 0.99) > 5 * max(float(np.median(y)), 1e-9))
    if bent:
        y, prediction = np.log10(1 + y), np.log10(1 + prediction)
        marks = [0, *(step * 10**power for power in range(9) for step in (1, 3))]
        shown = [mark for mark in marks if mark <= both.max()]
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks(list(np.log10(np.add(1, shown))), [f"{mark:,}" for mark in shown])
    span = (min(y.min(), prediction.min()), max(y.max(), prediction.max()))
    look: dict[str, Any] = {"bins": "log", "cmap": "Blues", "mincnt": 1, "linewidths": 0.2}
    axes.hexbin(prediction, y, gridsize=32, extent=(*span, *span), **look)
    axes.plot(span, span, **AGREED)
    axes.set(xlabel=f"Predicted ({evaluation.unit})", ylabel=f"Actual ({evaluation.unit})")
    axes.set_title("Predicted and actual; darker means more users")


def _mark_top_fifth(evaluation: Evaluation, axes: Axes) -> None:
    share = evaluation.metrics["model"]["gain_20"]
    axes.plot([0.2, 0.2, 0], [0, share, share], color=MUTED, linewidth=1)
    axes.plot(0.2, share, marker="o", color=LOOKS["model"]["color"], zorder=5)
    axes.set_title(f"Gain: {100 * share:.0f} % is found in the top 20 % of users")


def _panels(width: float, height: float, count: int) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(wspace=0.06)  # type: ignore[union-attr, call-arg]
    return figure, figure.subplots(1, count)


def _driver_label(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 54, max_lines=2, placeholder=" …"))


def _thousands(value: float, _: int) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,g}"


def _svg(figure: Figure, label: str) -> str:
    """SVG for use inside HTML, where name spaces and metadata (both full of addresses) mean nothing."""
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # Text stays text, so the reader's browser has the glyphs that Matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' id="(figure|axes|patch|text|line2d|matplotlib|xtick|ytick|legend)[\w.]*"', "", text)
    opening = rf'<svg viewBox="\1" role="img" aria-label="{label}">'
    return re.sub(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>', opening, text, count=1)
