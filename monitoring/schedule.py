"""When a watch looks: a crontab line in UTC, or every so many seconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from purchasing_power.errors import DataError

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
