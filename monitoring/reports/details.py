"""The details of a job: one HTML file with every figure, for those who want to check the decision."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from monitoring.drift.results import ColumnDrift
from monitoring.evidence import Evidence
from monitoring.performance.results import EstimatedFigure, RealisedFigure
from monitoring.policy.decision import drifted_columns
from monitoring.policy.reasons import p_text
from purchasing_power.evaluation.bootstrap import Interval, metric_name
from purchasing_power.pages.page import DASH, GREEN, GREY, RED, bold, render_page, share
from purchasing_power.reference.columns import MISSING

MOST_ROWS, LEAST_ROWS = 15, 5
# By state; grey where there were too few users to tell.
COLOURS = {"Healthy": GREEN, "Watch": "#b7791f", "Act": RED}
Cell = str | tuple[str, str]


@dataclass(frozen=True)
class DetailsPage:
    """The material of the page. It holds no user id and no text of a user.

    Attributes
    ----------
    title
        The model's name and version.
    verdict, reasons
        The decision in one sentence, and a sentence for each kind of evidence, see ``policy.reasons``.
    compared
        Name and value of what is compared, such as the cutoffs.
    picture
        The scores at training and now.
    action
        What was done about it.
    evidently
        File name of Evidently's report beside the page.
    """

    title: str
    verdict: str
    reasons: tuple[str, ...]
    evidence: Evidence
    compared: dict[str, str]
    picture: Markup
    action: str
    evidently: str


def render(page: DetailsPage) -> str:
    """One HTML document with its picture inside; it fetches nothing and runs no script."""
    drifted = drifted_columns(page.evidence)
    state, colon, sentence = page.verdict.partition(":")
    return render_page(
        "monitoring.reports",
        "details.html.j2",
        f"{page.title}: {page.verdict}",
        colour=COLOURS.get(state, GREY) if colon else GREY,
        heading=page.title,
        headline=bold(state) + colon + sentence,
        page=page,
        rows=[_row(column, column in drifted) for column in most_drifted(page.evidence)],
        drifted=len(drifted),
        figures=[_figure(realised) for realised in page.evidence.performance.figures],
        estimates=[_estimate(estimate) for estimate in page.evidence.estimates],
    )


def most_drifted(evidence: Evidence) -> list[ColumnDrift]:
    """Drifted columns by importance-weighted drift, at most 15, filled up to five with the nearest others."""
    drifted = list(drifted_columns(evidence))
    others = sorted(
        (column for column in evidence.columns if column not in drifted),
        key=lambda column: (-column.effect, column.column),
    )
    return [*drifted, *others][: min(MOST_ROWS, max(LEAST_ROWS, len(drifted)))]


def _row(column: ColumnDrift, drifted: bool) -> dict[str, str | bool]:
    shares = f"{share(column.reference_share)} → {share(column.current_share)}"
    return {
        "name": column.column,
        "meaning": column.meaning,
        "then": number(column.reference_mean),
        "now": number(column.current_mean),
        "place": "without a value" if column.place == MISSING else column.place,
        "shares": shares if math.isfinite(column.reference_share) else DASH,
        "moved": share(column.effect, 1),
        "chance": p_text(column.p_value).removeprefix("= "),
        "drifted": drifted,
    }


def _figure(realised: RealisedFigure) -> list[Cell]:
    figure, naive, reference = realised.figure, realised.naive, realised.reference
    return [
        _name(figure.metric),
        _interval(figure, "worse" if realised.below_reference else ""),
        DASH if reference is None else _interval(reference.figure),
        f"{naive.champion:.3f}",
        (f"{naive.difference:+.3f}", f"{naive.low:+.3f} to {naive.high:+.3f}"),
    ]


def _estimate(estimate: EstimatedFigure) -> list[Cell]:
    return [
        _name(estimate.current.metric),
        _interval(estimate.current, "dropped" if estimate.dropped else ""),
        _interval(estimate.reference),
        f"{estimate.uncorrected_reference:.3f}",
    ]


def _name(metric: str) -> str:
    name = metric_name(metric)
    return name[:1].upper() + name[1:]


def _interval(interval: Interval, remark: str = "") -> tuple[str, str]:
    value = Markup(f"{interval.value:.3f} ") + bold(remark) if remark else f"{interval.value:.3f}"
    return value, f"{interval.low:.3f} to {interval.high:.3f}"


def number(value: float) -> str:
    """A number with three digits, or with all of those before the point."""
    if not math.isfinite(value):
        return DASH
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
