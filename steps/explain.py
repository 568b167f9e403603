"""Entry point ``explain``: what a version looks at, and why one user's score is what it is."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd

from purchasing_power.errors import DataError
from purchasing_power.evaluation.holdout import held_out
from purchasing_power.explain.model_explanation import ModelExplanation, explain_model, sampled
from purchasing_power.explain.page import MOST_COLUMNS, explanation_page
from purchasing_power.explain.permutation_importance import permutation_importance
from purchasing_power.explain.user_explanation import UserExplanation, explain_user
from purchasing_power.kinds import registry as kinds
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.pages.page import LANGUAGES
from purchasing_power.shop.pseudonym import has_key, pseudonym_of
from purchasing_power.snapshot import user_table
from purchasing_power.snapshot.cutoffs import at_cutoff
from purchasing_power.snapshot.user_table import USER, UserTable
from tracking import registry, runs
from tracking.entry import Outputs, choice, count, execute, optional_date, parameter
from tracking.registry import ModelOptions

log = logging.getLogger(__name__)

ENVIRONMENT = "env:"


@dataclass(frozen=True)
class Options(ModelOptions):
    """Parameters of ``explain``."""

    users: str = parameter("user table: a folder, a runs:/ URI, or latest")
    version: str = parameter("version number or stage")
    user: str = parameter(
        "user: a pseudonym or the shop's own id (MLflow keeps either as a parameter), env:NAME for an id in an "
        "environment variable, which is kept nowhere, or none"
    )
    cutoff: date | None = parameter("cutoff of the rows, YYYY-MM-DD; auto is the latest", optional_date)
    language: str = parameter("en or zh", choice(*LANGUAGES))
    top: int = parameter("how many reasons of the user's score are given", count)
    workspace: str = parameter("folder of the pseudonym key")
    seed: int = parameter("seed of samples and shuffles", count)


def run(options: Options) -> Outputs:
    """Explain the version, and the user's score where one is named, as a page and as JSON."""
    kind = kinds.kind(options.kind)
    if kind.name != kinds.PURCHASE:
        raise DataError(f"explain: got kind={kind.name}; reasons in words are given for kind={kinds.PURCHASE}.")
    version = registry.find(options.registered, options.version)
    model = registry.open_model(version, kind)
    table = user_table.read(runs.fetch(options.users, "users")[0])
    rows = at_cutoff(table, options.cutoff)
    user = None
    if options.user != "none":
        place = row_of(rows, options.user, Path(options.workspace))
        user = explain_user(model, rows.frame, place, options.top, options.language, options.seed, True)
    overall = explain_model(model, rows.frame, options.seed, progress=True)
    shown = overall.drivers[:MOST_COLUMNS]
    permuted = _permuted(model, table, [driver.feature for driver in shown], options.seed)
    for driver in shown:
        mlflow.log_metric(runs.metric_name(f"shap.{driver.feature}"), driver.importance)
    title = f"{version.name}, version {version.version}"
    page = explanation_page(title, model, overall, permuted, user, options.language)
    found = {"model": _model_json(overall, permuted)} | ({} if user is None else {"user": _user_json(user)})
    return {
        "explanation_page": runs.write_text(page, "explanation.html"),
        "explanation": runs.write_text(json.dumps(found, indent=1, ensure_ascii=False), "explanation.json"),
    }


def row_of(rows: UserTable, user: str, workspace: Path) -> int:
    """Position of a user's row.

    Parameters
    ----------
    user
        A pseudonym, the shop's own id, or ``env:NAME``: either in the environment variable of that name.
    workspace
        Folder of the key that makes pseudonyms of own ids.

    Raises
    ------
    DataError
        If no row is the user's; the message does not repeat the id.
    """
    given = _from_environment(user)
    ids = rows.frame[USER].astype(str).to_numpy()
    found = np.flatnonzero(ids == given)
    if not len(found) and has_key(workspace):
        found = np.flatnonzero(ids == pseudonym_of(given, workspace))
        if len(found) and given == user:
            log.warning(
                "user: MLflow keeps the parameter, so the shop's own id stands in this run. Next time give its "
                "pseudonym (python -m purchasing_power.shop.pseudonym prints it), or put the id into an environment "
                "variable and give %sNAME.",
                ENVIRONMENT,
            )
    if not len(found):
        keyed = "" if has_key(workspace) else f" There is no key in {workspace} to make a pseudonym of an own id."
        raise DataError(
            f"user: none of the {len(rows.frame):,} rows of the user table at that cutoff has the user_id given. "
            "Give a user_id as it stands in the table (a pseudonym, as in the predictions) or the shop's own id with "
            f"the workspace of its ingest, or another cutoff.{keyed}"
        )
    return int(found[0])


def _from_environment(user: str) -> str:
    """What was given, or what an environment variable holds where that was named."""
    if not user.startswith(ENVIRONMENT):
        return user
    name = user.removeprefix(ENVIRONMENT)
    if not os.environ.get(name):
        raise DataError(f"user: got {user}; the environment variable {name} is not set. Put the id into it.")
    return os.environ[name]


def _permuted(model: PurchasingModel, table: UserTable, columns: list[str], seed: int) -> pd.DataFrame | None:
    try:
        rows = held_out(kinds.kind(kinds.PURCHASE), table, [model])
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


if __name__ == "__main__":
    execute("explain", Options, run)
