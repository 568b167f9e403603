"""What ``serve`` was asked for, checked, and what of it the server's processes are told."""

from __future__ import annotations

import argparse
from pathlib import Path

from purchasing_power.errors import DataError
from purchasing_power.shop.pseudonym import KEY_VARIABLE, read_key
from steps.deploy import proxy, webhook
from tracking import registry

MAX_ROWS_VARIABLE, MAX_BODY_VARIABLE = "PURCHASING_POWER_MAX_ROWS", "PURCHASING_POWER_MAX_BODY_MB"
LOG_VARIABLE = "PURCHASING_POWER_LOG"
NONE = "none"


def check(args: argparse.Namespace) -> None:
    """Refuse what cannot be served.

    Raises
    ------
    DataError
        With the parameter, what is allowed and what to do.
    """
    if args.workers < 2:
        raise DataError(
            f"workers: got {args.workers}; 2 or more are needed: while one changes its version another "
            "answers. Give workers=2."
        )
    for name in ("poll_s", "max_rows", "max_body_mb"):
        if getattr(args, name) <= 0:
            raise DataError(f"{name}: got {getattr(args, name)}; it must be more than 0.")
    if args.shadow != NONE and args.proxy == NONE:
        raise DataError(
            "shadow=staging: it is nginx that copies the requests. Give proxy=nginx too, or shadow=none."
        )
    if args.shadow != NONE and args.version == registry.STAGING:
        raise DataError("shadow=staging: the version served is staging itself. Serve another stage.")
    if args.proxy != NONE:
        proxy.binary()
    if args.webhook_port:
        webhook.secret()


def stage(args: argparse.Namespace) -> str:
    """The stage served, ``none`` for a version given by number."""
    return NONE if args.version.isdigit() else str(args.version)


def stages(args: argparse.Namespace) -> tuple[str, ...]:
    """The stages to watch: the one served, and the shadow's."""
    return tuple(one for one in (stage(args), args.shadow) if one != NONE)


def folder_of(args: argparse.Namespace) -> Path:
    """The deployment folder: one for each model and stage (or number) of a workspace."""
    return Path(args.workspace).resolve() / "deployments" / f"{args.model}@{args.version}"


def asked(args: argparse.Namespace) -> dict[str, object]:
    """What a server that runs must have been started with to be taken over."""
    names = ("model", "version", "port", "workers", "proxy", "max_rows", "max_body_mb", "log")
    return {name: getattr(args, name) for name in names}


def limits(args: argparse.Namespace) -> dict[str, str]:
    """What the workers are told about the size of a request, and that they keep no log."""
    return {
        MAX_ROWS_VARIABLE: str(args.max_rows),
        MAX_BODY_VARIABLE: str(args.max_body_mb),
        LOG_VARIABLE: "",
    }


def variables(args: argparse.Namespace) -> dict[str, str]:
    """What the workers that users ask are told by their environment."""
    if args.log == NONE:
        return limits(args)
    key = read_key(Path(args.workspace)).decode()
    return {**limits(args), LOG_VARIABLE: str(Path(args.log).resolve()), KEY_VARIABLE: key}
