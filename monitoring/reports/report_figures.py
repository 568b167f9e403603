"""Our own figures of a job for Evidently's report, and the panels of their trend in its workspace."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.drift.results import ColumnDrift, TextDrift
from monitoring.evidence import Evidence

MOST_CHANGES = 30
# Title of each panel, and the metrics in it by their stored names; those that no window has are left out by Evidently.
LINES = {
    "Realised and reference performance, and the naive baseline": (
        "realised.average_precision",
        "promised.average_precision",
        "naive.average_precision",
        "estimated.average_precision",
        "realised.auc",
        "estimated.auc",
        "realised.r2",
        "promised.r2",
        "realised.auc_macro",
        "promised.auc_macro",
    ),
    "Drift: share of the columns, and of feature importance": ("drift.share", "drift.matter"),
    "Shares of the tiers": ("tier.high", "tier.middle", "tier.low", "tier.none"),
    "Campaign list: users on it, entered, left": ("campaign.users", "campaign.entered", "campaign.left"),
}
COUNTERS = {
    "Realised average precision": "realised.average_precision",
    "Estimated average precision": "estimated.average_precision",
    "Columns that drifted": "drift.columns",
    "Feature importance of what drifted": "drift.matter",
}

Row = tuple[str, ...]


@dataclass(frozen=True)
class ReportFigure:
    """A figure under a name that stays the same from job to job, and its table (none where ``heads`` is empty)."""

    name: str
    value: float
    heads: Row = ()
    rows: tuple[Row, ...] = ()


def report_figures(evidence: Evidence) -> list[ReportFigure]:
    """Feature importance of what drifted, checks of the rows, shares of the tiers, texts and words, columns."""
    figures = [*_importance(evidence), _quality(evidence)]
    for share in evidence.tiers:
        row = (f"{share.expected:.1%}", f"{share.realised:.1%}", f"{share.low:.1%} to {share.high:.1%}")
        heads = ("Expected", "Now", "95 % interval")
        figures.append(ReportFigure(f"Share of users in tier {share.tier}", share.realised, heads, (row,)))
    figures += [] if evidence.text is None else _texts(evidence, evidence.text)
    # The longest table comes last.
    return [*figures, *_columns(evidence)]


def in_order(evidence: Evidence) -> list[ColumnDrift]:
    """Columns in the order of a report: drifted ones first, and of each the largest importance-weighted drift."""
    drifted = evidence.window.columns if evidence.window is not None else ()
    return sorted(evidence.columns, key=lambda one: (one.column not in drifted, -one.weighted_effect, -one.effect))


def _importance(evidence: Evidence) -> list[ReportFigure]:
    window = evidence.window
    return [] if window is None else [ReportFigure("Feature importance of what drifted", window.importance)]


def _columns(evidence: Evidence) -> list[ReportFigure]:
    window = evidence.window
    if window is None:
        return []
    rows = tuple(
        (
            one.column,
            "yes" if one.column in window.columns else "no",
            f"{one.importance:.1%}",
            f"{one.effect:.1%}",
            f"{one.p_value:.2g}",
            one.place,
        )
        for one in in_order(evidence)
    )
    heads = ("Column", "Drifted", "Feature importance", "Users moved", "p-value", "Where")
    return [ReportFigure("Columns that drifted", float(len(window.columns)), heads, rows)]


def _quality(evidence: Evidence) -> ReportFigure:
    return ReportFigure(
        name="Checks of the rows that want a look",
        value=float(sum(check.status != "good" for check in evidence.quality)),
        heads=("Check", "Status", "What was found"),
        rows=tuple((check.name, check.status, check.message) for check in evidence.quality),
    )


def _texts(evidence: Evidence, text: TextDrift) -> list[ReportFigure]:
    tests = (
        ("95 % interval", f"{text.low:.3f} to {text.high:.3f}"),
        ("p-value of the discrepancy (MMD)", f"{text.p_value:.2g}"),
        ("p-value of the words", f"{text.words_p_value:.2g}"),
    )
    changes = (*evidence.categories, *text.words)
    rows = tuple((one.name, f"{one.reference_share:.1%}", f"{one.current_share:.1%}") for one in changes[:MOST_CHANGES])
    heads = ("Word or category", "Users then", "Users now")
    return [
        ReportFigure("Texts separated from those at training (AUC)", text.auc, ("Test", "Value"), tests),
        ReportFigure("Words and categories that rose or fell", float(len(changes)), heads, rows),
    ]
