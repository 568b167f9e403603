"""The promotion decision as one HTML page: every gate's checks, its figures, and the ledger record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment

from purchasing_power.evaluation.bootstrap import Comparison, metric_name
from purchasing_power.gates.serving import ServingEvidence
from purchasing_power.gates.staging import GateEvidence
from steps.promotion.gates import Case
from steps.promotion.move import Step

TEMPLATE = Path(__file__).with_name("promotion.html.j2")
GOOD, BAD = "#2f855a", "#c05621"


def promotion_report(case: Case, steps: list[Step], verdict: str) -> str:
    """The verdict on top, then each gate: its checks, its figures and its record."""
    template = Environment(autoescape=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        title=f"{case.home}: {_title(case, steps, verdict)}",
        colour=GOOD if verdict in ("promoted", "would_promote") else BAD,
        forced=next((step.record.forced for step in steps if step.record.forced), ""),
        steps=[_shown(step) for step in steps],
    )


def _title(case: Case, steps: list[Step], verdict: str) -> str:
    last = steps[-1]
    name = f"Version {last.record.version}"
    stage = last.gated.stage
    before = f"version {last.record.before}" if last.record.before else "no version"
    return {
        "promoted": f"{name} is now in {stage} (before: {before})",
        "refused": f"{name} was refused before {stage}; {before} stays there",
        "would_promote": f"{name} would pass up to {stage} (dry run: nothing moved)",
        "would_refuse": f"{name} would be refused before {stage} (dry run: nothing moved)",
    }[verdict]


def _shown(step: Step) -> dict[str, Any]:
    evidence = step.gated.evidence
    shown: dict[str, Any] = {
        "heading": f"The gate to {step.gated.stage}",
        "checks": step.gated.decision.checks,
        "record": step.record,
        "tree": {"true": " with uncommitted changes", "false": ""}.get(step.record.dirty, ""),
    }
    if isinstance(evidence, GateEvidence):
        shown["metric"] = "" if evidence.challenger is None else metric_name(evidence.challenger.metric)
        shown["size"] = f"{evidence.rows:,} rows of {evidence.users:,} users that no compared model has seen."
        shown["compared"] = _compared(evidence, step.record.against)
    if isinstance(evidence, ServingEvidence):
        shown["contract"] = evidence.contract
    return shown


def _compared(evidence: GateEvidence, against: str | None) -> list[dict[str, str | Comparison]]:
    rows: list[dict[str, str | Comparison]] = []
    if evidence.baseline is not None:
        rows.append({"name": evidence.baseline_name, "one": evidence.baseline})
    if evidence.production is not None:
        rows.append({"name": f"production, version {against}", "one": evidence.production})
    return rows + [{"name": f"production, {name}", "one": one} for name, one in evidence.own.comparisons]
