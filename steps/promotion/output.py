"""What a promotion leaves for people: figures on the run, tags and a page on the version, and the report."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

import mlflow
from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError
from purchasing_power.evaluation.bootstrap import Comparison, metric_name
from purchasing_power.gates.serving import ServingEvidence
from purchasing_power.gates.staging import GateEvidence
from purchasing_power.pages.page import GREEN, ORANGE, render_page, share, verdict
from steps.promotion.gates import Case
from steps.promotion.move import Step
from tracking import registry, runs
from tracking.entry import Outputs


def write(case: Case, placed: ModelVersion | None, steps: list[Step]) -> Outputs:
    """Write what came of the steps, and give the verdict on the last one."""
    last, dry = steps[-1], case.options.gate == "dry_run"
    passed = last.gated.decision.passed if dry else last.moved
    verdict = ("would_promote" if passed else "would_refuse") if dry else ("promoted" if passed else "refused")
    figures = _figures(steps)
    mlflow.log_metrics({f"gate.{name}": value for name, value in figures.items()})
    mlflow.set_tags({"gate": verdict, "gate.version": str(case.version.version)})
    mlflow.log_dict({"records": [asdict(step.record) for step in steps]}, "gate.json")
    for check in (check for step in steps for check in step.gated.decision.checks if not check.held):
        sys.stderr.write(f"{check.name}: {check.text}\n")
    report = runs.write_text(promotion_report(case, steps, verdict), "promotion.html")
    if not dry:
        try:
            _mark(placed or case.version, case, steps, verdict, figures, report)
        except DataError as error:
            # The ledger holds the decision; an account that may only read the version is told it all the same.
            sys.stderr.write(f"not written on the version's page: {error}\n")
    return {"gate": verdict, "promotion_report": report}


def _mark(
    version: ModelVersion, case: Case, steps: list[Step], verdict: str, figures: dict[str, float], report: str
) -> None:
    reasons = [reason for step in steps for reason in step.gated.decision.reasons]
    evidence = [s.gated.evidence for s in steps if isinstance(s.gated.evidence, GateEvidence)]
    tagged: dict[str, float | str] = {name: round(value, 6) for name, value in figures.items()}
    if evidence and evidence[0].challenger is not None:
        tagged["metric"] = evidence[0].challenger.metric
    forced = next((step.record.forced for step in steps if step.record.forced), "")
    registry.tag(
        version,
        {
            "gate": verdict,
            "gate.against": case.against or "none",
            "gate.reasons": " ".join(reasons)[: runs.LONGEST_TAG],
            "gate.figures": json.dumps(tagged),
            "gate.forced": forced or "no",
        },
    )
    headline = f"**The gate: {verdict}.**" + (f" Forced by hand: {forced}." if forced else "")
    registry.describe(version, "\n".join([headline, *(f"- {why}" for why in reasons), f"\nReport: `{report}`"]))


def _figures(steps: list[Step]) -> dict[str, float]:
    found: dict[str, float] = {}
    for evidence in (step.gated.evidence for step in steps):
        if isinstance(evidence, GateEvidence):
            found["attempt"] = float(evidence.attempt)
            if evidence.challenger is not None:
                found["challenger"] = evidence.challenger.value
            if evidence.baseline is not None:
                found["naive_difference_low"] = evidence.baseline.low
            if evidence.production is not None:
                found["production"] = evidence.production.champion
                found["difference_low"] = evidence.production.low
            found |= evidence.own.figures
        if isinstance(evidence, ServingEvidence) and evidence.load is not None:
            found |= {"p50_ms": evidence.load.p50_ms, "p99_ms": evidence.load.p99_ms}
            found["served_difference"] = evidence.difference
            if evidence.shadow is not None:
                found |= {"shadow_requests": evidence.shadow.requests, "shadow_failed": evidence.shadow.failed}
    return found


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
            (check.name, verdict("passed" if check.held else "missed", check.held), check.reason)
            for check in step.gated.decision.checks
        ],
        "record": step.record,
        "tree": {"true": " with uncommitted changes", "false": ""}.get(step.record.dirty, ""),
    }
    if isinstance(evidence, GateEvidence):
        section["metric"] = "" if evidence.challenger is None else metric_name(evidence.challenger.metric)
        section["size"] = f"{evidence.rows:,} rows of {evidence.users:,} users that no compared model has seen."
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
