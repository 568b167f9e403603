"""Entry point ``rollback``: production goes back to the version before."""

from __future__ import annotations

from dataclasses import dataclass

from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError
from tracking import ledger, lock, registry
from tracking.alias_audit import LEFT_PREVIOUS, NOBODY, came_after
from tracking.entry import Outputs, execute, parameter
from tracking.registry import ModelOptions


@dataclass(frozen=True)
class Options(ModelOptions):
    """Parameters of ``rollback``."""

    reason: str = parameter("why, for the ledger; none leaves it open")


def run(options: Options) -> Outputs:
    """Point production at ``previous``, and ``previous`` at what that version had replaced."""
    with lock.held(f"stages of {options.registered}"):
        now = registry.number_at(options.registered, registry.PRODUCTION)
        back = _previous(options.registered, now)
        if now == str(back.version):
            raise DataError(
                f"rollback: version {now} of {options.registered} stands in production and at previous; there is "
                "nothing to go back to. Promote another version (mlflow run . -e promote -P version=N)."
            )
        before = _before(back)
        registry.move_back(back, now)
        ledger.append(
            options.registered,
            "rollback",
            str(back.version),
            from_stage=registry.PREVIOUS,
            to_stage=registry.PRODUCTION,
            before=now,
            reason="No reason was given." if options.reason == "none" else options.reason,
            data={LEFT_PREVIOUS: str(before.version) if before is not None else NOBODY},
        )
        registry.check_stands(back, registry.PRODUCTION)
        # After the record: an account that may move a stage may not be allowed to take an alias away.
        if before is None:
            registry.leave(options.registered, registry.PREVIOUS)
        else:
            registry.set_stage(before, registry.PREVIOUS)
    return {"production": str(back.version), "rolled_back": now or NOBODY}


def _previous(model: str, now: str | None) -> ModelVersion:
    """The version to go back to.

    Raises
    ------
    DataError
        If there is none.
    """
    back = registry.at_stage(model, registry.PREVIOUS)
    if back is None:
        have = ", ".join(registry.numbers(model)) or "none"
        stands = "no version" if now is None else f"version {now}"
        raise DataError(
            f"rollback: no version of {model} stands at previous, so there is nothing to go back to; {stands} "
            "is in production. A promotion that replaces a version leaves it at previous, and a rollback may use it "
            "up. Promote the version you want instead (mlflow run . -e promote -P version=N); registered are "
            f"{have}."
        )
    return back


def _before(back: ModelVersion) -> ModelVersion | None:
    """What stood in production before the version did, so that a second rollback goes on further back."""
    number = came_after(str(back.version), ledger.records(back.name))
    if number is None:
        return None
    try:
        return registry.find(back.name, number)
    except DataError:
        return None


if __name__ == "__main__":
    execute("rollback", Options, run)
