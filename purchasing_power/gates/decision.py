"""A gate's checks and the decision that follows from them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One requirement: whether it held, and a sentence with the figures."""

    name: str
    held: bool
    text: str

    @property
    def reason(self) -> str:
        """The sentence, marked where the requirement was missed."""
        return self.text if self.held else f"Refused: {self.text}"


@dataclass(frozen=True)
class Decision:
    """Whether the version moves up, and one sentence with figures for each check."""

    passed: bool
    reasons: tuple[str, ...]
    checks: tuple[Check, ...] = ()


def decided(summary: str, checks: list[Check]) -> Decision:
    """Passed when every check held; the summary comes before the reasons."""
    return Decision(
        all(check.held for check in checks), (summary, *(check.reason for check in checks)), tuple(checks)
    )
