"""Our own figures of a job for its reports, each with a table of what is behind it."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.drift.results import ColumnDrift, TextDrift
from monitoring.evidence import Evidence

MOST_MOVED = 30

Row = tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """A figure under a name that stays the same from job to job, and its table (none where ``heads`` is empty)."""

    name: str
    value: float
    heads: Row = ()
    rows: tuple[Row, ...] = ()


def figures(evidence: Evidence) -> list[Told]:
    """Attention on what drifted, checks of the rows, shares of the tiers, texts and words, columns."""
    made = [*_matter(evidence), _quality(evidence)]
    for share in evidence.tiers:
        row = (f"{share.expected:.1%}", f"{share.realised:.1%}", f"{share.low:.1%} to {share.high:.1%}")
        heads = ("Expected", "Now", "95 % interval")
        made.append(Told(f"Share of users in tier {share.tier}", share.realised, heads, (row,)))
    made += [] if evidence.text is None else _texts(evidence, evidence.text)
    # The longest table comes last.
    return [*made, *_columns(evidence)]


def in_order(evidence: Evidence) -> list[ColumnDrift]:
    """Columns in the order of a report: drifted ones first, and the one that matters most before the others."""
    drifted = evidence.window.columns if evidence.window is not None else ()
    return sorted(evidence.columns, key=lambda one: (one.column not in drifted, -one.matter, -one.effect))


def _matter(evidence: Evidence) -> list[Told]:
    window = evidence.window
    return [] if window is None else [Told("Share of the model's attention on what drifted", window.matter)]


def _columns(evidence: Evidence) -> list[Told]:
    window = evidence.window
    if window is None:
        return []
    rows = tuple(
        (
            one.column,
            "yes" if one.column in window.columns else "no",
            f"{one.use:.1%}",
            f"{one.effect:.1%}",
            f"{one.p_value:.2g}",
            one.place,
        )
        for one in in_order(evidence)
    )
    heads = ("Column", "Drifted", "The model's attention", "Users moved", "p-value", "Where")
    return [Told("Columns that drifted", float(len(window.columns)), heads, rows)]


def _quality(evidence: Evidence) -> Told:
    return Told(
        name="Checks of the rows that want a look",
        value=float(sum(check.verdict != "good" for check in evidence.quality)),
        heads=("Check", "Verdict", "What was found"),
        rows=tuple((check.name, check.verdict, check.said) for check in evidence.quality),
    )


def _texts(evidence: Evidence, text: TextDrift) -> list[Told]:
    told = (
        ("95 % interval", f"{text.low:.3f} to {text.high:.3f}"),
        ("p-value of the discrepancy (MMD)", f"{text.p_value:.2g}"),
        ("p-value of the words", f"{text.words_p_value:.2g}"),
    )
    moved = (*evidence.categories, *text.words)
    rows = tuple(
        (one.name, f"{one.reference_share:.1%}", f"{one.current_share:.1%}") for one in moved[:MOST_MOVED]
    )
    return [
        Told("Texts of now told from those at training (AUC)", text.auc, ("Test", "Value"), told),
        Told(
            "Words and categories that rose or fell",
            float(len(moved)),
            ("Word or category", "Users then", "Users now"),
            rows,
        ),
    ]
