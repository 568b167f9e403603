"""Entry point ``stages``: what stands at which stage, since when, by whom and why."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime

from purchasing_power.errors import DataError
from steps.promotion.ledger_words import sentence, shortened, table
from tracking import ledger, registry, runs
from tracking.alias_audit import StageAudit, audit_stages
from tracking.entry import Outputs, execute
from tracking.ledger_record import Record, problems
from tracking.registry import ModelOptions

HEADER = ("stage", "version", "since (UTC)", "by", "forced", "why")


@dataclass(frozen=True)
class Options(ModelOptions):
    """Parameters of ``stages``."""


def run(options: Options) -> Outputs:
    """Print the table and what does not fit, and keep both with the run."""
    known = ledger.records(options.registered)
    found = audit_stages(options.registered, known)
    if not known and all(one.version is None for one in found):
        raise DataError(
            f"stages: no version of {options.registered} stands at a stage and nothing is in its ledger. "
            "Train a model first, or name one that exists (-P model=NAME)."
        )
    faults = [one.problem for one in found if one.problem] + problems(known, ledger.head(options.registered))
    lines = [f"Stages of {options.registered}", table(HEADER, [_row(options.registered, one, known) for one in found])]
    lines += [f"! {fault}" for fault in faults]
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    return {"stages": runs.write_text(text, "stages.txt"), "stages_faults": str(len(faults))}


def _row(model: str, one: StageAudit, known: list[Record]) -> tuple[str, ...]:
    version = one.version or "-"
    if one.problem:
        why = "vanished" if one.version is None else "moved outside the ledger"
        return one.stage, version, "?", "?", "?", why
    if one.version is None:
        return one.stage, version, "-", "-", "-", "nothing stands here"
    if one.record is None:
        return one.stage, version, *_registered(model, one.version)
    record = one.record
    forced = "YES" if any(step.forced for step in _way(record, known)) else "no"
    return one.stage, version, record.time[:16].replace("T", " "), record.who, forced, _why(one, known)


def _way(record: Record, known: list[Record]) -> list[Record]:
    """The record and, for a move to production, the step to staging that it rests on."""
    if record.action != "promote" or record.to_stage != registry.PRODUCTION:
        return [record]
    below = [
        one
        for one in known
        if one.action == "promote"
        and one.to_stage == registry.STAGING
        and one.version == record.version
        and one.number < record.number
    ]
    return [*below[-1:], record]


def _why(one: StageAudit, known: list[Record]) -> str:
    record = one.record
    assert record is not None, "asked for stages that the ledger knows"
    if one.stage == registry.PREVIOUS:
        return f"was in production until version {record.before if record.action == 'rollback' else record.version}"
    if record.action == "rollback":
        return shortened(f"rolled back from version {record.before}: {record.reason}")
    steps = _way(record, known)
    return "; ".join(sentence(each) for each in steps)


def _registered(model: str, number: str) -> tuple[str, str, str, str]:
    """Since, by, forced and why of a version that no record put there: training makes the candidate."""
    version = registry.find(model, number)
    since = datetime.fromtimestamp(version.creation_timestamp / 1000, UTC)
    trained = version.tags.get("trained_on", "unknown rows")
    return f"{since:%Y-%m-%d %H:%M}", "-", "-", shortened(f"registered; trained on {trained}")


if __name__ == "__main__":
    execute("stages", Options, run)
