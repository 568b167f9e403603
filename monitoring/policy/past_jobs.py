"""Earlier jobs on a model, as the tags and metrics of their runs in MLflow record them."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

import mlflow
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion

from monitoring.policy.retraining import ENTRY_POINT
from monitoring.policy.window_history import MonitoredWindow, WindowHistory, latest_of_each
from purchasing_power.kinds.kind import Kind
from purchasing_power.model.protocol import Model, Table

# Names of tags are stored: jobs of every earlier version of the project are read by them.
MODEL, VERSION, KEY, CONTENT, MOMENT, STATE = (
    f"monitor.{name}" for name in ("model", "version", "key", "content", "moment", "word")
)
DRIFTED, IMPORTANT, DROPPED, EVALUATED, POOR = (
    f"monitor.{name}" for name in ("drifted", "matters", "dropped", "judged", "poor")
)
PARENT = "mlflow.parentRunId"
MOST_RUNS = 50_000
AFTER_ALL = "~"


def jobs(model: str) -> list[Run]:
    """Every job on a registered model that came to a decision, oldest first, but for the active run."""
    found = mlflow.search_runs(
        search_all_experiments=True,
        filter_string=f"tags.`{MODEL}` = '{model}'",
        order_by=["attributes.start_time ASC"],
        max_results=MOST_RUNS,
        output_format="list",
    )
    active = mlflow.active_run()
    return [run for run in found if active is None or run.info.run_id != active.info.run_id]


def key_of(kind: Kind, current: Table) -> str:
    """The key of a window: the day at which it stands, or the content of rows that know no time."""
    moment = kind.moment(current)
    return current.digest() if moment is None else f"{moment:%Y-%m-%d}"


def moment_of(key: str, kind: Kind, current: Table, earlier: list[Run]) -> str:
    """ISO date of a window; rows that know no time have that of the first job on them, to the second."""
    if kind.moment(current) is not None:
        return key
    known = [run.data.tags[MOMENT] for run in earlier if run.data.tags[KEY] == key]
    return known[0] if known else datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def history(version: ModelVersion, model: Model, moment: str, earlier: list[Run]) -> WindowHistory:
    """What came before a window of a version."""
    windows = latest_of_each(window(run) for run in earlier if run.data.tags[VERSION] == str(version.version))
    at = {run.info.run_id: run.data.tags[MOMENT] for run in earlier}
    started = retrainings(version.name)
    retrained = [
        at[run.data.tags[PARENT]]
        for run in started
        if run.info.status == "FINISHED" and at.get(run.data.tags.get(PARENT, ""), AFTER_ALL) <= moment
    ]
    since = model.training.known_until or _date(version.creation_timestamp)
    return WindowHistory(
        windows=tuple(one for one in windows if one.moment < moment),
        days_since_retrain=days(max(retrained), moment) if retrained else None,
        age_days=days(since, moment),
        at_work=any(run.info.status == "RUNNING" for run in started),
    )


def retrainings(model: str) -> list[Run]:
    """Runs of the entry point ``retrain`` on a registered model, whoever started them."""
    found = mlflow.search_runs(
        search_all_experiments=True,
        filter_string=f"tags.`mlflow.project.entryPoint` = '{ENTRY_POINT}'",
        max_results=MOST_RUNS,
        output_format="list",
    )
    # mlflow run logs values as the shell quotes them.
    return [run for run in found if run.data.params.get("model") in (model, shlex.quote(model))]


def window(run: Run) -> MonitoredWindow:
    """The window of one job."""
    tags = run.data.tags
    return MonitoredWindow(
        moment=tags[MOMENT],
        state=tags[STATE],
        drifted=tags[DRIFTED] == "true",
        important=tags[IMPORTANT] == "true",
        dropped=tags[DROPPED] == "true",
        evaluated=tags[EVALUATED],
        poor=tags[POOR] == "true",
        run_id=run.info.run_id,
        figures=dict(run.data.metrics),
    )


def tags_of(window: MonitoredWindow, version: ModelVersion, key: str, content: str) -> dict[str, str]:
    """Tags by which later jobs know a window; :func:`window` reads them.

    Parameters
    ----------
    key, content
        The window's key, and the digest of the whole user table.
    """

    def flag(value: bool) -> str:
        return str(value).lower()

    return {
        MODEL: version.name,
        VERSION: str(version.version),
        KEY: key,
        CONTENT: content,
        MOMENT: window.moment,
        STATE: window.state,
        DRIFTED: flag(window.drifted),
        IMPORTANT: flag(window.important),
        DROPPED: flag(window.dropped),
        EVALUATED: window.evaluated,
        POOR: flag(window.poor),
    }


def step_of(moment: str) -> int:
    """A window as the step of MLflow's metrics: its date as the number YYYYMMDD."""
    return int(moment[:10].replace("-", ""))


def days(first: str, last: str) -> float:
    """Days from one ISO date to a later one."""
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds() / 86_400


def _date(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
