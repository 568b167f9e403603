"""The model as MLflow serves it (models-from-code): a bundle behind ``predict``, and what a request may say.

In a scoring server this file also takes over how a body is read. MLflow's own way replies to a bad body with the body
itself or a stack trace, fails on one without a Content-Type, and turns JSON into arrays and frames, which takes longer
than the prediction and loses what was a text and what a number.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import BAD_REQUEST, INTERNAL_ERROR, MlflowException
from mlflow.pyfunc import PythonModel, PythonModelContext, scoring_server
from mlflow.pyfunc.scoring_server import InvocationsResponse

from purchasing_power.errors import DataError
from purchasing_power.serving.deployed import deployed
from purchasing_power.serving.forms import frame_rows, rows_of
from purchasing_power.serving.responder import BatchResponder, Responder
from purchasing_power.serving.rules import read_limits

log = logging.getLogger(__name__)

Stock = Callable[..., InvocationsResponse]
Records = Callable[[list[Any]], list[dict[str, Any]]]

JSON = "application/json"
# UTF-8 has no surrogates: they stand in JSON's escapes alone, in pairs.
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
TABLES = (scoring_server.CONTENT_TYPE_CSV, scoring_server.CONTENT_TYPE_PARQUET)
FAILED = "The model failed on this request; the server's log says how. Report it with the time of the request."


class Refused(MlflowException):
    """A reply whose body is settled here: MLflow adds the request's values and a stack trace to those of others."""

    def __init__(self, reason: str, error_code: int = BAD_REQUEST) -> None:
        super().__init__(reason, error_code)
        self.reason = reason

    def serialize_as_json(self) -> str:
        """The body of the reply."""
        return json.dumps({"error_code": self.error_code, "message": self.reason})


class ServedModel(PythonModel):
    """Loads the bundle once per worker and predicts a row per user, or per unit of another kind of model."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the bundle; it holds no pickle and needs no network."""
        folder, config = Path(context.artifacts["bundle"]), context.model_config or {}
        here, limits = deployed(folder.parents[1]), read_limits()
        if config.get("responder") is None:
            self.responder: Responder = BatchResponder(import_module(config["kind_module"]).KIND.load(folder), here)
        else:
            self.responder = import_module(config["responder"]).open_responder(folder, here, limits)
        if scoring_server._SERVER_MODEL_PATH in os.environ:
            _take_over(self.records, limits.max_body_mb)

    def predict(self, context: PythonModelContext, model_input: pd.DataFrame, params: Any = None) -> Any:
        """Score, tier, class probabilities and expected spend of each user, and which version says so.

        Parameters
        ----------
        model_input
            A frame gives a frame; anything that a JSON body may hold (a list of objects, columns) a list of objects.
        """
        if isinstance(model_input, pd.DataFrame):
            return _settled(self.responder.frame, model_input)
        return self.records(_settled(rows_of, {"inputs": model_input}))

    def records(self, given: list[Any]) -> list[dict[str, Any]]:
        """Predictions of rows that are objects."""
        return _settled(self.responder.records, given)


def _settled(work: Callable[[Any], Any], given: Any) -> Any:
    """What the work gives; what it raises as a reply without values of the request."""
    try:
        return work(given)
    except DataError as error:
        raise Refused(str(error)) from None
    except Exception as error:
        # The text of another error may hold values of the request.
        log.error("prediction failed: %s in %s", type(error).__name__, _place(error))
        raise Refused(FAILED, INTERNAL_ERROR) from None


def _take_over(records: Records, max_mb: int) -> None:
    """Have the scoring server of this process read bodies with :func:`read_body`."""
    now = scoring_server.invocations
    stock = now.keywords["stock"] if isinstance(now, partial) else now
    scoring_server.invocations = partial(read_body, records=records, max_mb=max_mb, stock=stock)


def read_body(
    data: bytes, content_type: str | None, *served: Any, records: Records, max_mb: int, stock: Stock
) -> InvocationsResponse:
    """The scoring server's reply to a body: predictions, or an error without any value of the request."""
    if len(data) > max_mb * 1_000_000:
        got = f"body: got {len(data) / 1e6:.1f} MB; up to {max_mb} are allowed."
        return _error(413, f"{got} Send fewer users at a time.")
    kind, _, options = (content_type or JSON).partition(";")
    if kind.strip().lower() in TABLES:
        return _table_body(stock, data, kind.strip().lower(), _FrameModel(records))
    if kind.strip().lower() != JSON:
        return _error(415, f"Content-Type: {JSON}, {', '.join(TABLES)} are read. Send {JSON}.")
    if options.strip() and options.replace(" ", "").replace('"', "").lower() != "charset=utf-8":
        return _error(415, f"Content-Type: the charset utf-8 alone is read. Send {JSON}.")
    try:
        given = _parsed(data)
    except (ValueError, RecursionError):
        reason = 'body: no JSON in UTF-8 that can be read. Send an object such as {"inputs": [{...}]}.'
        raise Refused(reason) from None
    replies = records(_settled(rows_of, given))
    return InvocationsResponse(json.dumps({"predictions": replies}), 200, JSON)


def _parsed(data: bytes) -> Any:
    """The body's JSON; half a surrogate pair, which is no text, is a ValueError."""
    given = json.loads(data)
    if SURROGATE.search(data):
        json.dumps(given, ensure_ascii=False).encode()
    return given


def _table_body(stock: Stock, data: bytes, kind: str, model: _FrameModel) -> InvocationsResponse:
    """CSV and Parquet are read as MLflow reads them, without a schema, and then checked as JSON is."""
    try:
        return stock(data, kind, model, None)
    except Refused:
        raise
    except Exception as error:
        log.warning("body refused: %s", type(error).__name__)
        raise Refused("body: cannot be read as its Content-Type says. Send application/json.") from None


class _FrameModel:
    """The model for a frame that came in a body: its rows are checked one by one."""

    def __init__(self, records: Records) -> None:
        self.records = records

    def predict(self, frame: pd.DataFrame) -> Any:
        """Predictions of the frame's rows."""
        return self.records(frame_rows(frame))


def _error(status: int, message: str) -> InvocationsResponse:
    return InvocationsResponse(json.dumps({"error_code": "BAD_REQUEST", "message": message}), status, JSON)


def _place(error: BaseException) -> str:
    """File and line at which an error was raised."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return f"{Path(last.tb_frame.f_code.co_filename).name}:{last.tb_lineno}" if last is not None else "unknown"


mlflow.models.set_model(ServedModel())
