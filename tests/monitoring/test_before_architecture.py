"""Tests of what a user has: a job goes on from windows and statistics that an earlier commit wrote."""

from __future__ import annotations

from pathlib import Path

import mlflow
import monitored
import pytest
from before import Before, restore

from monitoring.policy import past_jobs
from tracking import registry
from tracking.reference import open_reference


@pytest.fixture
def before(tmp_path: Path) -> Before:
    found = restore(tmp_path)
    mlflow.set_experiment("fixture")
    return found


def test_earlier_jobs_are_past_windows_with_their_states_and_figures(before: Before) -> None:
    first, second, third = monitored.moments()
    version = registry.find("shop", registry.PRODUCTION)
    jobs = past_jobs.jobs("shop")
    windows = [past_jobs.window(run) for run in jobs]
    assert [(one.moment, one.state, one.evaluated) for one in windows] == [
        (first, "Healthy", "2024-05-26"),
        (second, "Healthy", first),
    ]
    assert not any(one.drifted or one.important or one.dropped or one.poor for one in windows)
    for name in ("drift.matter", "promised.average_precision", "realised.average_precision", "estimated.auc"):
        assert all(name in one.figures for one in windows), name
    history = past_jobs.history(version, registry.open_bundle(version), third, jobs)
    assert [one.run_id for one in history.windows] == [run.info.run_id for run in jobs]


def test_stored_reference_statistics_have_the_importance_and_the_words_that_they_had(before: Before) -> None:
    reference = open_reference(registry.find("shop", registry.PRODUCTION))
    assert sum(reference.importance.values()) == pytest.approx(1) and reference.importance["spend_28d"] > 0.1
    assert reference.terms is not None and 0 < reference.terms.median_share.min() <= 1
    assert (reference.terms.users_above <= reference.terms.users).all()
    assert reference.held_out.predictions is not None and len(reference.held_out.predictions.y)


@pytest.mark.slow
def test_a_job_goes_on_from_windows_of_the_commit_before(before: Before, tmp_path: Path) -> None:
    moments = monitored.moments()
    run = monitored.look(tmp_path, moments[-1], model="shop")
    assert run.data.tags[past_jobs.STATE] == "Healthy"
    # The trend of a metric holds the windows before this one, whatever the tags and metrics were called then.
    trend = mlflow.MlflowClient().get_metric_history(run.info.run_id, "drift.matter")
    assert [one.step for one in trend] == [int(moment.replace("-", "")) for moment in moments]
    assert f"So since {moments[0]} ({len(moments)} windows)." in monitored.artifact(run, "monitor.html")
