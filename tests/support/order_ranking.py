"""A tiny kind of model for tests: it ranks orders by how likely they are to come back, one row per order.

It knows nothing of a user table, and nothing outside this file knows of it but its entry in the registry.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from purchasing_power.atomic_folder import atomic_folder
from purchasing_power.evaluation.bootstrap import Measure, weighted_metric
from purchasing_power.evaluation.holdout import Constants, Predictions
from purchasing_power.kinds.case import FitLog, FitOptions
from purchasing_power.kinds.kind import Kind
from purchasing_power.model import bundle_files
from purchasing_power.serving.deployed import Deployed
from purchasing_power.serving.responder import RowResponder
from purchasing_power.serving.rows import RequestColumns, Rows
from purchasing_power.serving.rules import Limits

FEATURES = ("amount", "lines", "discount")
WAIT = pd.Timedelta(days=30)


@dataclass(frozen=True)
class OrdersMeta:
    """What the columns of orders are."""

    numeric: tuple[str, ...] = FEATURES
    categorical: tuple[str, ...] = ()
    meanings: dict[str, str] = field(default_factory=dict)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return self.numeric


@dataclass(frozen=True)
class Orders:
    """Orders: ``order_id``, ``user_id``, ``ordered_at``, the features, and ``returned`` (0, 1, or missing so far)."""

    frame: pd.DataFrame
    meta: OrdersMeta = OrdersMeta()

    def rows(self, index: np.ndarray) -> Orders:
        """The orders at some positions."""
        return replace(self, frame=self.frame.iloc[index].reset_index(drop=True))

    def digest(self) -> str:
        """Hex digest of the orders."""
        return hashlib.sha256(pd.util.hash_pandas_object(self.frame).to_numpy().tobytes()).hexdigest()[:16]


@dataclass(frozen=True)
class OrderTraining:
    """What a model has seen."""

    digest: str
    seed: int
    known_until: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)


@dataclass(frozen=True)
class OrderModel:
    """A logistic model of three columns."""

    weights: tuple[float, ...]
    training: OrderTraining
    meta: OrdersMeta = OrdersMeta()

    def outputs(self, frame: pd.DataFrame) -> np.ndarray:
        """Probability that each order comes back, shape (n,)."""
        return probability(frame[list(FEATURES)].to_numpy(np.float64), self.weights)

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Its probability as ``score``."""
        return pd.DataFrame({"score": self.outputs(frame)})

    def unseen(self, table: Orders) -> np.ndarray:
        """Orders that came after those that it learned from."""
        return np.flatnonzero(table.frame["ordered_at"] >= pd.Timestamp(self.training.known_until))


def probability(X: np.ndarray, weights: tuple[float, ...]) -> np.ndarray:
    """Logistic of a weighted sum; nothing where a value is missing."""
    return 1 / (1 + np.exp(-(np.nan_to_num(X) @ np.asarray(weights[1:]) + weights[0])))


class OrderRanking(Kind):
    """Orders, ranked by how likely they are to come back."""

    name = "order_ranking"
    unit = "order"
    holdout = "forward in time"
    outcome = "Whether an order comes back is known 30 days after it."
    baseline_name = "the amount of the order"
    ids = ("order_id",)
    responder = "order_ranking"

    def read(self, folder: Path) -> Orders:
        """Orders of a Parquet file."""
        return Orders(pd.read_parquet(folder / "orders.parquet"))

    def fit(self, table: Orders, options: FitOptions, log: FitLog) -> OrderModel:
        """Newton steps on the orders before the held-out ones."""
        params = {} if options.params is None else json.loads(options.params.read_text())
        log.params(params)
        known = np.setdiff1d(self.known_outcomes(table), self.test_rows(table, options.seed))
        X = np.column_stack([np.ones(len(known)), table.frame[list(FEATURES)].iloc[known].to_numpy(float)])
        y = table.frame["returned"].iloc[known].to_numpy(float)
        if params.get("shuffled"):
            y = np.random.default_rng(options.seed).permutation(y)
        weights = np.zeros(X.shape[1])
        for _ in range(8):
            p = 1 / (1 + np.exp(-X @ weights))
            weights += np.linalg.solve((X * (p * (1 - p))[:, None]).T @ X + np.eye(len(weights)), X.T @ (y - p))
        until = table.frame["ordered_at"].iloc[known].max() + pd.Timedelta(seconds=1)
        log.part()
        training = OrderTraining(table.digest(), options.seed, until.isoformat())
        return OrderModel(tuple(float(weight) for weight in weights), training)

    def save(self, model: OrderModel, folder: Path, table: Orders, options: FitOptions) -> Path:
        """Weights as JSON."""
        with atomic_folder(folder) as draft:
            content = {"kind": self.name, "weights": model.weights, "training": model.training.to_dict()}
            (draft / bundle_files.DESCRIPTION).write_text(json.dumps(content))
        return folder

    def load(self, folder: Path) -> OrderModel:
        """What ``save`` wrote."""
        content = json.loads((folder / bundle_files.DESCRIPTION).read_text())
        return OrderModel(tuple(content["weights"]), OrderTraining(**content["training"]))

    def test_rows(self, table: Orders, seed: int) -> np.ndarray:
        """The last third of the orders of known outcome."""
        known = self.known_outcomes(table)
        return known[2 * len(known) // 3 :]

    def known_outcomes(self, table: Orders) -> np.ndarray:
        """Orders of which it is known, oldest first."""
        known = np.flatnonzero(table.frame["returned"].notna())
        return known[np.argsort(table.frame["ordered_at"].to_numpy()[known], kind="stable")]

    def keys(self, table: Orders) -> np.ndarray:
        """By order."""
        return pd.util.hash_array(table.frame["order_id"].to_numpy(object)).astype(np.uint64)

    def metrics(self, model: OrderModel) -> tuple[str, ...]:
        """AUC alone."""
        return ("auc",)

    def predictions(self, model: OrderModel, rows: Orders, constants: Constants) -> Predictions:
        """The model beside the amount."""
        frame = rows.frame
        baselines = {"naive": frame["amount"].to_numpy(float)}
        return Predictions(
            frame["returned"].to_numpy(float), model.outputs(frame), baselines, frame["user_id"].to_numpy()
        )

    def measure(self, model: OrderModel, metric: str, predictions: Predictions) -> Measure:
        """AUC of the probability."""
        return weighted_metric("auc", predictions.y, predictions.outputs)

    def baseline(self, model: OrderModel, metric: str, predictions: Predictions) -> Measure:
        """AUC of the amount."""
        return weighted_metric("auc", predictions.y, predictions.baseline("naive"))

    def example(self, model: OrderModel, table: Orders) -> pd.DataFrame:
        """An order of means."""
        return pd.DataFrame([{name: float(table.frame[name].mean()) for name in FEATURES}])

    def moments(self, table: Orders) -> pd.Series:
        """When each order came."""
        return table.frame["ordered_at"]


KIND = OrderRanking()


def open_responder(folder: Path, deployed: Deployed, limits: Limits) -> RowResponder:
    """Replies to orders that are sent."""
    model = KIND.load(folder)

    def predict(rows: Rows) -> dict[str, np.ndarray]:
        return {"score": probability(rows.numeric, model.weights)}

    return RowResponder(RequestColumns(FEATURES, (), frozenset()), predict, model.predict, deployed, limits)


def orders(count: int = 900, days: int = 240, seed: int = 0, shift: float = 0.0) -> pd.DataFrame:
    """Orders whose discount tells most of whether they come back; those of the last 30 days have no outcome yet."""
    rng = np.random.default_rng(seed)
    moment = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.uniform(0, days, count)), unit="D")
    discount, lines = rng.normal(shift, 1, count), rng.poisson(3, count).astype(float)
    back = (rng.random(count) < 1 / (1 + np.exp(-(1.6 * discount - 1)))).astype(float)
    frame = pd.DataFrame(
        {
            "order_id": [f"order-{number}" for number in range(count)],
            "user_id": [f"user-{number % 300}" for number in range(count)],
            "ordered_at": moment,
            "amount": rng.gamma(2, 20, count),
            "lines": lines,
            "discount": discount,
            "returned": back,
        }
    )
    last = frame["ordered_at"].max()
    return frame.assign(returned=frame["returned"].where(frame["ordered_at"] <= last - WAIT))
