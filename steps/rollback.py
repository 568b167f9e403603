"""Entry point ``rollback``: production goes back to the version before."""

from __future__ import annotations

import argparse

from mlflow.entities.model_registry import ModelVersion

from purchasing_power.errors import DataError
from tracking import ledger, lock, registry
from tracking.alias_audit import LEFT_PREVIOUS, NOBODY, came_after
from tracking.entry import Outputs, Parser, execute


def parser() -> Parser:
    """Parameters of ``rollback``."""
    return (
        Parser(prog="rollback")
        .add("model", "name of the registered model")
        .add("reason", "why, for the ledger; none leaves it open")
    )


def run(args: argparse.Namespace) -> Outputs:
    """Point production at ``previous``, and ``previous`` at what that version had replaced."""
    with lock.held(f"stages of {args.model}"):
        now = registry.number_at(args.model, registry.PRODUCTION)
        back = _previous(args.model, now)
        if now == str(back.version):
            raise DataError(
                f"rollback: version {now} of {args.model} stands in production and at previous; there is nothing to "
                "go back to. Promote another version (-P version=N)."
            )
        before = _before(back)
        registry.move_back(back, now)
        ledger.append(
            args.model,
            "rollback",
            str(back.version),
            from_stage=registry.PREVIOUS,
            to_stage=registry.PRODUCTION,
            before=now,
            reason="No reason was given." if args.reason == "none" else args.reason,
            data={LEFT_PREVIOUS: str(before.version) if before is not None else NOBODY},
        )
        registry.check_stands(back, registry.PRODUCTION)
        # After the record: an account that may move a stage may not be allowed to take an alias away.
        if before is None:
            registry.leave(args.model, registry.PREVIOUS)
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


def main() -> None:
    """Run from the command line."""
    execute("rollback", parser(), run)


if __name__ == "__main__":
    main()
