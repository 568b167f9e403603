"""What stands behind a served model: checked rows in, a reply per user out, each one logged where that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.model.protocol import Model
from purchasing_power.serving.deployed import Deployed
from purchasing_power.serving.fast.model import QuickModel
from purchasing_power.serving.faults import RequestError
from purchasing_power.serving.forms import is_raw
from purchasing_power.serving.limits import Limits
from purchasing_power.serving.prediction_log import PredictionLog, open_log
from purchasing_power.serving.rows import Columns, Rows, check, rows_of_frame
from purchasing_power.snapshot.user_table import DOCUMENTS, USER


class Responder(Protocol):
    """What answers the requests of a version in a worker."""

    def records(self, given: list[Any]) -> list[dict[str, Any]]:
        """Replies to the rows of a request: an object per row, in their order.

        Raises
        ------
        RequestError
            If a row breaks a rule.
        """

    def frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Predictions of a frame that is at hand in this process: any number of rows, further columns left aside.

        Raises
        ------
        RequestError
            If a column is missing or holds what it must not.
        """


class RowResponder:
    """Replies to rows of named columns: what a kind of model needs no more for than a function of checked rows.

    Parameters
    ----------
    columns
        What a row may hold.
    reply
        Columns of the reply for checked rows, shape (n_rows,) each.
    predict
        Predictions of a frame, as ``Model.predict`` gives them.
    log
        Where every reply is logged; ``None`` logs none.
    raw
        Checked rows of a request that holds raw orders, events and texts; ``None`` for a model that reads none.
    """

    def __init__(
        self,
        columns: Columns,
        reply: Callable[[Rows], dict[str, np.ndarray]],
        predict: Callable[[pd.DataFrame], pd.DataFrame],
        deployed: Deployed,
        limits: Limits,
        log: PredictionLog | None = None,
        raw: Callable[[list[Any]], Rows] | None = None,
    ) -> None:
        self.columns, self.reply, self.predict = columns, reply, predict
        self.deployed, self.limits, self.log, self.raw = deployed, limits, log, raw

    def records(self, given: list[Any]) -> list[dict[str, Any]]:
        """Replies to the rows of a request, see :class:`Responder`."""
        rows = self._rows(given)
        reply = self.reply(rows)
        if self.log is not None:
            self.log.put(rows, reply)
        names, columns = [*reply], [values.tolist() for values in reply.values()]
        constant = self.deployed.columns
        replies = [dict(zip(names, values, strict=True)) | constant for values in zip(*columns, strict=True)]
        if any(user is not None for user in rows.users):
            return [{USER: user, **one} for user, one in zip(rows.users, replies, strict=True)]
        return replies

    def frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Predictions of a frame, see :class:`Responder`."""
        try:
            return self.predict(frame).assign(**self.deployed.columns)
        except DataError as error:
            raise RequestError(str(error)) from error

    def _rows(self, given: list[Any]) -> Rows:
        if not is_raw(given, self.columns.known):
            return check(given, self.columns, self.limits)
        if self.raw is None:
            raise RequestError(
                "body: got raw rows; this model was trained on a flat table and knows no shop. Send its features."
            )
        return self.raw(given)


class BatchResponder:
    """A version whose kind is scored in batch: it predicts frames, and answers no request."""

    def __init__(self, model: Model, deployed: Deployed) -> None:
        self.model, self.deployed = model, deployed

    def records(self, given: list[Any]) -> list[dict[str, Any]]:
        """Refuse the request, see :class:`Responder`."""
        raise RequestError(
            f"body: got {len(given):,} rows; a model of this kind is scored in batch and answers no requests. "
            "Run `mlflow run . -e score`."
        )

    def frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Predictions of a frame, see :class:`Responder`."""
        return self.model.predict(frame).assign(**self.deployed.columns)


def open_responder(folder: Path, deployed: Deployed, limits: Limits) -> RowResponder:
    """The responder of a purchase model's bundle; it imports no scikit-learn where the fast path can do without."""
    model = QuickModel.open(folder)
    return purchase_responder(model, deployed, limits, open_log(model.meta, deployed))


def purchase_responder(
    model: QuickModel, deployed: Deployed, limits: Limits, log: PredictionLog | None = None
) -> RowResponder:
    """The responder of a purchase model: by the fast path, from features or a shop's raw rows."""
    columns = Columns.of(model.meta)

    def raw(given: list[Any]) -> Rows:
        # Ibis and DuckDB take seconds to import: only who sends raw rows pays.
        from purchasing_power.serving.raw_features import user_rows
        from purchasing_power.serving.raw_rows import read_tables

        tables, days = read_tables(given, model.meta, limits)
        return rows_of_frame(user_rows(tables, [row[USER] for row in given], days, model.meta), columns)

    return RowResponder(
        columns,
        lambda rows: model.replies.columns(model.outputs(rows)),
        lambda frame: model.whole().predict(frame),
        deployed,
        limits,
        log,
        raw if model.meta.kind == "panel" else None,
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
