"""Pictures of the scores then and now, as data URIs that a page carries inside."""

from __future__ import annotations

import base64
import io
import textwrap

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from purchasing_power.evaluation.pictures import LOOKS, MUTED, PALE, SETTINGS
from purchasing_power.reference.columns import PREDICTED, SCORE, TIER, ComparedColumns
from purchasing_power.snapshot.target import TIERS

BINS = 30
MOST_CLASSES = 10
NOW = LOOKS["model"]["color"]


def scores_then_and_now(reference: ComparedColumns, current: ComparedColumns) -> str:
    """The distribution of predictions in either sample (see ``synthetic_sample``), one PNG as a data URI.

    Scores and tiers, or the likeliest classes of a model that gives no score.
    """
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(11, 3.8), layout="constrained")
        if SCORE in reference:
            count = 2 if TIER in reference else 1
            sides = figure.subplots(1, count, width_ratios=(1.7, 1)[:count], squeeze=False)[0]
            _histogram(sides[0], reference[SCORE], current[SCORE])
            if TIER in reference:
                _bars(sides[1], reference[TIER], current[TIER], list(TIERS))
                sides[1].set_title("Purchasing power that the model sees")
        else:
            name = next(iter(reference))
            before, now = reference[name], current[name]
            axes = figure.subplots()
            _bars(axes, before, now, list(pd.concat([before, now]).value_counts().index[:MOST_CLASSES]))
            axes.set_title("The likeliest class" if name == PREDICTED else name)
            axes.legend(loc="upper right")
        return _data_uri(figure)


def _histogram(axes: Axes, before: pd.Series, now: pd.Series) -> None:
    both = np.concatenate([before, now])
    is_probability = bool(both.min() >= 0 and both.max() <= 1)
    # The last percent of amounts would squeeze all others into one bar; they are counted in the last bar.
    low, high = (0.0, 1.0) if is_probability else (float(both.min()), float(np.quantile(both, 0.99)))
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    for values, look in (
        (
            before,
            {"color": PALE, "label": "Then", "histtype": "stepfilled", "edgecolor": MUTED, "linewidth": 0.8},
        ),
        (now, {"color": NOW, "label": "Now", "histtype": "step", "linewidth": 2.2}),
    ):
        weights = np.full(len(values), 1 / len(values))
        axes.hist(np.clip(values, edges[0], edges[-1]), bins=list(edges), weights=weights, **look)
    axes.set(xlabel="Score", ylabel="Share of users", xlim=(edges[0], edges[-1]))
    axes.set_title("How users spread over the score")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.legend(loc="upper right")


def _bars(axes: Axes, before: pd.Series, now: pd.Series, names: list[str]) -> None:
    place = np.arange(len(names))
    for values, shift, colour, label in ((before, -0.2, PALE, "Then"), (now, 0.2, NOW, "Now")):
        shares = values.value_counts(normalize=True).reindex(names, fill_value=0.0).to_numpy()
        bars = axes.bar(
            place + shift, shares, 0.38, color=colour, edgecolor=MUTED, linewidth=0.8, label=label
        )
        axes.bar_label(bars, [f"{share:.0%}".replace("%", " %") for share in shares], padding=2)
    axes.set_xticks(place, [textwrap.shorten(name, 18, placeholder="…") for name in names])
    axes.tick_params(axis="x", length=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.margins(y=0.15)


def _data_uri(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=170)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
