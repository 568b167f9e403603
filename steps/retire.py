"""Entry point ``retire``: delete a version, or take an alias away, unless a stage needs it."""

from __future__ import annotations

import argparse

from purchasing_power.errors import DataError
from tracking import ledger, lock, registry
from tracking.alias_audit import aliases_of
from tracking.entry import Outputs, Parser, execute

NONE = "none"


def parser() -> Parser:
    """Parameters of ``retire``."""
    return (
        Parser(prog="retire")
        .add("model", "name of the registered model")
        .add("version", "number of the version to delete, or none")
        .add("alias", "alias to take away, or none")
        .add("reason", "why, for the ledger; none leaves it open")
    )


def run(args: argparse.Namespace) -> Outputs:
    """Delete the version or take the alias away, and write it to the ledger.

    Raises
    ------
    DataError
        If not exactly one of them is named, or a stage needs it.
    """
    if (args.version == NONE) == (args.alias == NONE):
        raise DataError("retire: give either version=NUMBER or alias=NAME, one of them.")
    with lock.held(f"stages of {args.model}"):
        return _version(args) if args.alias == NONE else _alias(args)


def _version(args: argparse.Namespace) -> Outputs:
    version = registry.find(args.model, args.version)
    number = str(version.version)
    held = [alias for alias in aliases_of(args.model, number) if alias in registry.STAGES]
    if held:
        raise DataError(
            f"retire: version {number} of {args.model} stands at {', '.join(held)}; what a stage points at is "
            "kept. Promote another version, or take a stage other than production away first (-P alias=NAME)."
        )
    registry.delete(version)
    ledger.append(args.model, "retire", number, reason=_reason(args), data=_digests(version.tags))
    return {"retired": number}


def _alias(args: argparse.Namespace) -> Outputs:
    if args.alias == registry.PRODUCTION:
        raise DataError(
            f"retire: production of {args.model} is what is served. Roll back, or promote another version."
        )
    version = registry.find(args.model, args.alias)
    registry.leave(args.model, args.alias)
    ledger.append(args.model, "retire", str(version.version), from_stage=args.alias, reason=_reason(args))
    return {"retired": args.alias}


def _reason(args: argparse.Namespace) -> str:
    return "No reason was given." if args.reason == NONE else str(args.reason)


def _digests(tags: dict[str, str]) -> dict[str, str]:
    return {name: tags[name] for name in (registry.USERS_TAG, "users.digest") if name in tags}


def main() -> None:
    """Run from the command line."""
    execute("retire", parser(), run)


if __name__ == "__main__":
    main()
