"""What a study draws a parameter from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Choice:
    """One of some values, of which the first is tried first; a single one is taken undrawn."""

    values: tuple[Any, ...]

    @property
    def start(self) -> Any:
        """The value that is tried first."""
        return self.values[0]


@dataclass(frozen=True)
class Range:
    """A number between bounds, and the value that is tried first; integers where ``low`` is an int."""

    low: float
    high: float
    start: float
    log: bool = False


Rule = Choice | Range


class Draw(Protocol):
    """Draws one parameter of a trial and gives its value."""

    def __call__(self, parameter: str, rule: Rule, name: str = "") -> Any:
        """Draw a parameter by a rule.

        Parameters
        ----------
        name
            What the study calls it, where that is not the parameter's own name: a rule that differs between heads is
            drawn as ``"head.parameter"``.
        """
