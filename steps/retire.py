"""Entry point ``retire``: delete a version, or take an alias away, unless a stage needs it."""

from __future__ import annotations

from dataclasses import dataclass

from purchasing_power.errors import DataError
from tracking import ledger, lock, registry
from tracking.alias_audit import aliases_of
from tracking.entry import Outputs, execute, parameter
from tracking.registry import ModelOptions

NONE = "none"


@dataclass(frozen=True)
class Options(ModelOptions):
    """Parameters of ``retire``."""

    version: str = parameter("number of the version to delete, or none")
    alias: str = parameter("alias to take away, or none")
    reason: str = parameter("why, for the ledger; none leaves it open")


def run(options: Options) -> Outputs:
    """Delete the version or take the alias away, and write it to the ledger.

    Raises
    ------
    DataError
        If not exactly one of them is named, or a stage needs it.
    """
    if (options.version == NONE) == (options.alias == NONE):
        raise DataError("retire: give either version=NUMBER or alias=NAME, one of them.")
    with lock.held(f"stages of {options.registered}"):
        return _version(options) if options.alias == NONE else _alias(options)


def _version(options: Options) -> Outputs:
    version = registry.find(options.registered, options.version)
    number = str(version.version)
    held = [alias for alias in aliases_of(options.registered, number) if alias in registry.STAGES]
    if held:
        raise DataError(
            f"retire: version {number} of {options.registered} stands at {', '.join(held)}; what a stage points at is "
            "kept. Promote another version, or take a stage other than production away first (-P alias=NAME)."
        )
    registry.delete(version)
    ledger.append(options.registered, "retire", number, reason=_reason(options), data=_digests(version.tags))
    return {"retired": number}


def _alias(options: Options) -> Outputs:
    if options.alias == registry.PRODUCTION:
        raise DataError(
            f"retire: production of {options.registered} is what is served. Roll back, or promote another version."
        )
    version = registry.find(options.registered, options.alias)
    registry.leave(options.registered, options.alias)
    ledger.append(options.registered, "retire", str(version.version), from_stage=options.alias, reason=_reason(options))
    return {"retired": options.alias}


def _reason(options: Options) -> str:
    return "No reason was given." if options.reason == NONE else str(options.reason)


def _digests(tags: dict[str, str]) -> dict[str, str]:
    return {name: tags[name] for name in (registry.USERS_TAG, "users.digest") if name in tags}


if __name__ == "__main__":
    execute("retire", Options, run)
