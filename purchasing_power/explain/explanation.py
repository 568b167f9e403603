"""What each user-table column adds to a score: the parts and the typical user's score add up to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from purchasing_power.explain.heads import ExplainedRows, column_margins, columns, parts_of
from purchasing_power.explain.score_path import score_parts
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.model.scorer import one_blas_thread

ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Explanation:
    """Scores taken apart: ``base + parts.sum(axis=1)`` is ``score``.

    Attributes
    ----------
    parts
        What each feature column and ``documents`` adds to the score, shape (n_rows, n_columns), in the
        score's unit: probability, or the amount's.
    base
        Score of the row compared with, shape (n_rows,); see :func:`explain`.
    slopes, classes
        As :class:`~purchasing_power.explain.score_path.ScoreParts` has them.
    widths
        Margins of each member of a blend, in the order of ``slopes``.
    """

    parts: pd.DataFrame
    base: np.ndarray
    slopes: np.ndarray
    classes: np.ndarray | None
    widths: tuple[int, ...]

    @property
    def score(self) -> np.ndarray:
        """The score explained, shape (n_rows,)."""
        return self.base + self.parts.to_numpy().sum(axis=1)


@one_blas_thread
def explain(model: PurchasingModel, frame: pd.DataFrame, seed: int = 0, progress: bool = False) -> Explanation:
    """Take the scores of rows apart by user-table column.

    The score is what users are ranked by: the probability of the positive class or the amount, and the
    likeliest class's probability where no class is positive. The base is what the model says of a typical
    user: median and most frequent values, and the mean of the fitted rows' texts (none for a network that reads
    texts itself). Trees take the mean of what they say of the fitted rows.

    Parameters
    ----------
    frame
        Rows of a user table, n of them.
    seed
        Seed of the sampled values, where the head needs them.
    """
    typical, members = model.prepared(pd.DataFrame([model.typical])), parts_of(model)
    done = []
    starts = range(0, max(len(frame), 1), ROWS_AT_ONCE)
    for start in tqdm(starts, desc="explaining", unit=f"{ROWS_AT_ONCE} rows", disable=not progress):
        prepared = model.prepared(frame.iloc[start : start + ROWS_AT_ONCE])
        rows = ExplainedRows(model.meta, prepared, typical, seed, progress)
        margins = [column_margins(part, rows) for part in members]
        done.append(score_parts(model, margins, [part.weight for part in members]))
        widths = tuple(len(one.base) for one in margins)
    return Explanation(
        parts=pd.DataFrame(np.concatenate([one.parts for one in done]), index=frame.index, columns=columns(model.meta)),
        base=np.concatenate([one.base for one in done]),
        slopes=np.concatenate([one.slopes for one in done]),
        classes=None if done[0].classes is None else np.concatenate([one.classes for one in done]),
        widths=widths,
    )
