"""How wrong the estimate without labels was in past windows, beside saying that nothing changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from monitoring.policy.past_windows import PastWindow


@dataclass(frozen=True)
class PastError:
    """Mean absolute errors of a figure.

    Attributes
    ----------
    estimate
        Of the estimate without labels.
    same_as_last
        Of saying that it is what the cutoff judged before it was.
    windows
        Windows that both are means over.
    """

    estimate: float
    same_as_last: float
    windows: int


def past_error(
    windows: Sequence[PastWindow], metric: str, realised: Mapping[str, float] | None = None
) -> PastError | None:
    """Errors over the cutoffs whose outcome has ripened since; ``None`` before the second such cutoff.

    Parameters
    ----------
    windows
        Windows of one version, oldest first.
    metric
        Name of the figure, as in ``estimated.<metric>`` and ``realised.<metric>`` of the windows' figures.
    realised
        Further realised figures by cutoff judged, such as that of the window at hand.
    """
    estimated = {one.moment: one.figures.get(f"estimated.{metric}") for one in windows}
    happened = {
        one.judged: one.figures[f"realised.{metric}"]
        for one in windows
        if one.judged and f"realised.{metric}" in one.figures
    }
    happened |= {moment: value for moment, value in (realised or {}).items() if moment}
    moments = sorted(happened)
    pairs = [
        (abs(value - happened[now]), abs(happened[before] - happened[now]))
        for before, now in pairwise(moments)
        if (value := estimated.get(now)) is not None
    ]
    if not pairs:
        return None
    estimate, last = np.mean(pairs, axis=0)
    return PastError(float(estimate), float(last), len(pairs))
