"""The report of a job: its records, pages and picture, Prometheus text, the alert, and the result of a retraining.

Columns are drawn from synthetic samples, spread as the counts of either sample are, in place of users.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion

from monitoring.drift.column_drift import tier_order
from monitoring.evidence import DriftResult
from monitoring.policy import past_jobs
from monitoring.policy.decision import MonitoringDecision
from monitoring.policy.policy import Policy
from monitoring.policy.retraining import RetrainingResult
from monitoring.policy.window_history import WindowHistory
from monitoring.reports import alerts, details, prometheus, record, stakeholder_report
from monitoring.reports.details import DetailsPage
from monitoring.reports.stakeholder_report import StakeholderReport
from purchasing_power.pages.pictures import BLUE, MUTED, PALE, percent, picture
from purchasing_power.reference.columns import OTHER, PREDICTED, SCORE, TIER, ComparedColumns
from purchasing_power.reference.sketch import (
    CategoryCounts,
    CategorySketch,
    Counts,
    NumericCounts,
    NumericSketch,
    Sketch,
    quantiles,
)
from tracking import registry, runs

ALERT = "monitor.alert"
DELIVERED = "delivered"
LEAST_SHARE = 1e-9
# Values of each column in either sample.
SIZE = 1_000
BINS = 30
MOST_CLASSES = 10


@dataclass(frozen=True)
class JobReport:
    """All that the reports of a job are made from.

    Attributes
    ----------
    verdict, reasons
        The decision in one sentence, and a sentence for each kind of evidence.
    key, content
        The window's key, see ``past_jobs.key_of``, and the digest of the user table.
    """

    version: ModelVersion
    result: DriftResult
    decision: MonitoringDecision
    policy: Policy
    history: WindowHistory
    verdict: str
    reasons: tuple[str, ...]
    key: str
    content: str
    language: str

    @property
    def number(self) -> str:
        """Number of the version."""
        return str(self.version.version)


def log(report: JobReport, prometheus_folder: str, workspace: Path) -> str:
    """Log metrics, records and pages, then the tags that make the window count, and give the URI of the page."""
    evidence, decision, name = report.result.evidence, report.decision, report.version.name
    snapshot = _log_evidently(report)
    record.log(
        evidence, report.result.scores, decision, report.policy, report.verdict, report.reasons, report.history.windows
    )
    page = log_pages(report, None)
    window, figures = decision.window, record.metrics(evidence)
    gauges = prometheus.gauges(name, report.number, window.moment, decision.state, decision.retrain, figures)
    runs.write_text(prometheus.as_text(gauges), prometheus.FILE)
    prometheus.write(gauges, prometheus_folder, name)
    mlflow.set_tags(past_jobs.tags_of(window, report.version, report.key, report.content))
    _add_to_workspace(report, workspace, snapshot)
    return page


def _log_evidently(report: JobReport) -> Any:
    """Log Evidently's report, and give it as the run of the window in its workspace."""
    from monitoring.reports import evidently_report

    run, evidence = mlflow.active_run(), report.result.evidence
    assert run is not None, "a window is looked at inside a run"
    both = report.result.comparison
    sketches = {**both.reference.columns, **both.reference.scores}
    snapshot = evidently_report.report(
        *synthetic_samples(sketches, {**both.columns, **both.scores}),
        evidence,
        report.result.scores,
        # Evidently says "drifted" from its share on, the policy above its own.
        max(report.policy.drift_share, LEAST_SHARE),
        replace(report.decision.window, run_id=run.info.run_id, figures=record.metrics(evidence)),
        report.number,
    )
    record.log_evidently(evidently_report.html(snapshot), snapshot.json())
    return snapshot


def _add_to_workspace(report: JobReport, workspace: Path, snapshot: Any) -> None:
    from monitoring.reports import evidently_report

    evidently_report.add_windows(
        workspace / evidently_report.FOLDER,
        report.version.name,
        report.number,
        report.history.windows,
        report.decision.window.moment,
        snapshot,
    )


def log_pages(report: JobReport, retraining: RetrainingResult | None) -> str:
    """Log the stakeholder report and the details, with the result of a retraining once that is known."""
    both, started = report.result.comparison, report.decision.retrain
    action = "Retraining was started." if started else "Nothing: no retraining was started."
    page = DetailsPage(
        title=f"{report.version.name}, version {report.number}",
        verdict=report.verdict,
        reasons=report.reasons,
        evidence=report.result.evidence,
        compared=both.described,
        picture=scores_then_and_now(*synthetic_samples(both.reference.scores, both.scores)),
        action=action if retraining is None else retraining.sentence,
        evidently=record.EVIDENTLY_PAGE,
    )
    runs.write_text(details.render(page), record.DETAILS)
    stakeholders = StakeholderReport(
        language=report.language,
        model=report.version.name,
        version=report.number,
        evidence=report.result.evidence,
        decision=report.decision,
        policy=report.policy,
        past=report.history.windows,
        figures=record.metrics(report.result.evidence),
        details=record.DETAILS,
        evidently=record.EVIDENTLY_PAGE,
        retraining=retraining,
    )
    return runs.write_text(stakeholder_report.render(stakeholders), record.PAGE)


def alert(report: JobReport, url: str | None, earlier: list[Run]) -> None:
    """Send what people have to know of, once for a window and a state, and tag the run with what became of it."""
    state = report.decision.state
    if url is None or state not in alerts.ALERTING:
        return
    known = any(
        run.data.tags.get(ALERT) == DELIVERED
        and run.data.tags[past_jobs.KEY] == report.key
        and run.data.tags[past_jobs.STATE] == state
        and run.data.tags[past_jobs.VERSION] == report.number
        for run in earlier
    )
    if known:
        mlflow.set_tag(ALERT, "sent by an earlier job on this window")
        return
    text = f"{report.version.name}, version {report.number}: {report.verdict}"
    mlflow.set_tag(ALERT, DELIVERED if alerts.send(url, text) else "failed")


def close_loop(report: JobReport, retraining: RetrainingResult, url: str | None, workspace: Path) -> None:
    """Write the result of a retraining where people look, and the drift that caused it into the new version.

    People look at the run, at its pages, and at Evidently's dashboard in the folder ``workspace``.
    """
    from monitoring.reports import evidently_report

    mlflow.set_tags({f"retrain.{name}": value for name, value in vars(retraining).items()})
    log_pages(report, retraining)
    evidently_report.add_tag(
        workspace / evidently_report.FOLDER,
        report.version.name,
        report.number,
        report.decision.window.moment,
        retraining.tag,
    )
    if retraining.version.isdigit():
        _lead_back(registry.find(report.version.name, retraining.version), report.verdict)
    if url is not None:
        alerts.send(url, f"{report.version.name}: {retraining.sentence}")


def _lead_back(version: ModelVersion, verdict: str) -> None:
    """On the new version's page: which monitoring run caused it, and that run's verdict."""
    run = mlflow.active_run()
    assert run is not None, "a retraining is started inside a run"
    registry.tag(version, {"monitor.run_id": run.info.run_id, "monitor.verdict": verdict[: runs.LONGEST_TAG]})
    cause = f"Trained because of the verdict of monitoring run `{run.info.run_id}`: {verdict}"
    registry.describe(version, "\n\n".join(part for part in (version.description, cause) if part))


def synthetic_samples(
    sketches: Mapping[str, Sketch], current: Mapping[str, Counts]
) -> tuple[ComparedColumns, ComparedColumns]:
    """1,000 values of each column, spread as the counts of the reference are and as the current ones are.

    They are quantiles and not users: values of one row have nothing to do with each other.
    """
    reference_sample: ComparedColumns = {}
    current_sample: ComparedColumns = {}
    for name, sketch in sketches.items():
        counts = current.get(name)
        if isinstance(sketch, NumericSketch) and isinstance(counts, NumericCounts):
            values = (
                quantiles(sketch, sketch.counts, sketch.missing, SIZE),
                quantiles(sketch, counts.counts, counts.missing, SIZE),
            )
            reference_sample[name], current_sample[name] = (pd.Series(one, name=name) for one in values)
        elif isinstance(sketch, CategorySketch) and isinstance(counts, CategoryCounts):
            stored = dict(zip([*sketch.names, OTHER], sketch.counts, strict=True))
            reference_sample[name] = _repeated(name, stored)
            current_sample[name] = _repeated(name, _by_category(sketch, counts))
    return reference_sample, current_sample


def _by_category(sketch: CategorySketch, counts: CategoryCounts) -> dict[str, int]:
    users = {name: int(count) for name, count in zip(sketch.names, counts.counts, strict=False)}
    others = int(counts.counts[-1]) - counts.largest_users
    large = {counts.largest_other: counts.largest_users} if counts.largest_users else {}
    return users | large | {OTHER: others}


def _repeated(name: str, users: dict[str, int]) -> pd.Series:
    counts = np.array(list(users.values()), np.float64)
    reached = np.cumsum(counts) / max(counts.sum(), 1)
    place = np.searchsorted(reached, (np.arange(SIZE) + 0.5) / SIZE)
    values = np.array(list(users), dtype=object)[np.minimum(place, len(users) - 1)]
    return pd.Series(np.random.default_rng(0).permutation(values), name=name, dtype=object)


def scores_then_and_now(reference: ComparedColumns, current: ComparedColumns) -> Markup:
    """The distribution of predictions in either of the :func:`synthetic_samples`.

    Scores and tiers, or the likeliest classes of a model that gives no score.
    """
    return picture(_draw, 11, 3.8, "Predictions at the time of training and now", reference, current)


def _draw(figure: Figure, reference: ComparedColumns, current: ComparedColumns) -> None:
    if SCORE not in reference:
        name = next(iter(reference))
        before, now = reference[name], current[name]
        axes = figure.subplots()
        _bars(axes, before, now, list(pd.concat([before, now]).value_counts().index[:MOST_CLASSES]))
        axes.set_title("The likeliest class" if name == PREDICTED else name)
        axes.legend(loc="upper right")
        return
    count = 2 if TIER in reference else 1
    panels = figure.subplots(1, count, width_ratios=(1.7, 1)[:count], squeeze=False)[0]
    _histogram(panels[0], reference[SCORE], current[SCORE])
    if TIER in reference:
        _bars(panels[1], reference[TIER], current[TIER], list(tier_order({*reference[TIER], *current[TIER]})))
        panels[1].set_title("Purchasing power that the model sees")


def _histogram(axes: Axes, before: pd.Series, now: pd.Series) -> None:
    both = np.concatenate([before, now])
    is_probability = bool(both.min() >= 0 and both.max() <= 1)
    # The last percent of amounts would squeeze all others into one bar; they are counted in the last bar.
    low, high = (0.0, 1.0) if is_probability else (float(both.min()), float(np.quantile(both, 0.99)))
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    then: dict[str, Any] = {"color": PALE, "label": "Then", "histtype": "stepfilled", "edgecolor": MUTED}
    looks: list[dict[str, Any]] = [
        {**then, "linewidth": 0.8},
        {"color": BLUE, "label": "Now", "histtype": "step", "linewidth": 2.2},
    ]
    for values, look in zip((before, now), looks, strict=True):
        weights = np.full(len(values), 1 / len(values))
        axes.hist(np.clip(values, edges[0], edges[-1]), bins=list(edges), weights=weights, **look)
    axes.set(xlabel="Score", ylabel="Share of users", xlim=(edges[0], edges[-1]))
    axes.set_title("How users spread over the score")
    axes.yaxis.set_major_formatter(percent(0))
    axes.legend(loc="upper right")


def _bars(axes: Axes, before: pd.Series, now: pd.Series, names: list[str]) -> None:
    place = np.arange(len(names))
    for values, shift, colour, label in ((before, -0.2, PALE, "Then"), (now, 0.2, BLUE, "Now")):
        shares = values.value_counts(normalize=True).reindex(names, fill_value=0.0).to_numpy()
        bars = axes.bar(place + shift, shares, 0.38, color=colour, edgecolor=MUTED, linewidth=0.8, label=label)
        axes.bar_label(bars, [f"{share:.0%}".replace("%", " %") for share in shares], padding=2)
    axes.set_xticks(place, [textwrap.shorten(name, 18, placeholder="…") for name in names])
    axes.tick_params(axis="x", length=0)
    axes.yaxis.set_major_formatter(percent(0))
    axes.margins(y=0.15)
