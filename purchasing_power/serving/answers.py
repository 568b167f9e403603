"""What a served model answers: checked rows in, a reply per user out, and each one logged where that is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.serving.deployed import Deployed
from purchasing_power.serving.fast.model import QuickModel
from purchasing_power.serving.faults import RequestError
from purchasing_power.serving.forms import is_raw
from purchasing_power.serving.limits import Limits
from purchasing_power.serving.prediction_log import PredictionLog
from purchasing_power.serving.rows import Columns, Rows, check, rows_of_frame
from purchasing_power.snapshot.user_table import DOCUMENTS, USER


class Answers:
    """A model with the rules of its requests.

    Parameters
    ----------
    log
        Where every answer is logged; ``None`` logs none.
    """

    def __init__(
        self, model: QuickModel, deployed: Deployed, limits: Limits, log: PredictionLog | None = None
    ) -> None:
        self.model = model
        self.deployed = deployed
        self.limits = limits
        self.log = log
        self.columns = Columns.of(model.meta)

    def records(self, given: list[Any]) -> list[dict[str, Any]]:
        """Answer the rows of a request: an object per user, in their order.

        Raises
        ------
        RequestError
            If a row breaks a rule.
        """
        rows = (
            self._raw(given) if is_raw(given, self.columns.known) else check(given, self.columns, self.limits)
        )
        answers = self.model.replies.columns(self.model.outputs(rows))
        if self.log is not None:
            self.log.put(rows, answers)
        names, columns = [*answers], [values.tolist() for values in answers.values()]
        constant = self.deployed.columns
        replies = [dict(zip(names, values, strict=True)) | constant for values in zip(*columns, strict=True)]
        if any(user is not None for user in rows.users):
            return [{USER: user, **reply} for user, reply in zip(rows.users, replies, strict=True)]
        return replies

    def frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Answer a frame that is at hand in this process: any number of rows, further columns left aside.

        Raises
        ------
        RequestError
            If a column is missing or holds what it must not.
        """
        try:
            return self.model.whole().predict(frame).assign(**self.deployed.columns)
        except DataError as error:
            raise RequestError(str(error)) from error

    def _raw(self, given: list[Any]) -> Rows:
        if self.model.meta.kind == "flat":
            raise RequestError(
                "body: got raw rows; this model was trained on a flat table and knows no shop. Send its features."
            )
        # Ibis and DuckDB take seconds to import: only who sends raw rows pays.
        from purchasing_power.serving.raw_features import user_rows
        from purchasing_power.serving.raw_rows import read_tables

        tables, days = read_tables(given, self.model.meta, self.limits)
        return rows_of_frame(
            user_rows(tables, [row[USER] for row in given], days, self.model.meta), self.columns
        )


def sent_frame(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a frame that came as a CSV or Parquet body, as a JSON body would hold them; NaN is null."""
    plain = frame.astype(object).where(frame.notna(), None)
    if DOCUMENTS in plain:
        plain[DOCUMENTS] = [
            list(texts) if isinstance(texts, np.ndarray) else texts for texts in plain[DOCUMENTS]
        ]
    return [
        dict(zip(map(str, plain.columns), row, strict=True))
        for row in plain.itertuples(index=False, name=None)
    ]
