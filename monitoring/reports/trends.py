"""Trends over windows: performance, feature importance of what changed, and the campaign list."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from monitoring.policy.window_history import MonitoredWindow
from purchasing_power.pages import pictures
from purchasing_power.pages.page import share
from purchasing_power.pages.pictures import BLUE, GREEN, MUTED, ORANGE

RANKED = ("average_precision", "auc_macro", "r2")
# Room above and below the lines, as a share of their range; a range narrower than this share of the value is widened.
MARGIN, LEAST_RANGE = 0.12, 0.1
# Least distance of two values beside the ends of their lines, as a share of the picture's height.
LEAST_DISTANCE = 0.12
Windows = Sequence[tuple[MonitoredWindow, Mapping[str, float]]]


@dataclass(frozen=True)
class Line:
    """One line of a panel: its name, a colour, (ISO date, value) in order of time, and whether it is dashed."""

    name: str
    colour: str
    points: tuple[tuple[str, float], ...]
    dashed: bool = False

    @property
    def drawn(self) -> list[tuple[float, float]]:
        """Seconds and value of the points that have one."""
        return [
            (datetime.fromisoformat(moment).timestamp(), value) for moment, value in self.points if math.isfinite(value)
        ]


def trends(
    past: Sequence[MonitoredWindow], window: MonitoredWindow, figures: Mapping[str, float], words: Mapping[str, str]
) -> list[tuple[str, Markup]]:
    """Title and picture of each trend that has a point; none for a first window."""
    windows = [*((one, one.figures) for one in past), (window, figures)]
    if len(windows) < 2:
        return []
    importance = [Line(words["trend_importance"], ORANGE, _by_window(windows, "drift.matter"))]
    listed = [Line(words["trend_list"], BLUE, _by_window(windows, "campaign.users"))]
    panels = (
        (words["trend_performance"], _performance(windows, words), "{:.2f}".format),
        (words["trend_importance"], importance, share),
        (words["trend_list"], listed, "{:,.0f}".format),
    )
    return [
        (title, picture(lines, text_of, title)) for title, lines, text_of in panels if any(line.drawn for line in lines)
    ]


def picture(lines: Sequence[Line], text_of: Callable[[float], str], label: str) -> Markup:
    """The lines that have a point, each with its last value beside its end; empty where none has one.

    Parameters
    ----------
    text_of
        Writes a value for people.
    label
        What the picture shows, for those who do not see it.
    """
    drawn = [line for line in lines if line.drawn]
    return pictures.picture(_draw, 3.7, 2.1, label, drawn, text_of, len(lines) > 1) if drawn else Markup()


def _draw(figure: Figure, lines: Sequence[Line], text_of: Callable[[float], str], named: bool) -> None:
    axes = figure.subplots()
    for line in lines:
        style = "--" if line.dashed else "-"
        axes.plot(
            *zip(*line.drawn, strict=True),
            style,
            color=line.colour,
            marker="o",
            linewidth=2,
            markersize=4,
            label=line.name,
        )
    low, high = _limits([value for line in lines for _, value in line.drawn])
    axes.set(ylim=(low, high), yticks=[])
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    lowest = -math.inf
    for line in sorted(lines, key=lambda line: line.drawn[-1][1]):
        value = line.drawn[-1][1]
        lowest = max((value - low) / (high - low), lowest + LEAST_DISTANCE)
        place: dict[str, Any] = {"transform": axes.transAxes, "va": "center", "weight": "bold"}
        axes.text(1.01, lowest, text_of(value), color=line.colour, **place)
    times = [time for line in lines for time, _ in line.drawn]
    ends = sorted({min(times), max(times)})
    axes.set_xticks(ends, [f"{datetime.fromtimestamp(end):%Y-%m-%d}" for end in ends])
    axes.tick_params(axis="x", length=0)
    if named:
        figure.legend(loc="outside lower left", ncols=2, columnspacing=3, handlelength=3)


def _limits(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    half = max(high - low, LEAST_RANGE * max(abs(high), abs(low)), 1e-9) * (0.5 + MARGIN)
    return (low + high) / 2 - half, (low + high) / 2 + half


def _performance(windows: Windows, words: Mapping[str, str]) -> list[Line]:
    metric = next((name for name in RANKED if any(f"realised.{name}" in of for _, of in windows)), RANKED[0])
    return [
        Line(words["realised"], BLUE, _by_cutoff(windows, f"realised.{metric}")),
        Line(words["naive"], MUTED, _by_cutoff(windows, f"naive.{metric}")),
        Line(words["reference"], GREEN, _by_cutoff(windows, f"promised.{metric}"), dashed=True),
        Line(words["estimated"], ORANGE, _by_window(windows, f"estimated.{metric}"), dashed=True),
    ]


def _by_window(windows: Windows, name: str) -> tuple[tuple[str, float], ...]:
    """A figure at the moment of each window."""
    return tuple((one.moment, of[name]) for one, of in windows if name in of)


def _by_cutoff(windows: Windows, name: str) -> tuple[tuple[str, float], ...]:
    """A figure at each cutoff that was evaluated, each cutoff once."""
    values = {one.evaluated: of[name] for one, of in windows if one.evaluated and name in of}
    return tuple(sorted(values.items()))
