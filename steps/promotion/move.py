"""A gate's decision carried out: the stage moved or kept, and the record written either way."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError
from purchasing_power.gates.staging import GateEvidence
from steps.promotion.gates import Case, GateResult
from steps.promotion.serving import APPROVED_BY
from tracking import ledger, registry
from tracking.ledger_record import Record


@dataclass(frozen=True)
class Step:
    """One step up: what the gate said, whether the stage moved, and the record of it."""

    gated: GateResult
    moved: bool
    record: Record


def carry_out(case: Case, gated: GateResult, placed: ModelVersion | None, expected: str | None) -> Step:
    """Move the stage where the gate or a stated reason allows it, and write the record.

    Parameters
    ----------
    placed
        The version in the model whose stages move; ``None`` where it has not been copied there yet.
    expected
        Version at the stage when the gate began.

    Raises
    ------
    DataError
        If the gate could not evaluate the version, or the stage was moved in the meantime; recorded before.
    """
    forced = "" if gated.decision.passed or case.options.force == "none" else str(case.options.force)
    moves = case.options.gate == "enforce" and (gated.decision.passed or forced != "")
    action = "promote" if moves else "dry_run" if case.options.gate == "dry_run" else "refuse"
    try:
        if moves:
            placed = placed or _copied(case)
            registry.move(placed, gated.stage, expected)
    except DataError as error:
        _record_refusal(case, gated, placed, expected, error)
        raise
    record = _record(case, gated, action, placed, expected, forced if moves else "")
    if moves and placed is not None:
        _check_still_there(case, gated, placed, expected)
    if gated.failure is not None and action == "refuse":
        raise gated.failure
    return Step(gated, moves, record)


def _record_refusal(
    case: Case, gated: GateResult, placed: ModelVersion | None, expected: str | None, error: DataError
) -> None:
    try:
        _record(case, gated, "refuse", placed, expected, "", str(error))
    except DataError as unwritten:
        raise DataError(f"{error} {unwritten}") from error


def _check_still_there(case: Case, gated: GateResult, placed: ModelVersion, expected: str | None) -> None:
    """Tell in the ledger that another process has moved the stage since, where no lock kept it out."""
    try:
        registry.check_stands(placed, gated.stage)
    except registry.ConcurrentMove as error:
        _record(case, gated, "overtaken", placed, expected, "", str(error))
        raise


def _copied(case: Case) -> ModelVersion:
    found = registry.copy_of(case.version, case.home)
    if found is not None:
        return found
    made = registry.copy(case.version, case.home)
    reason = f"Copied from version {case.version.version} of {case.version.name}."
    ledger.append(case.home, "copy", str(made.version), reason=reason)
    return made


def _record(
    case: Case,
    gated: GateResult,
    action: str,
    placed: ModelVersion | None,
    expected: str | None,
    forced: str,
    lost: str = "",
) -> Record:
    return ledger.append(
        case.home,
        action,
        str(placed.version) if placed is not None else f"{case.version.version} of {case.version.name}",
        from_stage=registry.STAGING if gated.stage == registry.PRODUCTION else registry.CANDIDATE,
        to_stage=gated.stage,
        before=expected,
        against=case.against,
        attempt=gated.attempt,
        reason=lost or " ".join(gated.decision.reasons),
        forced=forced,
        approved_by=case.version.tags.get(APPROVED_BY),
        data=gated.data or {"users": case.uri},
        figures=_figures(gated),
        checks=[asdict(check) for check in gated.decision.checks],
        policy=asdict(gated.policy),
    )


def _figures(gated: GateResult) -> dict[str, Any]:
    if isinstance(gated.evidence, GateEvidence):
        return gated.evidence.to_dict()
    return {} if gated.evidence is None else asdict(gated.evidence)
