"""Earlier windows of a version, each counted once: how often performance was poor, and how right estimates were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class MonitoredWindow:
    """What the latest job on one window of rows found.

    Attributes
    ----------
    moment
        ISO date of its cutoff; of the job where the table knows no time.
    state
        ``"Healthy"``, ``"Watch"``, ``"Act"`` or ``"Too few users"``.
    important
        Whether what drifted holds enough of the feature importance.
    dropped
        Whether the estimate without labels had dropped.
    evaluated
        ISO date of the cutoff whose labels had matured; empty where none had.
    poor
        Whether the model was to blame for realised performance at ``evaluated``.
    run_id
        The job's run; empty for a window that was made by no run.
    figures
        Metrics of that run by name.
    """

    moment: str
    state: str
    drifted: bool
    important: bool
    dropped: bool
    evaluated: str
    poor: bool
    run_id: str = ""
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class WindowHistory:
    """What came before a window.

    Attributes
    ----------
    windows
        Earlier windows of the same version, oldest first.
    days_since_retrain
        Days from the window that the last finished retraining was started for, of whatever version; ``None`` where
        none is on record.
    age_days
        Days since the end of the outcomes that the version learned from; ``None`` where that is not known.
    at_work
        Whether a retraining of the model is at work at this moment, such as one whose job was killed.
    """

    windows: tuple[MonitoredWindow, ...] = ()
    days_since_retrain: float | None = None
    age_days: float | None = None
    at_work: bool = False


def latest_of_each(windows: Iterable[MonitoredWindow]) -> tuple[MonitoredWindow, ...]:
    """Each window once, oldest first: of several jobs on one window the one that comes last in ``windows`` counts."""
    return tuple(sorted({one.moment: one for one in windows}.values(), key=lambda one: one.moment))


def poor_among(windows: Iterable[MonitoredWindow], count: int) -> tuple[int, int]:
    """In how many of the newest ``count`` evaluated cutoffs performance was poor, and how many those are.

    Two windows that evaluate the same cutoff are one piece of evidence: the later one counts.
    """
    poor = {one.evaluated: one.poor for one in windows if one.evaluated}
    newest = [poor[cutoff] for cutoff in sorted(poor)[-count:]]
    return sum(newest), len(newest)


def dropped_among(windows: Iterable[MonitoredWindow], count: int) -> tuple[int, int]:
    """In how many of the newest ``count`` windows an estimated drop met important drift, and how many those are."""
    newest = [one.dropped and one.important for one in windows][-count:]
    return sum(newest), len(newest)


def since(windows: Iterable[MonitoredWindow]) -> str:
    """Moment of the first window of the unbroken row at the end that share one state; empty without windows."""
    first = state = ""
    for one in windows:
        if one.state != state:
            first, state = one.moment, one.state
    return first


@dataclass(frozen=True)
class EstimateError:
    """Mean absolute errors of a figure.

    Attributes
    ----------
    estimate
        Of the estimate without labels.
    same_as_last
        Of expecting what was realised at the cutoff that was evaluated before.
    windows
        Windows that both are means over.
    """

    estimate: float
    same_as_last: float
    windows: int


def estimate_error(
    windows: Sequence[MonitoredWindow], metric: str, realised: Mapping[str, float] | None = None
) -> EstimateError | None:
    """Errors over the cutoffs whose labels have matured since; ``None`` before the second such cutoff.

    Parameters
    ----------
    windows
        Windows of one version, oldest first.
    metric
        Name of the figure, as in ``estimated.<metric>`` and ``realised.<metric>`` of the windows' figures.
    realised
        Further realised figures by cutoff evaluated, such as that of the window at hand.
    """
    estimated = {one.moment: one.figures.get(f"estimated.{metric}") for one in windows}
    values = {
        one.evaluated: one.figures[f"realised.{metric}"]
        for one in windows
        if one.evaluated and f"realised.{metric}" in one.figures
    }
    values |= {cutoff: value for cutoff, value in (realised or {}).items() if cutoff}
    pairs = [
        (abs(value - values[cutoff]), abs(values[before] - values[cutoff]))
        for before, cutoff in pairwise(sorted(values))
        if (value := estimated.get(cutoff)) is not None
    ]
    if not pairs:
        return None
    estimate, last = np.mean(pairs, axis=0)
    return EstimateError(float(estimate), float(last), len(pairs))
