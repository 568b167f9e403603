"""A gate's checks, the decision that follows from them, and how sure a comparison must be."""

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
    return Decision(all(check.held for check in checks), (summary, *(check.reason for check in checks)), tuple(checks))


def corrected_level(level: float, attempt: int) -> float:
    """The level of the interval at the n-th try: ``1 - (1 - level) / n²``.

    A challenger passes when the lower bound lies above the margin, which a challenger that is no better does with
    probability ``(1 - level) / (2 n²)`` at the n-th try. Summed over all tries that is at most
    ``π² / 6 · (1 - level) / 2``: 4.1 % at a level of 0.95, however often the gate is tried.

    Parameters
    ----------
    level
        Level of the first try, such as 0.95.
    attempt
        Number of the try, from 1.

    Source: Bonferroni's inequality spent over an open sequence of tests (alpha spending; Foster & Stine, 2008,
    α-investing: a procedure for sequential control of expected false discoveries, JRSS B 70, section 2).
    """
    return level if attempt <= 1 else 1 - (1 - level) / attempt**2
