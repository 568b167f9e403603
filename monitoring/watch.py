"""Entry point ``watch``: runs ``monitor`` on a schedule, one job at a time, each window once."""

from __future__ import annotations

import argparse
import logging
import signal
import time
from datetime import UTC, datetime, timedelta
from types import FrameType

from mlflow.tracking import MlflowClient

from monitoring import monitor
from monitoring.drift.current_rows import current_rows
from monitoring.policy import past_jobs
from monitoring.policy.schedule import next_moment, trigger
from purchasing_power.errors import DataError
from purchasing_power.snapshot import user_table
from tracking import registry, runs
from tracking.chain import check_steps, entry_points, run_steps
from tracking.entry import Outputs, Parser, execute, whole

log = logging.getLogger(__name__)

JOB = "monitor"
OWN, NOT_HERE = ("schedule", "jobs"), ("exit_code",)
# A sleep ends at least so often, so that a clock that was set is noticed.
LONGEST_SLEEP_S = 60.0
SOON = timedelta(seconds=1)


def parser() -> Parser:
    """Parameters of ``watch``: those of ``monitor`` but for its exit code, when to look, and how often."""
    own = Parser(prog="watch")
    for action in monitor.parser()._actions:
        if action.dest not in ("help", *NOT_HERE):
            own.add(action.dest, str(action.help))
    return own.add("schedule", "five crontab fields in UTC, or 'every N' seconds").add(
        "jobs", "turns after which the watch ends; 0 for none", whole
    )


def run(args: argparse.Namespace) -> Outputs:
    """Wait, look, and begin again; a job that fails is told and does not end the watch."""
    given = {name: value for name, value in vars(args).items() if name not in OWN}
    check_steps([JOB], given)
    moments = trigger(args.schedule, datetime.now(UTC) + SOON)
    done: dict[str, int] = {"looked": 0, "nothing_new": 0, "failed": 0}
    last = None
    while not args.jobs or sum(done.values()) < args.jobs:
        last = next_moment(moments, last)
        _wait(last)
        done[turn(given)] += 1
    return {f"watch_{name}": str(count) for name, count in done.items()}


def turn(given: dict[str, str]) -> str:
    """One turn: ``"looked"``, ``"nothing_new"`` where its window was looked at before, or ``"failed"``."""
    try:
        runs.reap(MlflowClient())
        if looked_at(given):
            log.info("the window was looked at before: nothing to do")
            return "nothing_new"
        run_steps([JOB], given)
    except DataError as error:
        log.error("%s", error)
        return "failed"
    except Exception:
        log.exception("a job failed; the watch goes on")
        return "failed"
    return "looked"


def looked_at(given: dict[str, str]) -> bool:
    """Whether a job that ended well has looked at the window of now with the version in production."""
    args = monitor.parser().parse_args(entry_points()[JOB].arguments(given))
    version = registry.find(args.model, registry.PRODUCTION)
    table = user_table.read(runs.fetch(args.users, "users")[0])
    current = current_rows(registry.open_bundle(version), table, args.cutoff, args.seed)
    key, content = past_jobs.key_of(current), table.digest()
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
        execute("watch", parser(), run)
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGTERM) from None


if __name__ == "__main__":
    main()
