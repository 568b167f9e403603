"""The picture of the scores then and now."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from purchasing_power.pages.pictures import BLUE, MUTED, PALE, percent, picture
from purchasing_power.reference.columns import PREDICTED, SCORE, TIER, ComparedColumns
from purchasing_power.snapshot.target import TIERS

BINS = 30
MOST_CLASSES = 10


def scores_then_and_now(reference: ComparedColumns, current: ComparedColumns) -> Markup:
    """The distribution of predictions in either sample (see ``synthetic_sample``).

    Scores and tiers, or the likeliest classes of a model that gives no score.
    """
    return picture(_draw, 11, 3.8, "Predictions at the time of training and now", reference, current)


def _draw(figure: Figure, reference: ComparedColumns, current: ComparedColumns) -> None:
    if SCORE not in reference:
        name = next(iter(reference))
        before, now = reference[name], current[name]
        axes = figure.subplots()
        _bars(axes, before, now, list(pd.concat([before, now]).value_counts().index[:MOST_CLASSES]))
        axes.set_title("The likeliest class" if name == PREDICTED else name)
        axes.legend(loc="upper right")
        return
    count = 2 if TIER in reference else 1
    panels = figure.subplots(1, count, width_ratios=(1.7, 1)[:count], squeeze=False)[0]
    _histogram(panels[0], reference[SCORE], current[SCORE])
    if TIER in reference:
        _bars(panels[1], reference[TIER], current[TIER], list(TIERS))
        panels[1].set_title("Purchasing power that the model sees")


def _histogram(axes: Axes, before: pd.Series, now: pd.Series) -> None:
    both = np.concatenate([before, now])
    is_probability = bool(both.min() >= 0 and both.max() <= 1)
    # The last percent of amounts would squeeze all others into one bar; they are counted in the last bar.
    low, high = (0.0, 1.0) if is_probability else (float(both.min()), float(np.quantile(both, 0.99)))
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    then: dict[str, Any] = {"color": PALE, "label": "Then", "histtype": "stepfilled", "edgecolor": MUTED}
    looks: list[dict[str, Any]] = [
        {**then, "linewidth": 0.8},
        {"color": BLUE, "label": "Now", "histtype": "step", "linewidth": 2.2},
    ]
    for values, look in zip((before, now), looks, strict=True):
        weights = np.full(len(values), 1 / len(values))
        axes.hist(np.clip(values, edges[0], edges[-1]), bins=list(edges), weights=weights, **look)
    axes.set(xlabel="Score", ylabel="Share of users", xlim=(edges[0], edges[-1]))
    axes.set_title("How users spread over the score")
    axes.yaxis.set_major_formatter(percent(0))
    axes.legend(loc="upper right")


def _bars(axes: Axes, before: pd.Series, now: pd.Series, names: list[str]) -> None:
    place = np.arange(len(names))
    for values, shift, colour, label in ((before, -0.2, PALE, "Then"), (now, 0.2, BLUE, "Now")):
        shares = values.value_counts(normalize=True).reindex(names, fill_value=0.0).to_numpy()
        bars = axes.bar(
            place + shift, shares, 0.38, color=colour, edgecolor=MUTED, linewidth=0.8, label=label
        )
        axes.bar_label(bars, [f"{share:.0%}".replace("%", " %") for share in shares], padding=2)
    axes.set_xticks(place, [textwrap.shorten(name, 18, placeholder="…") for name in names])
    axes.tick_params(axis="x", length=0)
    axes.yaxis.set_major_formatter(percent(0))
    axes.margins(y=0.15)
