"""The verdict on one window of rows: whether anything has drifted, wrongly said of fewer than one window in twenty."""

from __future__ import annotations

import numpy as np

from monitoring.drift.results import ColumnDrift, TextDrift, Window
from monitoring.drift.sample_tests import significance_cut
from purchasing_power.snapshot.user_table import DOCUMENTS

# Share of windows without drift that are called drifted, at most. 5 % are promised, and a count of 200 such windows
# scatters: with 3 % it stays below ten in 19 counts of 20.
LEVEL = 0.03
# Fewer than one user in fifty moved: enough users make that significant, but it changes nothing.
EFFECT_FLOOR = 0.02


def judge(columns: tuple[ColumnDrift, ...], score: ColumnDrift, text: TextDrift | None) -> Window:
    """Judge a window by all its tests as one family.

    The family is the test of every feature and text descriptor, of what the model says, and of the texts' vectors
    and words. A window has drifted when at least one test counts after the correction for their number
    (Benjamini-Hochberg) *and* at least one user in fifty moved. With no drift at all, that correction lets at most
    3 % of windows through (Simes), whatever the number of users and of columns, since each test knows its sample
    sizes; the floor only lowers it. Tests that are alike (of the same users, or of columns that rise together)
    lower it further.
    """
    texts = _texts(text)
    p_values = [column.p_value for column in columns] + [score.p_value] + [p for p, _ in texts]
    cut = significance_cut(np.array(p_values), LEVEL)
    drifted = tuple(column for column in columns if _counts(column.p_value, column.effect, cut))
    by_matter = sorted(drifted, key=lambda column: (-column.matter, -column.effect, column.column))
    of_text = any(_counts(p_value, effect, cut) for p_value, effect in texts)
    of_score = _counts(score.p_value, score.effect, cut)
    return Window(
        drifted=bool(drifted) or of_score or of_text,
        columns=tuple(column.column for column in by_matter),
        score=of_score,
        text=of_text,
        tests=len(p_values),
        cut=cut,
        matter=sum(column.use for column in drifted),
    )


def with_text_use(window: Window, use: dict[str, float]) -> Window:
    """The verdict with the model's attention to texts added to ``matter`` where the texts have drifted."""
    if not window.text:
        return window
    return Window(**{**vars(window), "matter": window.matter + use.get(DOCUMENTS, 0.0)})


def _texts(text: TextDrift | None) -> list[tuple[float, float]]:
    if text is None:
        return []
    return [(text.p_value, text.effect), (text.words_p_value, text.words_effect)]


def _counts(p_value: float, effect: float, cut: float) -> bool:
    return p_value <= cut and effect >= EFFECT_FLOOR
