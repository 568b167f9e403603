"""The promotion decision as one HTML page: every gate's checks, its figures, and the ledger record."""

from __future__ import annotations

from typing import Any

from purchasing_power.evaluation.bootstrap import Comparison, metric_name
from purchasing_power.gates.serving import ServingEvidence
from purchasing_power.gates.staging import GateEvidence
from purchasing_power.pages.page import GREEN, ORANGE, render_page, share, verdict
from steps.promotion.gates import Case
from steps.promotion.move import Step


def promotion_report(case: Case, steps: list[Step], outcome: str) -> str:
    """The outcome on top, then each gate: its checks, its figures and its record."""
    headline = _headline(steps, outcome)
    return render_page(
        "steps.promotion",
        "promotion.html.j2",
        f"{case.home}: {headline}",
        colour=GREEN if outcome in ("promoted", "would_promote") else ORANGE,
        home=case.home,
        headline=headline,
        forced=next((step.record.forced for step in steps if step.record.forced), ""),
        steps=[_section(step) for step in steps],
    )


def _headline(steps: list[Step], outcome: str) -> str:
    last = steps[-1]
    name = f"Version {last.record.version}"
    stage = last.gated.stage
    before = f"version {last.record.before}" if last.record.before else "no version"
    return {
        "promoted": f"{name} is now in {stage} (before: {before})",
        "refused": f"{name} was refused before {stage}; {before} stays there",
        "would_promote": f"{name} would pass up to {stage} (dry run: nothing moved)",
        "would_refuse": f"{name} would be refused before {stage} (dry run: nothing moved)",
    }[outcome]


def _section(step: Step) -> dict[str, Any]:
    evidence = step.gated.evidence
    section: dict[str, Any] = {
        "heading": f"The gate to {step.gated.stage}",
        "checks": [
            (check.name, verdict("held" if check.held else "missed", check.held), check.reason)
            for check in step.gated.decision.checks
        ],
        "record": step.record,
        "tree": {"true": " with uncommitted changes", "false": ""}.get(step.record.dirty, ""),
    }
    if isinstance(evidence, GateEvidence):
        section["metric"] = "" if evidence.challenger is None else metric_name(evidence.challenger.metric)
        section["size"] = (
            f"{evidence.rows:,} rows of {evidence.users:,} users that no compared model has seen."
        )
        section["compared"] = _compared(evidence, step.record.against)
    if isinstance(evidence, ServingEvidence):
        section["contract"] = [
            (test.name, test.wanted, test.status, verdict("yes" if test.held else "no", test.held))
            for test in evidence.contract
        ]
    return section


def _compared(evidence: GateEvidence, against: str | None) -> list[tuple[str, ...]]:
    named: list[tuple[str, Comparison | None]] = [
        (evidence.baseline_name, evidence.baseline),
        (f"production, version {against}", evidence.production),
        *((f"production, {name}", comparison) for name, comparison in evidence.own.comparisons),
    ]
    return [
        (
            f"against {name}",
            f"{comparison.challenger:.4f}",
            f"{comparison.champion:.4f}",
            f"{comparison.difference:+.4f}",
            f"{comparison.low:+.4f} to {comparison.high:+.4f}",
            share(comparison.level, 2),
        )
        for name, comparison in named
        if comparison is not None
    ]
