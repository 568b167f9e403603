"""Past windows of a version: what earlier jobs found, each window counted once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PastWindow:
    """What the latest job on one window of rows found.

    Attributes
    ----------
    moment
        ISO date of its cutoff; of the job where the table knows no time.
    word
        ``"Healthy"``, ``"Watch"``, ``"Act"`` or ``"Too few users"``.
    matters
        Whether what drifted holds enough of the model's attention.
    dropped
        Whether the estimate without labels had dropped.
    judged
        ISO date of the cutoff whose outcome had ripened; empty where none had.
    poor
        Whether the model was to blame for realised performance at ``judged``.
    run_id
        The job's run; empty for a window that was made by no run.
    done
        What was done about it: ``"promoted"``, ``"refused"``, ``"failed"`` or empty.
    figures
        Metrics of that run by name.
    """

    moment: str
    word: str
    drifted: bool
    matters: bool
    dropped: bool
    judged: str
    poor: bool
    run_id: str = ""
    done: str = ""
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Past:
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

    windows: tuple[PastWindow, ...] = ()
    days_since_retrain: float | None = None
    age_days: float | None = None
    at_work: bool = False


def latest_of_each(windows: Iterable[PastWindow]) -> tuple[PastWindow, ...]:
    """Each window once, oldest first: of several jobs on one window the one that comes last in ``windows`` counts."""
    return tuple(sorted({one.moment: one for one in windows}.values(), key=lambda one: one.moment))


def poor_among(windows: Iterable[PastWindow], count: int) -> tuple[int, int]:
    """In how many of the newest ``count`` judged cutoffs performance was poor, and how many those are.

    Two windows that judge the same cutoff are one piece of evidence: the later one counts.
    """
    judged = {one.judged: one.poor for one in windows if one.judged}
    newest = [judged[moment] for moment in sorted(judged)[-count:]]
    return sum(newest), len(newest)


def dropped_among(windows: Iterable[PastWindow], count: int) -> tuple[int, int]:
    """In how many of the newest ``count`` windows an estimated drop met drift that matters, and how many those are."""
    newest = [one.dropped and one.matters for one in windows][-count:]
    return sum(newest), len(newest)


def since(windows: Iterable[PastWindow]) -> str:
    """Moment of the first window of the unbroken row at the end that share one word; empty without windows."""
    first = word = ""
    for one in windows:
        if one.word != word:
            first, word = one.moment, one.word
    return first
