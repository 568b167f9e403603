"""scikit-learn transformers that turn the ``documents`` column of a user table into numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.utils.validation import check_is_fitted

from purchasing_power.errors import DataError
from purchasing_power.text import terms
from purchasing_power.text.bag import Bag, bag
from purchasing_power.text.encoder import Encoder
from purchasing_power.text.store import VectorStore, vectors

Features = pd.DataFrame | pd.Series
WEIGHTINGS = ("log_count", "count")


class TfidfDocuments(TransformerMixin, BaseEstimator):
    """Sublinear TF-IDF of all words a user wrote or bought, reduced by truncated SVD.

    Each distinct text is split into words once; a user's term counts are the sum over the user's
    documents. Vocabulary, inverse document frequency and SVD come from the fitted rows alone.

    Parameters
    ----------
    max_features
        Most terms kept: those with the highest total count over users.
    ngram_max
        Longest word sequence that counts as a term.
    min_df
        Fewest fitted rows (users) that must have a term.
    components
        Columns after truncated SVD, fewer where there are fewer terms; ``None`` leaves the sparse
        TF-IDF matrix.
    seed
        Seed of the randomised SVD.

    Attributes
    ----------
    vocabulary_
        Column of each term; empty where no fitted row has any, and the output is one column of zeros.
    """

    def __init__(
        self,
        max_features: int = 20_000,
        ngram_max: int = 2,
        min_df: int = 2,
        components: int | None = 32,
        seed: int = 0,
    ) -> None:
        self.max_features = max_features
        self.ngram_max = ngram_max
        self.min_df = min_df
        self.components = components
        self.seed = seed

    def fit(self, X: Features, y: Any = None) -> TfidfDocuments:
        """Learn vocabulary, inverse document frequencies and SVD from ``documents``."""
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: Features, y: Any = None, **fit_params: Any) -> np.ndarray | sparse.csr_matrix:
        """Learn as :meth:`fit` does, and transform the same rows: float32, shape (n_rows, n_columns)."""
        documents = bag(_column(X))
        counts = self._choose_terms(documents)
        self.tfidf_, self.svd_ = TfidfTransformer(sublinear_tf=True), None
        if not self.vocabulary_:
            return self._reduce(counts)
        weights = self.tfidf_.fit_transform(counts)
        if self.components is not None and len(self.vocabulary_) > 1:
            width = min(self.components, len(self.vocabulary_), counts.shape[0])
            self.svd_ = TruncatedSVD(width, random_state=self.seed).fit(weights)
        return self._reduce(weights)

    def transform(self, X: Features) -> np.ndarray | sparse.csr_matrix:
        """Transform ``documents``: float32, shape (n_rows, n_columns); unseen words count as nothing."""
        check_is_fitted(self, "vocabulary_")
        documents = bag(_column(X))
        counts = documents.counts @ terms.count(documents.texts, self.vocabulary_, self.ngram_max)
        return self._reduce(self.tfidf_.transform(counts) if self.vocabulary_ else counts)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns: the terms themselves, or ``tfidf_0``, ``tfidf_1``, … after SVD."""
        check_is_fitted(self, "vocabulary_")
        if self.components is None and self.vocabulary_:
            return np.asarray(list(self.vocabulary_), dtype=object)
        return _names("tfidf", self.svd_.n_components if self.svd_ is not None else 1)

    def _choose_terms(self, documents: Bag) -> sparse.csr_matrix:
        """Set ``vocabulary_`` and give the fitted rows' counts of its terms."""
        every = terms.vocabulary(documents.texts, self.ngram_max)
        counts = documents.counts @ terms.count(documents.texts, every, self.ngram_max)
        totals = np.asarray(counts.sum(axis=0)).ravel()
        frequent = np.flatnonzero(counts.getnnz(axis=0) >= self.min_df)
        ranked = frequent[np.argsort(-totals[frequent], kind="stable")]
        kept = np.sort(ranked[: self.max_features])
        names = list(every)
        self.vocabulary_ = {names[old]: new for new, old in enumerate(kept)}
        return counts[:, kept]

    def _reduce(self, weights: sparse.csr_matrix) -> np.ndarray | sparse.csr_matrix:
        if self.svd_ is not None:
            return self.svd_.transform(weights).astype(np.float32, copy=False)
        if not self.vocabulary_:
            weights = sparse.csr_matrix((weights.shape[0], 1), dtype=np.float32)
        return weights if self.components is None else weights.toarray()


class EncodedDocuments(TransformerMixin, BaseEstimator):
    """Mean language-model vector of a user's documents, reduced by principal components.

    Each distinct text is encoded once and kept in the store. A row without documents becomes zeros,
    which after the reduction is the mean of the fitted users; such rows take no part in fitting.

    Parameters
    ----------
    encoder
        ``"minilm"``, a local model folder or a Hugging Face hub name.
    store
        Folder of the vector store; ``None`` keeps vectors in this process.
    warm_store
        Folder of a second store that is only read, such as a model bundle's.
    components
        Columns after principal component analysis, fewer where there are fewer rows; ``None`` leaves
        the mean vectors.
    weighting
        Weight of a text that a user has n times: ``"log_count"`` (log(1 + n)) or ``"count"`` (n).
    seed
        Seed of the randomised solver.
    progress
        Show a bar while encoding.

    Attributes
    ----------
    fingerprint_
        Fingerprint of the encoder that was fitted with; another one is refused.
    pca_
        The fitted reduction; ``None`` where ``components`` is, or where fewer than two fitted rows
        have documents, and the output is one column of zeros.
    """

    def __init__(
        self,
        encoder: str = "minilm",
        store: str | None = None,
        warm_store: str | None = None,
        components: int | None = 32,
        weighting: str = "log_count",
        seed: int = 0,
        progress: bool = False,
    ) -> None:
        self.encoder = encoder
        self.store = store
        self.warm_store = warm_store
        self.components = components
        self.weighting = weighting
        self.seed = seed
        self.progress = progress

    def fit(self, X: Features, y: Any = None) -> EncodedDocuments:
        """Learn the principal components of the rows that have documents."""
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: Features, y: Any = None, **fit_params: Any) -> np.ndarray:
        """Learn as :meth:`fit` does, and transform the same rows: float32, shape (n_rows, n_columns)."""
        pooled, present = self._pool(X)
        self.fingerprint_ = Encoder.open(self.encoder).fingerprint
        self.dimension_ = pooled.shape[1]
        self.pca_ = None
        if self.components is not None and present.sum() > 1:
            width = min(self.components, int(present.sum()), pooled.shape[1])
            self.pca_ = PCA(width, random_state=self.seed).fit(pooled[present])
        return self._reduce(pooled, present)

    def transform(self, X: Features) -> np.ndarray:
        """Transform ``documents``: float32, shape (n_rows, n_columns).

        Raises
        ------
        DataError
            If ``encoder`` names another model than the one fitted with.
        """
        check_is_fitted(self, "fingerprint_")
        found = Encoder.open(self.encoder).fingerprint
        if found != self.fingerprint_:
            raise DataError(
                f"encoder {self.encoder}: got fingerprint {found}; the model was fitted with {self.fingerprint_}. "
                "Set `encoder` to the folder that was saved with the model, or fit again."
            )
        return self._reduce(*self._pool(X))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns ``encoded_0``, ``encoded_1``, …"""
        check_is_fitted(self, "fingerprint_")
        if self.components is None:
            return _names("encoded", self.dimension_)
        return _names("encoded", self.pca_.n_components_ if self.pca_ is not None else 1)

    def _pool(self, X: Features) -> tuple[np.ndarray, np.ndarray]:
        """Give the mean vectors, shape (n_rows, dimension), and which rows have documents, shape (n_rows,)."""
        if self.weighting not in WEIGHTINGS:
            raise DataError(
                f"weighting: got {self.weighting!r}; allowed are {', '.join(WEIGHTINGS)}. Set one of them."
            )
        documents = bag(_column(X))
        weights = documents.counts.copy()
        if self.weighting == "log_count":
            weights.data = np.log1p(weights.data)
        totals = np.asarray(weights.sum(axis=1), np.float32).ravel()
        warm = None if self.warm_store is None else VectorStore(self.warm_store)
        text_vectors = vectors(
            Encoder.open(self.encoder), documents.texts, VectorStore(self.store), self.progress, warm
        )
        pooled = (weights @ text_vectors) / np.maximum(totals, np.finfo(np.float32).tiny)[:, None]
        return pooled, totals > 0

    def _reduce(self, pooled: np.ndarray, present: np.ndarray) -> np.ndarray:
        if self.components is None:
            return pooled
        if self.pca_ is None:
            return np.zeros((len(pooled), 1), np.float32)
        reduced = np.zeros((len(pooled), self.pca_.n_components_), np.float32)
        if present.any():
            reduced[present] = self.pca_.transform(pooled[present])
        return reduced


def _column(X: Features) -> pd.Series:
    if isinstance(X, pd.Series):
        return X
    if isinstance(X, pd.DataFrame) and X.shape[1] == 1:
        return X.iloc[:, 0]
    got = f"{X.shape[1]} columns" if isinstance(X, pd.DataFrame) else type(X).__name__
    raise DataError(
        f"documents: got {got}; one column is allowed. Give `documents` as a Series or one-column frame."
    )


def _names(stem: str, count: int) -> np.ndarray:
    return np.asarray([f"{stem}_{column}" for column in range(count)], dtype=object)
