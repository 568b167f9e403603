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
from purchasing_power.text.weighting import (
    document_weights,
    known_rarity,
    learn_rarity,
    mean_vectors,
    positive_totals,
    project,
    projection,
)

Features = pd.DataFrame | pd.Series
# A component with less than this share of the first one's variance (of its squared singular value) is rounding noise.
FLAT = 1e-6


def fit_reduction(pooled: np.ndarray, components: int, reduction: str, seed: int) -> PCA | None:
    """Fit principal components, fewer than asked where the vectors span fewer directions.

    Parameters
    ----------
    pooled
        Vectors of the fitted rows that have documents, shape (n_rows, dimension).
    reduction
        ``"whitening"`` gives each component variance 1; ``"pca"`` keeps their relative sizes.

    Returns
    -------
    PCA
        ``None`` where the vectors do not differ.
    """
    if len(pooled) < 2:
        return None
    whiten = reduction == "whitening"
    pca = PCA(min(components, *pooled.shape), whiten=whiten, random_state=seed).fit(pooled)
    variances = pca.explained_variance_
    # Variance 1 for what is only rounding noise would fling an unseen text far off.
    rank = int((variances > max(FLAT * variances[0], FLAT**2)).sum())
    if not rank or rank == len(variances):
        return pca if rank else None
    return PCA(rank, whiten=whiten, random_state=seed).fit(pooled)


def reduce(pca: PCA | None, weights: sparse.csr_matrix, vectors: np.ndarray) -> np.ndarray:
    """Components of each row's weighted mean, mean variance 1 over the fitted rows; zeros for a row without texts.

    Shape (n_rows, n_components), float32; one column of zeros without a PCA.

    Parameters
    ----------
    weights
        Of each text in each row, shape (n_rows, n_texts).
    vectors
        Of the texts, shape (n_texts, dimension).
    """
    if pca is None:
        return np.zeros((weights.shape[0], 1), np.float32)
    matrix, centre = projection(pca)
    # The reduction is linear: each text goes through it once, whatever many rows have it.
    means = (weights @ project(vectors, matrix)) / positive_totals(weights) - centre
    means[weights.getnnz(axis=1) == 0] = 0.0
    return means.astype(np.float32)


def fit_svd(weights: sparse.csr_matrix, components: int, seed: int) -> TruncatedSVD:
    """Fit a truncated SVD, of fewer components than asked where the rows span fewer directions.

    Parameters
    ----------
    weights
        Term weights of the fitted rows, shape (n_rows, n_terms).
    """
    width = min(components, *weights.shape)
    svd = TruncatedSVD(width, random_state=seed).fit(weights)
    strengths = svd.singular_values_**2
    # Scaled to variance 1, noise would outweigh words, and differ from machine to machine.
    rank = max(int((strengths > FLAT * strengths[0]).sum()), 1)
    return svd if rank == width else TruncatedSVD(rank, random_state=seed).fit(weights)


def documents_column(X: Features) -> pd.Series:
    """Take the one column out of a frame, or a Series as it is."""
    if isinstance(X, pd.Series):
        return X
    if isinstance(X, pd.DataFrame) and X.shape[1] == 1:
        return X.iloc[:, 0]
    got = f"{X.shape[1]} columns" if isinstance(X, pd.DataFrame) else type(X).__name__
    raise DataError(f"documents: got {got}; one column is allowed. Give `documents` as a Series or one-column frame.")


def column_names(stem: str, count: int) -> np.ndarray:
    """Name columns ``stem_0``, ``stem_1``, …"""
    return np.asarray([f"{stem}_{column}" for column in range(count)], dtype=object)


class TfidfDocuments(TransformerMixin, BaseEstimator):
    """Sublinear TF-IDF of all words a user wrote or bought, reduced by truncated SVD.

    Counts are summed over a user's documents; all that is learned comes from the fitted rows alone.

    Parameters
    ----------
    max_features
        Most terms kept: those with the highest total count over users.
    ngram_max
        Longest word sequence that counts as a term.
    min_df
        Fewest fitted rows (users) that must have a term.
    components
        Columns after truncated SVD, or fewer; ``None`` leaves the sparse TF-IDF matrix.
    stop_words
        ``"drop"``, or ``"keep"``, which keeps exclamation and question marks too.
    seed
        Seed of the randomised SVD.

    Attributes
    ----------
    terms_
        The terms in the order of their columns, a line each, since a saved list of 100,000 takes seconds to
        load; empty where no fitted row has any, and the output is one column of zeros.
    """

    def __init__(
        self,
        max_features: int = 20_000,
        ngram_max: int = 2,
        min_df: int = 2,
        components: int | None = 32,
        stop_words: str = "drop",
        seed: int = 0,
    ) -> None:
        self.max_features = max_features
        self.ngram_max = ngram_max
        self.min_df = min_df
        self.components = components
        self.stop_words = stop_words
        self.seed = seed

    @property
    def vocabulary_(self) -> dict[str, int]:
        """Column of each term."""
        check_is_fitted(self, "terms_")
        return terms.columns(self.terms_)

    def fit(self, X: Features, y: Any = None) -> TfidfDocuments:
        """Learn vocabulary, inverse document frequencies and SVD from ``documents``."""
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: Features, y: Any = None, **fit_params: Any) -> np.ndarray | sparse.csr_matrix:
        """Learn as :meth:`fit` does, and transform the same rows: float32, shape (n_rows, n_columns)."""
        documents = bag(documents_column(X))
        counts = self._choose_terms(documents)
        self.tfidf_, self.svd_ = TfidfTransformer(sublinear_tf=True), None
        if not self.terms_:
            return self._weigh(counts)
        weights = self.tfidf_.fit_transform(counts)
        if self.components is not None and counts.shape[1] > 1:
            self.svd_ = fit_svd(weights, self.components, self.seed)
        return self._weigh(counts)

    def transform(self, X: Features) -> np.ndarray | sparse.csr_matrix:
        """Transform ``documents``: float32, shape (n_rows, n_columns); unseen words count as nothing."""
        return self._weigh(self.counts(bag(documents_column(X))))

    def counts(self, documents: Bag) -> sparse.csr_matrix:
        """How often each known term stands in a row's documents, shape (n_rows, n_terms)."""
        known = self.vocabulary_
        return documents.counts @ terms.count(documents.texts, known, self.ngram_max, self.all_words)

    @property
    def all_words(self) -> bool:
        """Whether stop words are words too."""
        return self.stop_words == "keep"

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns: the terms themselves, or ``tfidf_0``, ``tfidf_1``, … after SVD."""
        known = self.vocabulary_
        if self.components is None and known:
            return np.asarray(list(known), dtype=object)
        return column_names("tfidf", self.svd_.n_components if self.svd_ is not None else 1)

    def _choose_terms(self, documents: Bag) -> sparse.csr_matrix:
        """Set ``terms_`` and give the fitted rows' counts of its terms."""
        every = terms.vocabulary(documents.texts, self.ngram_max, self.all_words)
        counts = documents.counts @ terms.count(documents.texts, every, self.ngram_max, self.all_words)
        totals = np.asarray(counts.sum(axis=0)).ravel()
        frequent = np.flatnonzero(counts.getnnz(axis=0) >= self.min_df)
        ranked = frequent[np.argsort(-totals[frequent], kind="stable")]
        kept = np.sort(ranked[: self.max_features])
        names = list(every)
        self.terms_ = "\n".join(names[old] for old in kept)
        return counts[:, kept]

    def _weigh(self, counts: sparse.csr_matrix) -> np.ndarray | sparse.csr_matrix:
        """Give the block of counted terms."""
        if self.svd_ is not None:
            # In double precision: sums in another order, such as a server's, round to the same numbers.
            weights = self.tfidf_.transform(counts.astype(np.float64))
            return self.svd_.transform(weights).astype(np.float32)
        if self.terms_:
            weights = self.tfidf_.transform(counts)
        else:
            weights = sparse.csr_matrix((counts.shape[0], 1), dtype=np.float32)
        return weights if self.components is None else weights.toarray()


class EncodedDocuments(TransformerMixin, BaseEstimator):
    """Weighted mean language-model vector of a user's documents, reduced by principal components.

    A row without documents becomes zeros, which after the reduction is the mean of the fitted users; such rows
    take no part in fitting.

    Parameters
    ----------
    encoder
        Encoder spec: ``"minilm"``, a local model folder or a Hugging Face hub name, with options after ``?``.
    store
        Folder of the vector store; ``None`` keeps vectors in this process.
    warm_store
        Folder of a second store that is only read, such as a model bundle's.
    components
        Columns after the reduction, fewer where the fitted rows' vectors span fewer; ``None`` leaves
        the mean vectors.
    reduction
        ``"pca"`` leaves the components' relative sizes (mean variance 1), so that a regularised head hears the
        strong ones first; ``"whitening"`` gives each of them variance 1.
    weighting
        Of a row's documents: see :func:`~purchasing_power.text.weighting.document_weights`.
    seed
        Seed of the randomised solver.
    progress
        Show a bar.

    Attributes
    ----------
    store_key_
        Key of the encoder that was fitted with (its fingerprint and precision); another one is refused.
    digests_, rarity_
        What ``weighting="idf"`` has learned, else empty: see :func:`~purchasing_power.text.weighting.learn_rarity`.
    pca_
        The fitted reduction; ``None`` where the fitted vectors do not differ, and the output is a column of zeros.
    """

    def __init__(
        self,
        encoder: str = "minilm",
        store: str | None = None,
        warm_store: str | None = None,
        components: int | None = 32,
        reduction: str = "pca",
        weighting: str = "log_count",
        seed: int = 0,
        progress: bool = False,
    ) -> None:
        self.encoder = encoder
        self.store = store
        self.warm_store = warm_store
        self.components = components
        self.reduction = reduction
        self.weighting = weighting
        self.seed = seed
        self.progress = progress

    def fit(self, X: Features, y: Any = None) -> EncodedDocuments:
        """Learn the principal components of the rows that have documents."""
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: Features, y: Any = None, **fit_params: Any) -> np.ndarray:
        """Learn as :meth:`fit` does, and transform the same rows: float32, shape (n_rows, n_columns)."""
        documents = bag(documents_column(X))
        self.digests_, self.rarity_ = np.zeros(0, np.uint64), np.zeros(0, np.float32)
        if self.weighting == "idf":
            self.digests_, self.rarity_ = learn_rarity(documents)
        weights, found = self._read(documents)
        self.store_key_ = Encoder.open(self.encoder).store_key
        self.dimension_ = found.shape[1]
        if self.components is not None:
            present = mean_vectors(weights[weights.getnnz(axis=1) > 0], found)
            self.pca_ = fit_reduction(present, self.components, self.reduction, self.seed)
        return self._reduced(weights, found)

    def transform(self, X: Features) -> np.ndarray:
        """Transform ``documents``: float32, shape (n_rows, n_columns).

        Raises
        ------
        DataError
            If ``encoder`` names another model or precision than the one fitted with.
        """
        check_is_fitted(self, "store_key_")
        found = Encoder.open(self.encoder).store_key
        if found != self.store_key_:
            raise DataError(
                f"encoder {self.encoder}: got {found}; the model was fitted with {self.store_key_}. "
                "Set `encoder` to the folder that was saved with the model, or fit again."
            )
        return self._reduced(*self._read(bag(documents_column(X))))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns ``encoded_0``, ``encoded_1``, …"""
        check_is_fitted(self, "store_key_")
        if self.components is None:
            return column_names("encoded", self.dimension_)
        return column_names("encoded", self.pca_.n_components_ if self.pca_ is not None else 1)

    def _reduced(self, weights: sparse.csr_matrix, found: np.ndarray) -> np.ndarray:
        return mean_vectors(weights, found) if self.components is None else reduce(self.pca_, weights, found)

    def _read(self, documents: Bag) -> tuple[sparse.csr_matrix, np.ndarray]:
        """Give the weight of each text in each row, shape (n_rows, n_texts), and the texts' vectors."""
        idf = self.weighting == "idf"
        rarity = known_rarity(documents.texts, self.digests_, self.rarity_) if idf else None
        weights = document_weights(documents, self.weighting, rarity)
        warm = None if self.warm_store is None else VectorStore(self.warm_store)
        encoder, store = Encoder.open(self.encoder), VectorStore(self.store)
        return weights, vectors(encoder, documents.texts, store, self.progress, warm)
