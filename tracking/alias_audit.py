"""Where a model's stages stand by its ledger, beside where they stand by the registry."""

from __future__ import annotations

from dataclasses import dataclass

from mlflow.tracking import MlflowClient

from tracking import registry
from tracking.ledger_record import Record

LEFT_PREVIOUS = "previous"
NOBODY = "none"


@dataclass(frozen=True)
class StageAudit:
    """One stage.

    Attributes
    ----------
    stage
        Its name.
    version
        Version that the registry's alias points at, or ``None``.
    recorded
        Version that the ledger says stands there, or ``None``.
    record
        The record that put it there, where the ledger has one.
    """

    stage: str
    version: str | None
    recorded: str | None
    record: Record | None

    @property
    def problem(self) -> str:
        """What does not fit, in a sentence; empty where registry and ledger agree or the ledger says nothing."""
        if self.record is None or self.version == self.recorded:
            return ""
        if self.version is None:
            return (
                f"{self.stage} has vanished: by record {self.record.number} version {self.recorded} stands there. "
                "Somebody deleted the alias or the version."
            )
        return (
            f"{self.stage} points at version {self.version}, by record {self.record.number} version "
            f"{self.recorded or 'none'} stands there: it was moved past the gate, or a command was killed half-way."
        )


def audit_stages(model: str, records: list[Record]) -> list[StageAudit]:
    """Every stage, as the registry and the ledger have it."""
    recorded = replay(records)
    found = []
    for stage in registry.STAGES:
        version, record = recorded.get(stage, (None, None))
        found.append(StageAudit(stage, registry.number_at(model, stage), version, record))
    return found


def replay(records: list[Record]) -> dict[str, tuple[str | None, Record]]:
    """Version of each stage that the ledger knows about, and the record that put it there.

    A move that another process overtook, as its command wrote afterwards, does not count.
    """
    state: dict[str, tuple[str | None, Record]] = {}
    overtaken = {(one.run_id, one.version, one.to_stage) for one in records if one.action == "overtaken"}
    for one in records:
        if (one.run_id, one.version, one.to_stage) in overtaken:
            continue
        if one.action in ("promote", "rollback") and one.to_stage is not None:
            state[one.to_stage] = (one.version, one)
        if one.action == "promote" and one.to_stage == registry.PRODUCTION and one.before not in (None, one.version):
            state[registry.PREVIOUS] = (one.before, one)
        if one.action == "rollback":
            left = one.data.get(LEFT_PREVIOUS, NOBODY)
            state[registry.PREVIOUS] = (None if left == NOBODY else left, one)
        if one.action == "retire" and one.from_stage is not None:
            state[one.from_stage] = (None, one)
    return state


def came_after(version: str, records: list[Record]) -> str | None:
    """The version that a version replaced when it last came to production by the gate, or ``None``."""
    moves = [
        one
        for one in records
        if one.action == "promote" and one.to_stage == registry.PRODUCTION and one.version == version
    ]
    return moves[-1].before if moves else None


def aliases_of(model: str, version: str) -> list[str]:
    """Aliases that point at a version, in order."""
    return sorted(
        alias for alias, number in MlflowClient().get_registered_model(model).aliases.items() if str(number) == version
    )
