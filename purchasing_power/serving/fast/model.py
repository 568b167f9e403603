"""A model's outputs for the rows of a request, without the time and memory that scikit-learn takes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from purchasing_power.model.description import Description
from purchasing_power.model.probe_rows import probe_rows
from purchasing_power.model.replies import Replies
from purchasing_power.serving.fast.bundle import read_calibrator, read_scorer
from purchasing_power.serving.fast.fitted_files import Unknown
from purchasing_power.serving.fast.sums import Few, outputs_of
from purchasing_power.serving.rows import Columns, Rows, rows_of_frame
from purchasing_power.snapshot.user_table import UserTableMeta

if TYPE_CHECKING:
    from purchasing_power.model.purchasing_model import PurchasingModel

log = logging.getLogger(__name__)

# scikit-learn's cost per call is spread over the rows of a larger request.
FEW_ROWS = 16
# Scores are told to six decimals.
SAME = 1e-7


class QuickModel:
    """The outputs of a model for checked rows: the same sums in numpy, or its own code.

    Every part that this package does not know (a head, a block) runs as the model runs it. What is quick is compared
    with the model on probe rows first, and left where one output differs.

    Attributes
    ----------
    meta, replies
        What the model reads, and how its outputs are read.
    few
        The quick way; ``None`` where there is none.
    most
        Rows up to which it is taken.
    whole
        Gives the model itself.
    """

    def __init__(
        self,
        meta: UserTableMeta,
        replies: Replies,
        few: Few | None,
        most: int,
        whole: Callable[[], PurchasingModel],
    ) -> None:
        self.meta, self.replies = meta, replies
        self.few, self.most, self.whole = few, most, whole

    @classmethod
    def of(cls, model: PurchasingModel) -> QuickModel:
        """A model at hand: it computes many rows, and few ones take the quick way."""
        rows, columns = probe_rows(model.typical, model.meta), Columns.of(model.meta)
        few = outputs_of(model.scorer, model.calibrator, model.target, columns)
        agrees = _agrees(few, rows_of_frame(rows, columns), model.outputs(rows))
        replies = Replies(model.target, model.score_levels)
        return cls(model.meta, replies, few if agrees else None, FEW_ROWS, lambda: model)

    @classmethod
    def open(cls, folder: Path) -> QuickModel:
        """A bundle: what the quick way computes is read without scikit-learn; the model is loaded when it is needed.

        Raises
        ------
        DataError
            If the folder is no bundle of this format, or a file holds a class that is not trusted.
        """
        told = Description.read(folder)
        few, whole = _few_of_bundle(folder, told), _Once(lambda: _load(folder))
        if few is None:
            return cls.of(whole())
        return cls(told.meta, Replies(told.target, told.score_levels), few, 1 << 62, whole)

    def outputs(self, rows: Rows) -> np.ndarray:
        """Class probabilities or amounts, as ``PurchasingModel.outputs`` gives them."""
        if self.few is None or len(rows) > self.most:
            return self.whole().outputs(rows.frame)
        return self.few(rows)


class _Once:
    """What a function gives, computed when it is first asked for, by one thread."""

    def __init__(self, make: Callable[[], PurchasingModel]) -> None:
        self.make, self.lock = make, threading.Lock()
        self.made: PurchasingModel | None = None

    def __call__(self) -> PurchasingModel:
        with self.lock:
            if self.made is None:
                self.made = self.make()
            return self.made


def _load(folder: Path) -> PurchasingModel:
    from purchasing_power.model import bundle

    return bundle.load(folder)


def _few_of_bundle(folder: Path, told: Description) -> Few | None:
    columns = Columns.of(told.meta)
    try:
        parts = read_scorer(folder, told.params), read_calibrator(folder)
        few = outputs_of(*parts, told.target, columns)
    except (Unknown, AttributeError, OSError):
        # What the library that fitted it cannot read either, it refuses with a reason.
        return None
    rows = rows_of_frame(probe_rows(told.typical, told.meta), columns)
    return few if told.probe_outputs and _agrees(few, rows, told.probe_outputs) else None


def _agrees(few: Few, rows: Rows, outputs: Any) -> bool:
    agrees = bool(np.allclose(few(rows), np.asarray(outputs, np.float64), rtol=SAME, atol=SAME))
    if not agrees:
        log.warning(
            "quick predictions differ from the model's on probe rows: every request takes the model's way"
        )
    return agrees
