"""What every entry point does around its work: parse, open its run, report errors, hand over outputs."""

from __future__ import annotations

import argparse
import difflib
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import field, fields
from datetime import date
from typing import Any, NoReturn, TypeVar

import mlflow

from purchasing_power.errors import DataError
from tracking import runs

Outputs = dict[str, str]
Options = TypeVar("Options")
BAD_INPUT = 2


def parameter(what: str, kind: Callable[[str], Any] = str) -> Any:
    """A field of an options class: a required parameter of an entry point.

    Parameters
    ----------
    what
        Its line in ``--help``.
    kind
        Reads its text, and raises ``argparse.ArgumentTypeError`` where that is not allowed.
    """
    return field(metadata={"what": what, "kind": kind})


class Parser(argparse.ArgumentParser):
    """The parser of an options class: a frozen dataclass whose fields are :func:`parameter`.

    It has no defaults: they stand in MLproject alone. A class attribute ``RENAMED`` maps names that parameters
    once had to those that they have now.
    """

    def __init__(self, options: type[Any], prog: str) -> None:
        super().__init__(prog=prog, description=options.__doc__, formatter_class=argparse.RawTextHelpFormatter)
        self.names = [one.name for one in fields(options)]
        self.renamed: dict[str, str] = getattr(options, "RENAMED", {})
        for one in fields(options):
            kind, what = one.metadata["kind"], one.metadata["what"]
            self.add_argument(f"--{one.name}", type=kind, required=True, help=what, metavar="VALUE")

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse; an unknown parameter is refused with the allowed ones and the nearest, a renamed one with its name."""
        given = sys.argv[1:] if args is None else list(args)
        # Before anything is missed: who gives a renamed parameter gives no other in its place.
        for name in (word[2:].partition("=")[0] for word in given if word.startswith("--")):
            if name in self.renamed:
                new = self.renamed[name]
                self.error(f"parameter {name!r} was renamed to {new!r}; give that name with the same value")
        known, extra = self.parse_known_args(given, namespace)
        unknown = [word[2:].partition("=")[0] for word in extra if word.startswith("--")] or extra
        if unknown:
            near = difflib.get_close_matches(unknown[0], self.names, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            self.error(f"unknown parameter {unknown[0]!r}; allowed are {', '.join(self.names)}.{hint}")
        return known

    def error(self, message: str) -> NoReturn:
        """End with exit code 2 and one line that says what is wrong."""
        sys.stderr.write(f"error: {message}\n")
        raise SystemExit(BAD_INPUT)


def parse(options: type[Options], argv: Sequence[str] | None = None, prog: str = "step") -> Options:
    """Read command-line arguments (by default those of this process) into an options class.

    A wrong one ends the process with exit code 2.
    """
    parser = Parser(options, prog)
    try:
        return options(**vars(parser.parse_args(argv)))
    except DataError as error:
        parser.error(str(error))


def optional_date(text: str) -> date | None:
    """A date written YYYY-MM-DD, or ``None`` for ``auto``."""
    if text == "auto":
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}; a date as YYYY-MM-DD or auto is allowed") from None


def count(text: str) -> int:
    """A whole number >= 0."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}; a whole number is allowed") from None
    if value < 0:
        raise argparse.ArgumentTypeError(f"got {value}; it must be 0 or more")
    return value


def number(text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}; a number is allowed") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise argparse.ArgumentTypeError(f"got {text!r}; a finite number is allowed")
    return value


def choice(*values: str) -> Callable[[str], str]:
    """One of the given words."""

    def parse(text: str) -> str:
        if text not in values:
            raise argparse.ArgumentTypeError(f"got {text!r}; allowed are {', '.join(values)}")
        return text

    return parse


def subset(*allowed: str) -> Callable[[str], list[str]]:
    """A comma-separated list of the given words."""

    def parse(text: str) -> list[str]:
        chosen = [word.strip() for word in text.split(",") if word.strip()]
        wrong = [word for word in chosen if word not in allowed]
        if wrong or not chosen:
            got = repr(wrong[0]) if wrong else "nothing"
            raise argparse.ArgumentTypeError(f"got {got}; allowed are {', '.join(allowed)}, separated by commas")
        return chosen

    return parse


def in_order(*allowed: str) -> Callable[[str], str]:
    """One of the given words, or several separated by commas, the first of which counts most; as a text."""
    parse = subset(*allowed)
    return lambda text: ",".join(parse(text))


def execute(
    name: str, options: type[Options], work: Callable[[Options], Outputs | None], argv: Sequence[str] | None = None
) -> None:
    """Run one entry point in its own process: parse, open the run, work, print the outputs.

    Bad input ends with exit code 2 and one message without a traceback; the run is then FAILED.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    for noisy in ("mlflow", "alembic", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    chosen = parse(options, argv, name)
    runs.prepare()
    try:
        with mlflow.start_run(run_name=name):
            runs.mark(name)
            outputs = work(chosen) or {}
            runs.record(outputs)
    except DataError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(BAD_INPUT) from None
    for key, value in outputs.items():
        sys.stdout.write(f"{key}={value}\n")
