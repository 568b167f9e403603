"""Tests of the schedule: crontab lines in UTC, seconds, and no turn that passed during a job is made up for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitoring.watch import next_moment, trigger
from purchasing_power.errors import DataError


def test_a_crontab_line_is_read_in_utc() -> None:
    moment = next_moment(trigger("30 6 * * mon", datetime.now(UTC)), None)
    assert (moment.hour, moment.minute, moment.weekday()) == (6, 30, 0)
    assert moment.utcoffset() == timedelta(0) and moment > datetime.now(UTC)


def test_every_begins_now_and_leaves_out_what_passed_during_a_job() -> None:
    start = datetime.now(UTC) - timedelta(seconds=100)
    of = trigger("every 30", start)
    first = next_moment(of, None)
    after = next_moment(of, start)
    assert 0 <= (first - datetime.now(UTC)).total_seconds() <= 30 and after == first
    assert next_moment(of, first) == first + timedelta(seconds=30)
    soon = datetime.now(UTC) + timedelta(seconds=5)
    assert next_moment(trigger("every 3600", soon), None) == soon


@pytest.mark.parametrize("wrong", ["every 0", "daily", "* * * *", "61 6 * * *", "every day", ""])
def test_what_is_no_schedule_is_refused_with_what_is_allowed(wrong: str) -> None:
    with pytest.raises(DataError, match="crontab fields"):
        trigger(wrong, datetime.now(UTC))


def test_a_day_that_never_comes_is_refused() -> None:
    with pytest.raises(DataError, match="no day of any year"):
        next_moment(trigger("0 0 30 2 *", datetime.now(UTC)), None)
