"""Responders, which stand behind a served model: rows of a request in, a reply for each out and in the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.model.protocol import Model
from purchasing_power.serving.deployed import Deployed
from purchasing_power.serving.fast.fast_model import FastModel
from purchasing_power.serving.forms import is_raw
from purchasing_power.serving.prediction_log import PredictionLog, open_log
from purchasing_power.serving.rows import RequestColumns, Rows, read_rows
from purchasing_power.serving.rules import Limits, RequestError
from purchasing_power.snapshot.user_table import USER


class Responder(Protocol):
    """Replies to the requests of a version in a worker."""

    def records(self, sent: list[Any]) -> list[dict[str, Any]]:
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


@dataclass(frozen=True)
class RowResponder:
    """Replies to rows of named columns, for a kind of model that predicts checked rows.

    Attributes
    ----------
    columns
        What a row may hold.
    predict
        Columns of the reply for checked rows, shape (n_rows,) each.
    predict_frame
        Predictions of a frame, as ``Model.predict`` gives them.
    log
        Where every reply is logged; ``None`` logs none.
    raw
        Checked rows of a request that holds raw orders, events and texts; ``None`` for a model that reads none.
    """

    columns: RequestColumns
    predict: Callable[[Rows], dict[str, np.ndarray]]
    predict_frame: Callable[[pd.DataFrame], pd.DataFrame]
    deployed: Deployed
    limits: Limits
    log: PredictionLog | None = None
    raw: Callable[[list[Any]], Rows] | None = None

    def records(self, sent: list[Any]) -> list[dict[str, Any]]:
        """Replies to the rows of a request, see :class:`Responder`."""
        rows = self._rows(sent)
        predictions = self.predict(rows)
        if self.log is not None:
            self.log.put(rows, predictions)
        names, columns = [*predictions], [values.tolist() for values in predictions.values()]
        constant = self.deployed.columns
        replies = [dict(zip(names, values, strict=True)) | constant for values in zip(*columns, strict=True)]
        if any(user is not None for user in rows.users):
            return [{USER: user, **one} for user, one in zip(rows.users, replies, strict=True)]
        return replies

    def frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Predictions of a frame, see :class:`Responder`."""
        try:
            return self.predict_frame(frame).assign(**self.deployed.columns)
        except DataError as error:
            raise RequestError(str(error)) from error

    def _rows(self, sent: list[Any]) -> Rows:
        if not is_raw(sent, self.columns.allowed):
            return read_rows(sent, self.columns, self.limits)
        if self.raw is None:
            raise RequestError(
                "body: got raw rows; this model was trained on a flat table and knows no shop. Send its features."
            )
        return self.raw(sent)


@dataclass(frozen=True)
class BatchResponder:
    """A version whose kind is scored in batch: it predicts frames, and refuses requests."""

    model: Model
    deployed: Deployed

    def records(self, sent: list[Any]) -> list[dict[str, Any]]:
        """Refuse the request, see :class:`Responder`."""
        raise RequestError(
            f"body: got {len(sent):,} rows; a model of this kind is scored in batch and takes no requests. "
            "Run `mlflow run . -e score`."
        )

    def frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Predictions of a frame, see :class:`Responder`."""
        return self.model.predict(frame).assign(**self.deployed.columns)


def open_responder(folder: Path, deployed: Deployed, limits: Limits) -> RowResponder:
    """The responder of a purchase model's bundle; it imports no scikit-learn where the fast path can do without."""
    model = FastModel.open(folder)
    return purchase_responder(model, deployed, limits, open_log(deployed))


def purchase_responder(
    model: FastModel, deployed: Deployed, limits: Limits, log: PredictionLog | None = None
) -> RowResponder:
    """The responder of a purchase model: by the fast path, from features or a shop's raw rows."""
    columns = RequestColumns.of(model.meta)

    def raw(sent: list[Any]) -> Rows:
        # Ibis and DuckDB take seconds to import: only who sends raw rows pays.
        from purchasing_power.serving.raw_rows import read_raw_rows

        return read_raw_rows(sent, columns, model.meta, limits)

    def predict_frame(frame: pd.DataFrame) -> pd.DataFrame:
        return model.full_model().predict(frame)

    raw_rows = raw if model.meta.kind == "panel" else None
    return RowResponder(columns, model.predict, predict_frame, deployed, limits, log, raw_rows)
