"""Trends of the stakeholder's page: how right the model is, what changed, and the campaign list, window by window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from monitoring.policy.past_windows import PastWindow
from monitoring.reports.trend_panel import Line, panel

BLUE, GREY, ORANGE, GREEN = "#2b6cb0", "#7b8794", "#c05621", "#2f855a"
RANKED = ("average_precision", "auc_macro", "r2")

Trend = tuple[str, Markup, list[tuple[str, str]]]


def trends(
    past: Sequence[PastWindow], here: PastWindow, figures: Mapping[str, float], words: Mapping[str, str]
) -> list[Trend]:
    """Title, picture and (name, colour) of the lines of each trend that has a point; none for a first window."""
    windows = [*((one, one.figures) for one in past), (here, figures)]
    if len(windows) < 2:
        return []
    metric = next((name for name in RANKED if any(f"realised.{name}" in of for _, of in windows)), RANKED[0])
    right = [
        Line(words["realised"], BLUE, _judged(windows, f"realised.{metric}")),
        Line(words["naive"], GREY, _judged(windows, f"naive.{metric}")),
        Line(words["promised"], GREEN, _judged(windows, f"promised.{metric}"), dashed=True),
        Line(words["estimated"], ORANGE, _seen(windows, f"estimated.{metric}"), dashed=True),
    ]
    matter = [Line(words["trend_matter"], ORANGE, _seen(windows, "drift.matter"))]
    listed = [Line(words["trend_list"], BLUE, _seen(windows, "campaign.users"))]
    panels = (
        (words["trend_right"], right, "{:.2f}"),
        (words["trend_matter"], matter, "{:.0%}"),
        (words["trend_list"], listed, "{:,.0f}"),
    )
    return [
        (
            title,
            Markup(panel(lines, form.format, title)),
            [(line.name, line.colour) for line in lines if line.drawn and len(lines) > 1],
        )
        for title, lines, form in panels
        if any(line.drawn for line in lines)
    ]


Windows = Sequence[tuple[PastWindow, Mapping[str, float]]]


def _seen(windows: Windows, name: str) -> tuple[tuple[str, float], ...]:
    """A figure at the moment of each window."""
    return tuple((one.moment, of[name]) for one, of in windows if name in of)


def _judged(windows: Windows, name: str) -> tuple[tuple[str, float], ...]:
    """A figure at each cutoff whose outcome was judged, each cutoff once."""
    return tuple(sorted({one.judged: of[name] for one, of in windows if one.judged and name in of}.items()))
