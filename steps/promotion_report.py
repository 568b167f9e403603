"""The promotion decision as one HTML page."""

from __future__ import annotations

import html

from mlflow.entities.model_registry import ModelVersion

from purchasing_power.model.comparison import Comparison
from purchasing_power.model.gate import METRIC_NAMES, Decision, GateEvidence

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:16px/1.55 system-ui,sans-serif;max-width:880px;margin:2.5rem auto;padding:0 1rem;color:#1f2933}}
h1{{font-size:1.6rem;border-left:.5rem solid {colour};padding-left:.8rem}}li{{margin:.4rem 0}}
table{{border-collapse:collapse;margin:1rem 0}}
td,th{{padding:.4rem .9rem;border-bottom:1px solid #d9e2ec;text-align:right}}
td:first-child,th:first-child{{text-align:left}}.muted{{color:#52606d}}</style>
<h1>{title}</h1><p class="muted">{size}</p><h2>Why</h2><ul>{reasons}</ul>
<h2>Figures on the same held-back rows</h2>
<table><tr><th>{metric}<th>challenger<th>other<th>difference<th>{level} interval{rows}</table>
<p class="muted">Intervals are percentile bootstraps over users; both models are measured on the same draws.
A tie keeps the version in production.</p></html>"""


def promotion_report(
    version: ModelVersion, production: ModelVersion | None, evidence: GateEvidence, decision: Decision
) -> str:
    """The verdict on top, then every reason, then the comparisons."""
    standing = f"version {production.version}" if production is not None else "no version"
    verdict = (
        f"Version {version.version} is now in production (before: {standing})"
        if decision.passed
        else f"Version {version.version} was refused; {standing} stays in production"
    )
    compared = [("the naive baseline", evidence.floor)]
    if evidence.production is not None:
        compared.append((f"production, {standing}", evidence.production))
    return PAGE.format(
        title=html.escape(f"{version.name}: {verdict}"),
        colour="#2f855a" if decision.passed else "#c05621",
        size=f"{evidence.rows:,} rows of {evidence.users:,} users that no compared model has seen.",
        reasons="".join(f"<li>{html.escape(reason)}" for reason in decision.reasons),
        metric=html.escape(METRIC_NAMES[evidence.challenger.metric]),
        level=f"{evidence.challenger.level:.0%}",
        rows="".join(_row(name, one) for name, one in compared),
    )


def _row(name: str, one: Comparison) -> str:
    return (
        f"<tr><td>against {html.escape(name)}<td>{one.challenger:.4f}<td>{one.champion:.4f}"
        f"<td>{one.difference:+.4f}<td>{one.low:+.4f} to {one.high:+.4f}"
    )
