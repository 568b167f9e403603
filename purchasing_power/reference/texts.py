"""What users' texts are like, without a text: projected vectors of some users, and users of each word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer

from purchasing_power.explain.heads import parts_of
from purchasing_power.model.purchasing_model import PurchasingModel
from purchasing_power.reference.sketch import LEAST_USERS
from purchasing_power.snapshot.user_table import DOCUMENTS, document_codes
from purchasing_power.text.bag import Bag, bag
from purchasing_power.text.words import words

# Users whose vectors are kept and compared, and users whose words are counted.
MOST_VECTORS, MOST_READ = 2_000, 20_000
DIMENSION, HASHED, FOLDS = 32, 256, 5
MOST_TERMS = 10_000
# What float16 holds.
LARGEST = 6e4


@dataclass(frozen=True)
class Vectors:
    """A vector of each of at most 2,000 users who have texts.

    Attributes
    ----------
    values
        float16, shape (n_users, at most 32). A random projection of what the model makes of a user's texts: it keeps
        distances about right and no text can be read from it, but it is still one vector a user, so that it is
        kept where the model is and enters no report.
    folds
        Fold of each user, 0 to 4, from a hash of the user's id: the same user has the same one in every sample.
    """

    values: np.ndarray
    folds: np.ndarray


@dataclass(frozen=True)
class Terms:
    """How many users have each word in their texts.

    Attributes
    ----------
    names
        Words (Chinese segmented) that 10 users or more have, at most 10,000, alphabetically.
    users
        Users who have each, shape (n_names,).
    median_share
        The median share of their texts that holds the word, among its users; shape (n_names,).
    users_above
        Users in whose texts the share is larger than that, shape (n_names,).
    total
        Users read, those without texts too.
    """

    names: tuple[str, ...]
    users: np.ndarray
    median_share: np.ndarray
    users_above: np.ndarray
    total: int


def user_vectors(
    frame: pd.DataFrame, group: str, encode: Callable[[pd.DataFrame], np.ndarray | None], seed: int
) -> Vectors:
    """Projected vectors of random users who have texts.

    Parameters
    ----------
    frame
        Rows with ``documents``, one per user.
    group
        Column of the users.
    encode
        What the model makes of each row's documents; where it gives ``None``, hashed counts of words are taken.
    """
    lengths = np.diff(document_codes(frame[DOCUMENTS])[0])
    chosen = np.random.default_rng(seed).permutation(np.flatnonzero(lengths))[:MOST_VECTORS]
    frame = frame.iloc[np.sort(chosen)]
    if not len(frame):
        return Vectors(np.zeros((0, 1), np.float16), np.zeros(0, np.uint8))
    values = encode(frame)
    values = hashed_words(bag(frame[DOCUMENTS])) if values is None else values
    return Vectors(projected(values), fold_codes(frame[group]))


def projected(values: np.ndarray) -> np.ndarray:
    """A fixed Gaussian random projection to 32 dimensions where there are more, float16.

    Source: Johnson & Lindenstrauss (1984), Extensions of Lipschitz mappings into a Hilbert space.
    """
    width = values.shape[1]
    if width > DIMENSION:
        values = values @ np.random.default_rng(width).normal(size=(width, DIMENSION)) / np.sqrt(DIMENSION)
    return np.clip(values, -LARGEST, LARGEST).astype(np.float16)


def fold_codes(users: pd.Series) -> np.ndarray:
    """Fold of each user from a hash of the id, uint8, shape (n_users,)."""
    hashed = pd.util.hash_array(users.astype(str).to_numpy(dtype=object))
    return (np.asarray(hashed, np.uint64) % FOLDS).astype(np.uint8)


def sampled_bag(frame: pd.DataFrame, seed: int) -> Bag:
    """Documents of at most 20,000 random users."""
    chosen = np.random.default_rng(seed).permutation(len(frame))[:MOST_READ]
    return bag(frame[DOCUMENTS].iloc[np.sort(chosen)])


def known_terms(documents: Bag) -> Terms:
    """The words of users' documents that are common enough to be named."""
    names, shares = term_shares(documents)
    users = shares.getnnz(axis=0)
    order = np.argsort(-users, kind="stable")[:MOST_TERMS]
    kept = np.sort(order[users[order] >= LEAST_USERS])
    chosen = shares[:, kept].tocsc()
    median_share = np.array([np.median(chosen.data[chosen.indptr[n] : chosen.indptr[n + 1]]) for n in range(len(kept))])
    return Terms(
        names=tuple(names[place] for place in kept),
        users=users[kept].astype(np.int64),
        median_share=median_share.astype(np.float64),
        users_above=users_above(chosen, median_share),
        total=shares.shape[0],
    )


def term_shares(documents: Bag) -> tuple[list[str], sparse.csc_matrix]:
    """Every word, alphabetically, and the share of each row's documents that holds it; shape (n_rows, n_words)."""
    found = [sorted(set(words(text))) for text in documents.texts]
    names = sorted(set().union(*found)) if found else []
    place = {name: at for at, name in enumerate(names)}
    ends = np.concatenate([[0], np.cumsum([len(one) for one in found])]).astype(np.int64)
    codes = np.array([place[name] for one in found for name in one], np.int64)
    holds = sparse.csr_matrix((np.ones(len(codes)), codes, ends), shape=(len(found), len(names)))
    totals = np.maximum(np.asarray(documents.counts.sum(axis=1)).ravel(), 1)
    shares = sparse.diags(1 / totals) @ documents.counts.astype(np.float64) @ holds
    return names, sparse.csc_matrix(shares)


def users_above(shares: sparse.csc_matrix, median_share: np.ndarray) -> np.ndarray:
    """Users of each word in whose texts its share is larger than ``median_share``, int64, shape (n_words,)."""
    column = np.repeat(np.arange(shares.shape[1]), np.diff(shares.indptr))
    # A sum of shares in another order differs in the last digits.
    above = shares.data > median_share[column] + 1e-9
    return np.bincount(column[above], minlength=shares.shape[1]).astype(np.int64)


def text_block(model: PurchasingModel, frame: pd.DataFrame) -> np.ndarray | None:
    """What a model's own encoder or TF-IDF block makes of rows, shape (n_rows, dimension); ``None`` without either."""
    for name in ("encoder", "tfidf"):
        for one in parts_of(model):
            fitted: dict[str, Any] = getattr(getattr(one.scorer, "features", None), "named_transformers_", {})
            if name in fitted:
                values = fitted[name].transform(model.prepared(frame)[[DOCUMENTS]])
                if not sparse.issparse(values) and values.shape[1] > 1:
                    return np.asarray(values, np.float64)
    return None


def hashed_words(documents: Bag) -> np.ndarray:
    """Signed hashed counts of words, each row of length 1; shape (n_rows, 256)."""
    hasher = HashingVectorizer(analyzer=_analyzed, n_features=HASHED, norm=None)
    values = np.asarray((documents.counts @ hasher.transform(documents.texts)).todense(), np.float64)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), np.finfo(float).tiny)


def _analyzed(text: str) -> Sequence[str]:
    return words(text)
