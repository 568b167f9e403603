"""Whether a window of rows has drifted as a whole, wrongly so for fewer than one window in twenty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from monitoring.drift.results import ColumnDrift, TextDrift, WindowDrift
from monitoring.drift.sample_tests import significance_threshold
from purchasing_power.snapshot.user_table import DOCUMENTS

# Share of windows without drift that are called drifted, at most. 5 % are allowed, and a count of 200 such windows
# scatters: with 3 % it stays below ten in 19 counts of 20.
LEVEL = 0.03
# Fewer than one user in fifty moved: enough users make that significant, but it changes nothing.
EFFECT_FLOOR = 0.02


def window_drift(columns: tuple[ColumnDrift, ...], score: ColumnDrift, text: TextDrift | None) -> WindowDrift:
    """Drift of a window by all its tests as one family.

    The family is the test of every feature and text descriptor, of the predictions, and of the texts' vectors
    and words. A window has drifted when at least one test counts after the correction for their number
    (Benjamini-Hochberg) *and* at least one user in fifty moved. With no drift at all, that correction lets at most
    3 % of windows through (Simes), whatever the number of users and of columns, since each test knows its sample
    sizes; the floor only lowers it. Tests that are alike (of the same users, or of columns that rise together)
    lower it further.
    """
    texts = _texts(text)
    p_values = [column.p_value for column in columns] + [score.p_value] + [p for p, _ in texts]
    threshold = significance_threshold(np.array(p_values), LEVEL)
    drifted = tuple(column for column in columns if _counts(column.p_value, column.effect, threshold))
    ordered = sorted(drifted, key=lambda column: (-column.weighted_effect, -column.effect, column.column))
    of_text = any(_counts(p_value, effect, threshold) for p_value, effect in texts)
    of_score = _counts(score.p_value, score.effect, threshold)
    return WindowDrift(
        drifted=bool(drifted) or of_score or of_text,
        columns=tuple(column.column for column in ordered),
        score=of_score,
        text=of_text,
        tests=len(p_values),
        threshold=threshold,
        importance=sum(column.importance for column in drifted),
    )


def with_text_importance(window: WindowDrift, importance: dict[str, float]) -> WindowDrift:
    """The same with the importance of texts added where the texts have drifted."""
    if not window.text:
        return window
    return replace(window, importance=window.importance + importance.get(DOCUMENTS, 0.0))


def _texts(text: TextDrift | None) -> list[tuple[float, float]]:
    if text is None:
        return []
    return [(text.p_value, text.effect), (text.words_p_value, text.words_effect)]


def _counts(p_value: float, effect: float, threshold: float) -> bool:
    return p_value <= threshold and effect >= EFFECT_FLOOR
