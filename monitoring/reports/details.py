"""The details of a job: one HTML file with every figure, for those who want to check the decision."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment

from monitoring.drift.results import ColumnDrift
from monitoring.evidence import Evidence
from monitoring.performance.results import EstimatedFigure, RealisedFigure
from monitoring.policy.decision import drifted_columns
from monitoring.policy.reasons import p_text
from purchasing_power.evaluation.bootstrap import METRIC_NAMES, Interval
from purchasing_power.reference.columns import MISSING

MOST_ROWS, LEAST_ROWS = 15, 5
SPACE, DASH = "\N{NO-BREAK SPACE}", "\N{EN DASH}"
COLOURS = {"Healthy": "#2f855a", "Watch": "#b7791f", "Act": "#c53030"}
UNKNOWN = "#52606d"


@dataclass(frozen=True)
class DetailsPage:
    """The material of one page. It holds no user id and no text of a user.

    Attributes
    ----------
    title
        The model's name and version.
    verdict, reasons
        The decision in one sentence, and a sentence for each kind of evidence, see ``policy.reasons``.
    compared
        Name and value of what is compared, such as the cutoffs.
    picture
        Data URI of the scores at training and now.
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
    picture: str
    action: str
    evidently: str


def render(page: DetailsPage) -> str:
    """One HTML document with its picture inside; it fetches nothing and runs no script."""
    template = files("monitoring.reports").joinpath("details.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    drifted = drifted_columns(page.evidence)
    state, colon, _ = page.verdict.partition(":")
    return environment.from_string(template).render(
        page=page,
        colour=COLOURS.get(state, UNKNOWN) if colon else UNKNOWN,
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
    shares = f"{_share(column.reference_share)} → {_share(column.current_share)}"
    return {
        "name": column.column,
        "meaning": column.meaning,
        "then": _number(column.reference_mean),
        "now": _number(column.current_mean),
        "place": "without a value" if column.place == MISSING else column.place,
        "shares": shares if math.isfinite(column.reference_share) else DASH,
        "moved": _share(column.effect, 1),
        "chance": p_text(column.p_value).removeprefix("= "),
        "drifted": drifted,
    }


def _figure(realised: RealisedFigure) -> dict[str, object]:
    figure, naive = realised.figure, realised.naive
    return {
        "name": _name(figure.metric),
        "realised": _interval(figure),
        "reference": (DASH, "") if realised.reference is None else _interval(realised.reference.figure),
        "naive": f"{naive.champion:.3f}",
        "ahead": (f"{naive.difference:+.3f}", f"{naive.low:+.3f} to {naive.high:+.3f}"),
        "worse": realised.below_reference,
    }


def _estimate(estimate: EstimatedFigure) -> dict[str, object]:
    return {
        "name": _name(estimate.current.metric),
        "current": _interval(estimate.current),
        "reference": _interval(estimate.reference),
        "uncorrected": f"{estimate.uncorrected_reference:.3f}",
        "dropped": estimate.dropped,
    }


def _name(metric: str) -> str:
    return METRIC_NAMES[metric][:1].upper() + METRIC_NAMES[metric][1:]


def _interval(interval: Interval) -> tuple[str, str]:
    return f"{interval.value:.3f}", f"{interval.low:.3f} to {interval.high:.3f}"


def _share(value: float, digits: int = 0) -> str:
    return f"{100 * value:.{digits}f}{SPACE}%"


def _number(value: float) -> str:
    if not math.isfinite(value):
        return DASH
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
