"""Trends over windows, as inline SVG that is readable without a script or a font of its own.

Performance, feature importance of what changed, and the campaign list, each window with a point.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from markupsafe import Markup

from monitoring.policy.window_history import MonitoredWindow

BLUE, GREY, ORANGE, GREEN = "#2b6cb0", "#7b8794", "#c05621", "#2f855a"
RANKED = ("average_precision", "auc_macro", "r2")
WIDTH, HEIGHT = 340, 170
LEFT, RIGHT, TOP, BOTTOM = 12, 58, 14, 26
# Room above and below the lines, as a share of their range; a range narrower than this share of the value is widened.
MARGIN, LEAST_RANGE = 0.12, 0.1


Windows = Sequence[tuple[MonitoredWindow, Mapping[str, float]]]
Trend = tuple[str, Markup, list[tuple[str, str]]]


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
            (datetime.fromisoformat(moment).timestamp(), value)
            for moment, value in self.points
            if math.isfinite(value)
        ]


def trends(
    past: Sequence[MonitoredWindow],
    window: MonitoredWindow,
    figures: Mapping[str, float],
    words: Mapping[str, str],
) -> list[Trend]:
    """Title, picture and (name, colour) of the lines of each trend that has a point; none for a first window."""
    windows = [*((one, one.figures) for one in past), (window, figures)]
    if len(windows) < 2:
        return []
    importance = [Line(words["trend_importance"], ORANGE, _by_window(windows, "drift.matter"))]
    listed = [Line(words["trend_list"], BLUE, _by_window(windows, "campaign.users"))]
    panels = (
        (words["trend_performance"], _performance(windows, words), "{:.2f}"),
        (words["trend_importance"], importance, "{:.0%}"),
        (words["trend_list"], listed, "{:,.0f}"),
    )
    return [
        (
            title,
            Markup(picture(lines, form.format, title)),
            [(line.name, line.colour) for line in lines if line.drawn and len(lines) > 1],
        )
        for title, lines, form in panels
        if any(line.drawn for line in lines)
    ]


def picture(lines: Sequence[Line], text_of: Callable[[float], str], label: str) -> str:
    """One SVG of the lines that have a point; empty where none has.

    Parameters
    ----------
    text_of
        Writes a value for people.
    label
        What the picture shows, for those who do not see it.
    """
    drawn = [line for line in lines if line.drawn]
    if not drawn:
        return ""
    times = [time for line in drawn for time, _ in line.drawn]
    x, y = _across(min(times), max(times)), _up([value for line in drawn for _, value in line.drawn])
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">',
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>',
        *(_line(line, x, y) for line in drawn),
        *_values(drawn, y, text_of),
        *_dates(min(times), max(times)),
        "</svg>",
    ]
    return "".join(parts)


def _performance(windows: Windows, words: Mapping[str, str]) -> list[Line]:
    metric = next((name for name in RANKED if any(f"realised.{name}" in of for _, of in windows)), RANKED[0])
    return [
        Line(words["realised"], BLUE, _by_cutoff(windows, f"realised.{metric}")),
        Line(words["naive"], GREY, _by_cutoff(windows, f"naive.{metric}")),
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


def _line(line: Line, x: Callable[[float], float], y: Callable[[float], float]) -> str:
    places = [(x(time), y(value)) for time, value in line.drawn]
    path = " ".join(f"{across:.1f},{up:.1f}" for across, up in places)
    dash = ' stroke-dasharray="5 4"' if line.dashed else ""
    dots = "".join(
        f'<circle cx="{across:.1f}" cy="{up:.1f}" r="3" fill="{line.colour}"/>' for across, up in places
    )
    return f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="2"{dash}/>{dots}'


def _values(lines: Sequence[Line], y: Callable[[float], float], text_of: Callable[[float], str]) -> list[str]:
    """The last value of each line beside its end, pushed apart where they would cover each other."""
    made, lowest = [], -math.inf
    for line in sorted(lines, key=lambda one: y(one.drawn[-1][1])):
        value = line.drawn[-1][1]
        at = max(y(value), lowest + 15)
        lowest = at
        made.append(
            f'<text x="{WIDTH - RIGHT + 8}" y="{at + 4:.1f}" fill="{line.colour}">{escape(text_of(value))}</text>'
        )
    return made


def _dates(first: float, last: float) -> list[str]:
    ends = [(LEFT, "start", first)] + ([(WIDTH - RIGHT, "end", last)] if last > first else [])
    return [
        f'<text class="date" x="{at}" y="{HEIGHT - 8}" text-anchor="{anchor}">'
        f"{datetime.fromtimestamp(moment):%Y-%m-%d}</text>"
        for at, anchor, moment in ends
    ]


def _across(first: float, last: float) -> Callable[[float], float]:
    span = last - first
    return lambda time: LEFT + 4 + (WIDTH - LEFT - RIGHT - 8) * ((time - first) / span if span else 0.5)


def _up(values: list[float]) -> Callable[[float], float]:
    low, high = min(values), max(values)
    room = max(high - low, LEAST_RANGE * max(abs(high), abs(low)), 1e-9)
    middle = (high + low) / 2
    bottom, whole = middle - room * (0.5 + MARGIN), room * (1 + 2 * MARGIN)
    return lambda value: HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - bottom) / whole
