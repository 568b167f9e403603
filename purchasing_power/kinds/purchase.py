"""The purchase model: how willing and how able each user is to buy, per user and cutoff or per row of a flat table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from purchasing_power.actions.campaign_list import CampaignList, campaign_list
from purchasing_power.errors import DataError
from purchasing_power.evaluation.baselines import naive_score, prior_prediction, rfm_proba
from purchasing_power.evaluation.bootstrap import Measure
from purchasing_power.evaluation.holdout import Constants, Predictions
from purchasing_power.evaluation.metrics import classification_metrics, ranking_metrics, regression_metrics
from purchasing_power.evaluation.report import evaluation_report
from purchasing_power.evaluation.slices import SliceComparison, profile_columns, slice_comparisons
from purchasing_power.evaluation.target_metrics import check_metric, target_measure, target_metrics
from purchasing_power.explain.reasons import reason_columns
from purchasing_power.gates.checks import calibration_check, calibration_evidence, slices_check
from purchasing_power.gates.staging import GatePolicy, OwnEvidence
from purchasing_power.kinds.case import Evaluated, FitLog, FitOptions, GateCase
from purchasing_power.kinds.kind import Kind
from purchasing_power.kinds.purchase_report import NAIVE, PRIOR, RFM, material, predicted_words
from purchasing_power.kinds.purchase_training import train
from purchasing_power.model import bundle
from purchasing_power.model.purchasing_model import PurchasingModel, row_keys
from purchasing_power.model.splits import known_outcomes, split
from purchasing_power.reference.columns import ComparedColumns, score_columns
from purchasing_power.reference.measure import shap_importance
from purchasing_power.reference.rows import current_rows, usable_rows
from purchasing_power.reference.texts import text_block
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.cutoffs import chosen_cutoff
from purchasing_power.snapshot.target import Target
from purchasing_power.snapshot.target_choice import SPEND, TIER
from purchasing_power.snapshot.user_table import CUTOFF, DOCUMENTS, USER, UserTable, UserTableFile, distinct_texts
from purchasing_power.text.encoder_spec import FLOAT32, ONNX_FLOAT32, parse
from purchasing_power.text.store import store_folder

EXAMPLE_DOCUMENT = "a text that the user wrote, or the title of a product that the user bought"
# What runs an exported encoder, by the first part of the runtime's name.
RUNTIME_PACKAGES = {"openvino": "openvino", "onnx": "onnxruntime"}


class Purchase(Kind):
    """Purchasing power of the users of a shop, or the label of a flat file."""

    name = "purchase"
    unit = "user × cutoff, or a row of a flat file"
    holdout = "forward in time; by user, at random, for a flat file, which has no time"
    outcome = "What a user spends in the horizon is known once the horizon after the cutoff is over."
    ids = (USER, CUTOFF)
    group = USER
    responder = "purchasing_power.serving.responder"
    retraining = ("snapshot", "tune", "train", "evaluate", "promote")

    def read(self, folder: Path) -> UserTable:
        """Read a user table."""
        return user_table.read(folder)

    def fit(self, table: UserTable, options: FitOptions, log: FitLog) -> PurchasingModel:
        """Resolve encoders, cross-validate, and fit and calibrate on the rows that the split does not hold out."""
        return train(table, options, log)

    def save(self, model: PurchasingModel, folder: Path, table: UserTable, options: FitOptions) -> Path:
        """Write the bundle, with the vectors of the texts that it was trained on."""
        texts = distinct_texts(table, split(table, options.seed).known)
        return bundle.save(model, folder, texts, store_folder(options.workspace))

    def load(self, folder: Path) -> PurchasingModel:
        """Read a bundle."""
        return bundle.load(folder)

    def requirements(self, model: PurchasingModel) -> tuple[str, ...]:
        """The runtimes that its encoders were served with."""
        runtimes = [(parse(one).runtime or "").partition("-")[0] for one in model.params.encoders]
        return tuple({RUNTIME_PACKAGES[name] for name in runtimes if name in RUNTIME_PACKAGES})

    def rounding(self, model: PurchasingModel) -> float:
        """A thousandth where an encoder computes in fewer bits than float32; of amounts, of the largest tier's."""
        encoders = (parse(part.encoder).runtime or FLOAT32 for part in model.params.parts if part.reads_model)
        if {FLOAT32, ONNX_FLOAT32}.issuperset(encoders):
            return super().rounding(model)
        return 1e-3 * max((1.0, *model.score_levels, *model.target.thresholds))

    def description(self, model: PurchasingModel) -> dict[str, str]:
        """Head, text, encoder and sizes."""
        return {
            "Head": model.params.head.name,
            "Text": model.params.representation,
            "Encoder": model.params.encoder if "encoder" in model.params.text_blocks else "not used",
            "Features": str(len(model.meta.features)),
            "Training rows": f"{model.training.rows:,}",
            "Calibration rows": f"{model.training.calibration_rows:,}",
        }

    def tags(self, model: PurchasingModel) -> dict[str, str]:
        """Target and training cutoffs."""
        trained_on = ", ".join(model.training.cutoffs) or f"{model.training.rows} rows"
        target = model.target
        classes = {"target.classes": ", ".join(target.classes)} if target.name == TIER else {}
        why = {"target.why": target.why} if target.why else {}
        return {"target": target.name, **classes, **why, "trained_on": trained_on}

    def test_rows(self, table: UserTable, seed: int) -> np.ndarray:
        """The last cutoff of known outcome, or a fifth of the users of a flat table."""
        return split(table, seed).test

    def known_outcomes(self, table: UserTable) -> np.ndarray:
        """Rows whose horizon is over, or that have a label."""
        return known_outcomes(table)

    def keys(self, table: UserTable) -> np.ndarray:
        """By user and cutoff, or by content."""
        return row_keys(table)

    def check_table(self, model: PurchasingModel, table: UserTable) -> None:
        """A panel's model reads panels, a flat table's model flat tables."""
        if table.meta.kind != model.meta.kind:
            raise DataError(
                f"user table: got a {table.meta.kind} table; the model was trained on a {model.meta.kind} one. "
                "Use a registered model of its own (-P model=NAME) for each kind of data."
            )

    def metrics(self, model: PurchasingModel) -> tuple[str, ...]:
        """The figures of its target."""
        return target_metrics(model.target)

    def check_metric(self, model: PurchasingModel, metric: str) -> None:
        """Those that fit the target may be asked for."""
        check_metric(model.target, metric)

    def constants(self, model: PurchasingModel, table: UserTable) -> dict[str, np.ndarray]:
        """The prior: class shares of the training rows, or their mean amount."""
        target, train = model.target, model.training_rows(table)
        return {PRIOR: prior_prediction(target.labels(train), 1, target.task, _classes(target))}

    def predictions(self, model: PurchasingModel, rows: UserTable, constants: Constants) -> Predictions:
        """The model beside last month's spend (a constant for a table without it) and the prior."""
        naive = naive_score(rows.frame, rows.meta)
        return Predictions(
            y=model.target.labels(rows.frame),
            outputs=model.outputs(rows.frame),
            baselines={NAIVE: naive, **constants},
            users=rows.frame[USER].to_numpy(),
        )

    def measure(self, model: PurchasingModel, metric: str, predictions: Predictions) -> Measure:
        """A figure of probabilities or amounts."""
        return target_measure(model.target, metric, predictions.y, predictions.outputs)

    def baseline(self, model: PurchasingModel, metric: str, predictions: Predictions) -> Measure:
        """Last month's spend where users are ranked or spend is predicted, else the prior."""
        ranked = metric in ("average_precision", "auc", "lift_10") or _same_unit(model)
        values = predictions.baseline(NAIVE if ranked else PRIOR)
        return target_measure(model.target, metric, predictions.y, values)

    def fitted_baselines(self, model: PurchasingModel, table: UserTable, rows: UserTable) -> dict[str, np.ndarray]:
        """Recency-frequency-money regression."""
        target, train = model.target, model.training_rows(table)
        classes = _classes(target)
        return {RFM: rfm_proba(train, target.labels(train), rows.frame, target.task, classes)}

    def figures(self, model: PurchasingModel, predictions: Predictions) -> dict[str, dict[str, float]]:
        """Of the model, the naive baseline and recency-frequency-money regression on the same rows."""
        target, y, rfm = model.target, predictions.y, predictions.baseline(RFM)
        if target.task == "regression":
            naive = predictions.baseline(NAIVE if _same_unit(model) else PRIOR)
            sides = {"model": predictions.outputs, NAIVE: naive, RFM: rfm}
            return {name: regression_metrics(y, values) for name, values in sides.items()}
        sides = {"model": predictions.outputs, NAIVE: predictions.baseline(PRIOR), RFM: rfm}
        figures = {name: classification_metrics(y, proba, target.positive) for name, proba in sides.items()}
        if target.positive is not None:
            positive = (y == target.positive).astype(np.int64)
            figures[NAIVE] = ranking_metrics(positive, predictions.baseline(NAIVE))
        return figures

    def report(self, title: str, made: Mapping[str, str], evaluated: Evaluated) -> str:
        """The report with lift, calibration, confusion and what drives the score."""
        return evaluation_report(material(title, made, evaluated))

    def check_comparable(self, challenger: PurchasingModel, champion: PurchasingModel) -> None:
        """Both must predict the same target, with the same classes."""
        one, other = challenger.target, champion.target
        if (one.name, one.classes) == (other.name, other.classes):
            return
        remedy = "Train under another registered model (-P model=NAME)"
        if one.name == other.name == TIER:
            remedy += f", or with production's tiers (-P target={other.full_name})"
        raise DataError(
            f"promote: the version predicts {predicted_words(one)}, production predicts {predicted_words(other)}; "
            f"they cannot be compared. {remedy}."
        )

    def own_evidence(self, case: GateCase, policy: GatePolicy) -> OwnEvidence:
        """Calibration, and against production the slices of the users' profile."""
        target, predictions, resampling = case.challenger.target, case.predictions, case.resampling
        calibration = calibration_evidence(target, predictions.y, predictions.outputs, resampling.seed)
        checks = [calibration_check(calibration, policy.calibration_error)]
        slices = None
        if case.champion is not None:
            slices = _slices(case)
            checks.append(slices_check(slices, policy.slice_margin))
        return OwnEvidence(
            checks=tuple(checks),
            figures={} if calibration is None else {"calibration_error": calibration.error},
            comparisons=tuple(
                (f"{one.column} {one.value} ({one.users:,} users)", one.comparison) for one in slices or ()
            ),
            details={
                "calibration": None if calibration is None else asdict(calibration),
                "slices": None if slices is None else [asdict(one) for one in slices],
            },
        )

    def example(self, model: PurchasingModel, table: UserTable) -> pd.DataFrame:
        """Medians and most frequent categories of the training rows, and an invented text."""
        frame = table.frame.iloc[split(table, model.training.seed).known]
        row: dict[str, object] = {USER: "example"}
        row |= {name: float(np.nan_to_num(frame[name].median())) for name in model.meta.numeric}
        modes = {name: frame[name].mode() for name in model.meta.categorical}
        row |= {name: str(mode.iloc[0]) if len(mode) else "missing" for name, mode in modes.items()}
        return pd.DataFrame([{**row, DOCUMENTS: [EXAMPLE_DOCUMENT]}])

    def requests(self, model: PurchasingModel, rows: UserTable) -> list[dict[str, Any]]:
        """Features by name, the user and the documents."""
        found = super().requests(model, rows)
        if DOCUMENTS in rows.frame:
            for row, texts in zip(found, rows.frame[DOCUMENTS], strict=True):
                row[DOCUMENTS] = list(texts)
        return found

    def row_source(self, folder: Path) -> UserTableFile:
        """Row group by row group: never the whole of it is in memory."""
        return UserTableFile.open(folder)

    def scored_cutoff(self, rows: UserTableFile, cutoff: date | None) -> pd.Timestamp | None:
        """By default the latest; all rows of a flat table."""
        return chosen_cutoff(rows, cutoff)

    def reasons(self, model: PurchasingModel, frame: pd.DataFrame, most: int, language: str, seed: int) -> pd.DataFrame:
        """By Shapley values."""
        return reason_columns(model, frame, most, language, seed, progress=True)

    def moments(self, table: UserTable) -> pd.Series | None:
        """Cutoffs; a flat table has no time."""
        return table.frame.get(CUTOFF)

    def has_cutoffs(self, table: UserTable) -> bool:
        """Those of a panel."""
        return CUTOFF in table.frame

    def reference_rows(self, model: PurchasingModel, table: UserTable) -> np.ndarray:
        """Rows that it was fitted or calibrated on, whose windows are filled."""
        return usable_rows(model, table)

    def score_rows(self, model: PurchasingModel, table: UserTable) -> np.ndarray:
        """The calibration rows: a model is surer of rows that it was fitted on."""
        return split(table, model.training.seed).calibrate

    def watched_predictions(self, predictions: pd.DataFrame) -> ComparedColumns:
        """Score and tier, or the likeliest class."""
        return score_columns(predictions)

    def importance(self, model: PurchasingModel, table: UserTable, seed: int) -> dict[str, float]:
        """By SHAP values."""
        return shap_importance(model, table, seed)

    def text_vectors(self, model: PurchasingModel, frame: pd.DataFrame) -> np.ndarray | None:
        """Of its encoder or TF-IDF block."""
        return text_block(model, frame)

    def anonymous(self, model: PurchasingModel, predictions: Predictions) -> Predictions:
        """Users as codes; last month's spend as ranks where it only ranks them."""
        predictions = super().anonymous(model, predictions)
        if _same_unit(model):
            return predictions
        ranks = np.unique(predictions.baselines[NAIVE], return_inverse=True)[1].astype(np.float64)
        return replace(predictions, baselines={**predictions.baselines, NAIVE: ranks})

    def current_rows(self, model: PurchasingModel, table: UserTable, cutoff: date | None, seed: int) -> UserTable:
        """Of one later cutoff, by default the last; of a flat table one row per user that is new."""
        self.check_table(model, table)
        return current_rows(model, table, cutoff, seed)

    def matures(self, table: UserTable, latest: pd.Timestamp | None = None) -> str:
        """When the horizon after the newest cutoff is over."""
        if table.meta.kind == "flat":
            if table.meta.label is None:
                return "the file has no label."
            return "every row with a label was used in training or promotion."
        over = table.frame[CUTOFF].max() if latest is None else latest
        over += pd.Timedelta(days=int(table.meta.horizon_days or 0))
        return f"the outcome of this cutoff is complete on {over:%Y-%m-%d}."

    def probability(self, model: PurchasingModel, outputs: np.ndarray) -> np.ndarray | None:
        """Of the positive class."""
        positive = model.target.positive
        return None if positive is None or model.target.task == "regression" else outputs[:, positive]

    def positives(self, model: PurchasingModel, y: np.ndarray) -> np.ndarray:
        """Rows of the positive class."""
        return (y == model.target.positive).astype(np.int64)

    def campaign(self, model: PurchasingModel, table: UserTable, current: UserTable) -> CampaignList | None:
        """The users of the high tier now, and at the cutoff before."""
        return campaign_list(current, table, lambda rows: model.predict(rows.frame).get("tier"))

    def retraining_parameters(self, model: PurchasingModel, users: str, tables: str) -> dict[str, str]:
        """A new snapshot of the shop's tables, or the flat table itself; the same target."""
        flat, target = model.meta.kind == "flat", model.target
        source = {"users": users} if flat else {"tables": tables, "last_cutoff": "auto"}
        named = flat and target.positive is not None
        positive = target.classes[int(target.positive or 0)] if named else "auto"
        return {**source, "target": target.name, "positive": positive}


KIND = Purchase()


def _slices(case: GateCase) -> tuple[SliceComparison, ...] | None:
    """Each profile group against production; ``None`` where the table has no profile columns."""
    if not profile_columns(case.rows):
        return None
    target, predictions = case.challenger.target, case.predictions
    sides = (predictions.outputs, case.champion_outputs)

    def measures(rows: np.ndarray) -> tuple[Measure, Measure]:
        y = predictions.y[rows]
        first, second = (target_measure(target, case.metric, y, values[rows]) for values in sides)
        return first, second

    return slice_comparisons(case.rows, measures, case.metric, case.slice_users, case.resampling)


def _same_unit(model: PurchasingModel) -> bool:
    """Whether the naive baseline is in the unit of what is predicted, and so predicts it."""
    return model.target.name == SPEND


def _classes(target: Target) -> int:
    return max(len(target.classes), 2)
