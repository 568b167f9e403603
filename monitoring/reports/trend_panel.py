"""Trends over windows as inline SVG: lines with their last value, readable without a script or a font of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

WIDTH, HEIGHT = 340, 170
LEFT, RIGHT, TOP, BOTTOM = 12, 58, 14, 26
# Room above and below the lines, as a share of their range; a range narrower than this share of the value is widened.
MARGIN, LEAST_RANGE = 0.12, 0.1


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


def panel(lines: Sequence[Line], text_of: Callable[[float], str], label: str) -> str:
    """One SVG of the lines that have a point; empty where none has.

    Parameters
    ----------
    text_of
        Writes a value for people.
    label
        What the picture shows, for those who do not see it.
    """
    shown = [line for line in lines if line.drawn]
    if not shown:
        return ""
    times = [time for line in shown for time, _ in line.drawn]
    x, y = _across(min(times), max(times)), _up([value for line in shown for _, value in line.drawn])
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">',
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>',
        *(_line(line, x, y) for line in shown),
        *_values(shown, y, text_of),
        *_dates(min(times), max(times)),
        "</svg>",
    ]
    return "".join(parts)


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
