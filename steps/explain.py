"""Entry point ``explain``: what a version looks at, and why one user's score is what it is."""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import asdict
from typing import Any

import mlflow
import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.evaluation.holdout import held_back
from purchasing_power.explain.model_explanation import ModelExplanation, explain_model, sampled
from purchasing_power.explain.page import SHOWN_COLUMNS, UserExplanation, explanation_page
from purchasing_power.explain.permutation_importance import permutation_importance
from purchasing_power.explain.reasons import LANGUAGES
from purchasing_power.explain.user_explanation import explain_user
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.cutoffs import at_cutoff
from purchasing_power.snapshot.user_table import USER, UserTable
from tracking import registry, runs
from tracking.entry import Outputs, Parser, choice, execute, optional_date, whole

log = logging.getLogger(__name__)


def parser() -> Parser:
    """Parameters of ``explain``."""
    return (
        Parser(prog="explain")
        .add("users", "user table: a folder, a runs:/ URI, or latest")
        .add("model", "name of the registered model")
        .add("version", "version number or stage")
        .add(
            "user",
            "user_id (a pseudonym) as in the user table, kept by MLflow as a parameter; none for no user",
        )
        .add("cutoff", "cutoff of the rows, YYYY-MM-DD; auto is the latest", optional_date)
        .add("language", "en or zh", choice(*LANGUAGES))
        .add("top", "how many reasons of the user's score are told", whole)
        .add("seed", "seed of samples and shuffles", whole)
    )


def run(args: argparse.Namespace) -> Outputs:
    """Explain the version, and the user's score where one is named, as a page and as JSON."""
    version = registry.find(args.model, args.version)
    model = registry.open_bundle(version)
    table = user_table.read(runs.fetch(args.users, "users")[0])
    rows = at_cutoff(table, args.cutoff)
    user = None
    if args.user != "none":
        place = row_of(rows, args.user)
        user = explain_user(model, rows.frame, place, args.top, args.language, args.seed, True)
    overall = explain_model(model, rows.frame, args.seed, progress=True)
    shown = overall.drivers[:SHOWN_COLUMNS]
    permuted = _permuted(model, table, [driver.feature for driver in shown], args.seed)
    for driver in shown:
        mlflow.log_metric(f"shap.{driver.feature}", driver.importance)
    title = f"{version.name}, version {version.version}"
    page = explanation_page(title, model, overall, permuted, user, args.language)
    found = {"model": _model_json(overall, permuted)} | ({} if user is None else {"user": _user_json(user)})
    return {
        "explanation_page": runs.write_text(page, "explanation.html"),
        "explanation": runs.write_text(json.dumps(found, indent=1, ensure_ascii=False), "explanation.json"),
    }


def row_of(rows: UserTable, user: str) -> int:
    """Position of a user's row.

    Raises
    ------
    DataError
        If no row is the user's; the message does not repeat the id.
    """
    found = np.flatnonzero((rows.frame[USER].astype(str) == user).to_numpy())
    if not len(found):
        raise DataError(
            f"user: none of the {len(rows.frame):,} rows of the user table at that cutoff has the user_id given. "
            "Give a user_id as it stands in the table (a pseudonym, as in the predictions), or another cutoff."
        )
    return int(found[0])


def _permuted(model: PurchasingModel, table: UserTable, columns: list[str], seed: int) -> pd.DataFrame | None:
    try:
        rows = held_back(table, [model])
    except DataError as error:
        log.info("no column is shuffled: %s", error)
        return None
    return permutation_importance(model, sampled(rows.frame, seed), seed=seed, progress=True, chosen=columns)


def _model_json(overall: ModelExplanation, permuted: pd.DataFrame | None) -> dict[str, Any]:
    return {
        "drivers": [asdict(driver) for driver in overall.drivers],
        "directions": overall.directions,
        "words": [asdict(effect) for effect in overall.words],
        "categories": [asdict(effect) for effect in overall.categories],
        "permutation": {}
        if permuted is None
        else {str(name): [float(drop) for drop in drops] for name, drops in permuted.T.items()},
    }


def _user_json(user: UserExplanation) -> dict[str, Any]:
    return {
        "score": user.score,
        "base_score": user.base,
        "reasons": [asdict(reason) for reason in user.reasons],
        "other_reasons": user.others,
        "words": user.words.to_dict("records"),
        "texts": user.documents.rename(columns={"term": "places"}).to_dict("records"),
    }


def main() -> None:
    """Run from the command line."""
    execute("explain", parser(), run)


if __name__ == "__main__":
    main()
