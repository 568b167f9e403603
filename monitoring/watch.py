"""Entry point ``watch``: runs ``monitor`` on a schedule, one job at a time, each window once."""

from __future__ import annotations

import logging
import re
import signal
import time
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from types import FrameType

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from mlflow.tracking import MlflowClient

from monitoring.monitor import JobOptions
from monitoring.policy import past_jobs
from purchasing_power.errors import DataError
from purchasing_power.kinds import registry as kinds
from tracking import registry, runs
from tracking.chain import run_steps
from tracking.entry import Outputs, count, execute, parameter

log = logging.getLogger(__name__)

JOB = "monitor"
# A sleep ends at least so often, so that a clock that was set is noticed.
LONGEST_SLEEP_S = 60.0
SOON = timedelta(seconds=1)
EVERY = re.compile(r"every (\d+) ?s?")


def trigger(schedule: str, start: datetime) -> BaseTrigger:
    """What gives the moments of a schedule, in UTC.

    Parameters
    ----------
    schedule
        Five crontab fields, such as ``0 6 * * mon``, or ``every N``: every N seconds.
    start
        First moment of an ``every``; it must be to come, or the first is a whole turn later.

    Raises
    ------
    DataError
        If it is neither.
    """
    if found := EVERY.fullmatch(schedule.strip()):
        if int(found[1]) > 0:
            return IntervalTrigger(seconds=int(found[1]), start_date=start, timezone=UTC)
    else:
        try:
            return CronTrigger.from_crontab(schedule, timezone=UTC)
        except ValueError:
            pass
    raise DataError(
        f"schedule: got {schedule!r}; allowed are five crontab fields in UTC, such as '0 6 * * mon', and 'every N' "
        "with N seconds above 0. Set one of them."
    )


def next_moment(of: BaseTrigger, last: datetime | None) -> datetime:
    """The next moment that is still to come; those that passed during a job are left out.

    Raises
    ------
    DataError
        If there is none, as with 30 February.
    """
    now = datetime.now(UTC)
    # With the last moment, a trigger would give those that passed since, one by one.
    moment = of.get_next_fire_time(None, now if last is None else max(now, last + timedelta(microseconds=1)))
    if moment is None:
        raise DataError("schedule: no day of any year fits it. Set one that comes.")
    return moment


@dataclass(frozen=True)
class Options(JobOptions):
    """Parameters of ``watch``: those of ``monitor`` but for its exit code, when to look, and how often."""

    schedule: str = parameter("five crontab fields in UTC, or 'every N' seconds")
    jobs: int = parameter("turns after which the watch ends; 0 for none", count)


def run(options: Options) -> Outputs:
    """Wait, look, and begin again; a job that fails is logged and does not end the watch."""
    moments = trigger(options.schedule, datetime.now(UTC) + SOON)
    counts: dict[str, int] = {"looked": 0, "nothing_new": 0, "failed": 0}
    last = None
    while not options.jobs or sum(counts.values()) < options.jobs:
        last = next_moment(moments, last)
        _wait(last)
        counts[turn(options)] += 1
    return {f"watch_{name}": str(count) for name, count in counts.items()}


def turn(options: JobOptions) -> str:
    """One turn: ``"looked"``, ``"nothing_new"`` where its window was looked at before, or ``"failed"``."""
    given = {one.name: getattr(options, one.name) for one in fields(JobOptions)}
    try:
        runs.reap(MlflowClient())
        if looked_at(options):
            log.info("the window was looked at before: nothing to do")
            return "nothing_new"
        run_steps([JOB], {name: "auto" if value is None else str(value) for name, value in given.items()})
    except DataError as error:
        log.error("%s", error)
        return "failed"
    except Exception:
        log.exception("a job failed; the watch goes on")
        return "failed"
    return "looked"


def looked_at(options: JobOptions) -> bool:
    """Whether a job that ended well has looked at the current window with the version in production."""
    kind = kinds.kind(options.kind)
    version = registry.find(options.registered, registry.PRODUCTION)
    table = kind.read(runs.fetch(options.users, "users")[0])
    model = registry.open_model(version, kind)
    current = kind.current_rows(model, table, options.cutoff, options.seed)
    key, content = past_jobs.key_of(kind, current), table.digest()
    return any(
        run.info.status == "FINISHED"
        and run.data.tags[past_jobs.KEY] == key
        and run.data.tags[past_jobs.VERSION] == str(version.version)
        and run.data.tags[past_jobs.CONTENT] == content
        for run in past_jobs.jobs(version.name)
    )


def _wait(moment: datetime) -> None:
    while (left := (moment - datetime.now(UTC)).total_seconds()) > 0:
        time.sleep(min(left, LONGEST_SLEEP_S))


def _stop(number: int, _: FrameType | None) -> None:
    """End as an interrupted command does: MLflow Projects then ends the retraining that it waits for."""
    raise KeyboardInterrupt


def main() -> None:
    """Run from the command line."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        execute("watch", Options, run)
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGTERM) from None


if __name__ == "__main__":
    main()
