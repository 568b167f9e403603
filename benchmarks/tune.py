"""Trials per minute of a study on Complete Journey: against a plain Optuna loop, and of two workers against one.

``trials_ratio``: a study of 30 trials over TF-IDF, MiniLM vectors and both, as ``tune`` runs it, against Optuna around
a scikit-learn pipeline that turns texts into numbers in each trial, fold by fold (``sentence_transformers.encode`` at
its defaults, ``TfidfVectorizer`` and truncated SVD), with the same folds, heads and threads. The plain side runs one
trial of each representation and is given the mean of the three; the study's rate is that of all trials but its first.
Both sides take turns. ``trials_ratio_once`` is what would be left if the plain loop encoded its texts once a trial.

``workers_ratio``: fold fits per minute of ``tune`` with ``workers=2`` against ``workers=1``, ``threads=1``, on trials
of equal cost, from the first trial's start to the last one's end, the second process's start-up included.
Run: ``python benchmarks/tune.py``.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import optuna
import pandas as pd
from optuna.trial import TrialState
from quality import own_store
from sentence_transformers import SentenceTransformer
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from purchasing_power.evaluation.cross_validation import CrossValidation
from purchasing_power.model.calibration import calibrated
from purchasing_power.model.features import blocks, prepare
from purchasing_power.model.params import ModelParams
from purchasing_power.model.splits import split
from purchasing_power.model.table_scorer import MatrixFitting, MatrixHead
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.user_table import DOCUMENTS, UserTable, distinct_texts
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.store import warm
from purchasing_power.tuning.space import draw, starting_points
from steps.study.setup import objective_of, space_of, validation_of
from steps.study.trial_runs import open_study, search
from tracking import runs
from tracking.chain import entry_points, options_of, run_steps

TRIALS, WORKER_TRIALS = 30, 20
PLAIN = (("lightgbm", "both"), ("logistic", "tfidf"), ("svm", "encoder"))
# Trials of one cost, whatever is drawn.
EVEN = {
    "heads": "lightgbm",
    "representations": "both",
    "space": "trees=250,leaves=15,leaf_rows=40,feature_share=0.3,text_components=16",
    "weightings": "log_count",
}
SECONDS = {"encode": 0.0}


class MeanVector(TransformerMixin, BaseEstimator):
    """Mean of the vectors of a row's documents, each distinct text of the given rows encoded anew."""

    def __init__(self, model: SentenceTransformer) -> None:
        self.model = model

    def fit(self, X: pd.Series, y: Any = None) -> MeanVector:
        return self

    def transform(self, X: pd.Series) -> np.ndarray:
        start = time.perf_counter()
        texts = sorted({text for row in X for text in row})
        found = dict(zip(texts, self.model.encode(texts), strict=True))
        SECONDS["encode"] += time.perf_counter() - start
        nothing = np.zeros((1, self.model.get_embedding_dimension()), np.float32)
        return np.stack([np.mean([found[text] for text in row] or nothing, axis=0) for row in X])


def plain_columns(params: ModelParams, meta: Any, model: SentenceTransformer) -> ColumnTransformer:
    width = params.text_components
    text = {
        "tfidf": (
            TfidfVectorizer(preprocessor=" ".join, sublinear_tf=True, max_features=20_000, min_df=params.min_df),
            TruncatedSVD(width, random_state=0),
        ),
        "encoder": (MeanVector(model), PCA(width, random_state=0)),
    }
    tabular = blocks(replace(params, representation="none"), meta, 0)
    texts = [(name, make_pipeline(*text[name], StandardScaler()), DOCUMENTS) for name in params.text_blocks]
    return ColumnTransformer([*tabular, *texts], sparse_threshold=0.0)


def plain_objective(
    validation: CrossValidation, space: Any, model: SentenceTransformer
) -> Callable[[optuna.Trial], float]:
    """A trial as a notebook writes it: nothing outlives it."""
    table = validation.table

    def objective(trial: optuna.Trial) -> float:
        params, scores = draw(trial, space), []
        for number, rows in enumerate(validation.folds):
            before, later = (prepare(table.frame.iloc[part], table.meta) for part in rows)
            target = validation.target(number)
            y = target.labels(table.frame.iloc[rows[0]])
            columns = plain_columns(params, table.meta, model)
            head, given = params.head, MatrixFitting(params, target.task, len(target.classes))
            assert isinstance(head, MatrixHead)
            fitted = head.fit_matrix(columns.fit_transform(before, y), y, given)
            outputs = calibrated(None, head.raw(fitted, columns.transform(later)), target.task)
            scores.append(validation.score(number, outputs))
        return float(np.mean(scores))

    return objective


def against_plain(given: dict[str, str], table: UserTable, place: Path) -> dict[str, float]:
    """Seconds a trial of the study and of the plain loop, and what of the latter went into encoding."""
    args = options_of("tune", given)
    validation = validation_of(args, table, progress=False)
    space = space_of(args, args.encoder, regression=False)
    warm("minilm", distinct_texts(table, split(table, args.seed).known), validation.store)
    first = starting_points(space)
    study = open_study("ours", f"sqlite:///{place}/ours.db", args.seed, first)
    active = mlflow.active_run()
    assert active is not None
    model = SentenceTransformer(str(Encoder.open("minilm").source.folder), device="cpu")
    plain = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0), direction="maximize")
    objective, seconds = plain_objective(validation, space, model), []
    for number, (head, representation) in enumerate(tqdm(PLAIN, desc="plain trials")):
        point = next(one for one in first if one["head"] == head)
        plain.enqueue_trial({**point, "representation": representation})
        start = time.perf_counter()
        plain.optimize(objective, n_trials=1)
        seconds.append(time.perf_counter() - start)
        until = TRIALS * (number + 1) // len(PLAIN)
        at = (active.info.run_id, active.info.experiment_id)
        search(study, objective_of(validation, space), until, *at, bar=False)
    pruned = len(study.get_trials(states=(TrialState.PRUNED,)))
    return {
        "ours": float(np.mean([length(trial) for trial in study.trials[1:]])),
        "first": length(study.trials[0]),
        "pruned": pruned,
        "plain": float(np.mean(seconds)),
        "encode": SECONDS["encode"] / len(PLAIN),
        "sides": 2.0 * len(validation.folds),
    }


def workers_rate(given: dict[str, str], workers: int, number: int) -> float:
    """Fold fits a minute of a study of its own."""
    storage = f"sqlite:///{given['workspace']}/workers-{workers}-{number}.db"
    name = f"workers-{workers}-{number}"
    more = {"workers": str(workers), "threads": "1", "trials": str(WORKER_TRIALS), "storage": storage, "study": name}
    run_steps(["tune"], {**given, **EVEN, **more})
    trials = optuna.load_study(study_name=name, storage=storage).trials
    fits = sum(len(trial.intermediate_values) for trial in trials)
    start = min(trial.datetime_start for trial in trials if trial.datetime_start)
    end = max(trial.datetime_complete for trial in trials if trial.datetime_complete)
    return 60 * fits / (end - start).total_seconds()


def length(trial: optuna.trial.FrozenTrial) -> float:
    assert trial.duration is not None
    return trial.duration.total_seconds()


def report(found: dict[str, float], rates: dict[int, list[float]]) -> dict[str, float]:
    once = found["plain"] - found["encode"] * (1 - 1 / found["sides"])
    figures = {
        "trials_ratio": round(found["plain"] / found["ours"], 1),
        "trials_ratio_once": round(once / found["ours"], 1),
        "workers_ratio": round(float(np.median(rates[2]) / np.median(rates[1])), 2),
    }
    print(f"{'':<64}{'seconds a trial':>16}{'trials a minute':>18}")
    ways = {
        f"study of {TRIALS} trials ({found['pruned']:.0f} pruned), all but the first": found["ours"],
        "its first trial": found["first"],
        "plain loop, texts encoded in each fold (3 trials)": found["plain"],
        "  of which sentence-transformers": found["encode"],
        "plain loop, if texts were encoded once a trial": once,
    }
    for name, seconds in ways.items():
        print(f"{name:<64}{seconds:>16.1f}{60 / seconds:>18.2f}")
    print(f"\n{'threads=1, trials of equal cost':<64}{'fold fits a minute':>34}")
    for workers, each in rates.items():
        print(f"{f'workers={workers}':<64}{', '.join(f'{rate:.1f}' for rate in each):>34}")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=2, help="studies of each number of workers")
    rounds = parser.parse_args().rounds
    warnings.simplefilter("ignore")
    with own_store() as place:
        given = entry_points()["main"].defaults | {"workspace": str(place / "workspace")}
        made = run_steps(["ingest", "snapshot"], given)
        given["users"] = made["users"]
        table = user_table.read(runs.fetch(made["users"], "users")[0])
        found = against_plain(given, table, place)
        rates: dict[int, list[float]] = {1: [], 2: []}
        for number in range(rounds):
            for workers in rates:
                rates[workers].append(workers_rate(given, workers, number))
    figures = report(found, rates)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
