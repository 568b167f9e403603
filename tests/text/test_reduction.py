"""Tests of the reduction: as many columns as the vectors span, on one scale, and zeros where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from purchasing_power.text.vectorize import fit_reduction, fit_svd, reduce
from purchasing_power.text.weighting import mean_vectors

VECTORS = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32) * np.arange(1, 9, dtype=np.float32)
EVERY = sparse.csr_matrix(np.eye(200))


def test_whitening_makes_variances_equal_and_pca_keeps_their_order() -> None:
    white, plain = (
        reduce(fit_reduction(VECTORS, 4, kind, 0), EVERY, VECTORS).var(axis=0, ddof=1) for kind in ("whitening", "pca")
    )
    np.testing.assert_allclose(white, 1, rtol=1e-3)
    assert plain.mean() == pytest.approx(1, rel=1e-3) and (np.diff(plain) < -0.05).all()


@pytest.mark.parametrize("kind", ["pca", "whitening"])
def test_directions_that_the_fitted_rows_lack_are_left_out(kind: str) -> None:
    flat = VECTORS.copy()
    flat[:, 3:] = 0
    fitted = fit_reduction(flat, 8, kind, 0)
    found = reduce(fitted, EVERY, flat)
    assert found.shape == (200, 3)
    assert np.abs(reduce(fitted, EVERY, VECTORS)).max() < 10


def test_rows_that_do_not_differ_give_one_column_of_zeros() -> None:
    for rows in (VECTORS[:1], np.repeat(VECTORS[:1], 5, axis=0)):
        fitted = fit_reduction(rows, 4, "whitening", 0)
        assert fitted is None
        assert (reduce(fitted, sparse.csr_matrix(np.eye(len(rows))), rows) == np.zeros((len(rows), 1))).all()


def test_a_row_without_documents_becomes_zeros() -> None:
    found = reduce(fit_reduction(VECTORS, 3, "pca", 0), sparse.csr_matrix(np.diag(np.arange(200.0))), VECTORS)
    assert (found[0] == 0).all() and (found[1:] != 0).all()


def test_a_mean_on_the_components_is_the_mean_of_vectors_reduced_whatever_the_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weights = sparse.random(50, 200, 0.1, "csr", rng=np.random.default_rng(1))
    fitted = fit_reduction(VECTORS, 4, "whitening", 0)
    assert fitted is not None
    once, whole = reduce(fitted, weights, VECTORS), mean_vectors(weights, VECTORS)
    np.testing.assert_allclose(once, fitted.transform(whole), atol=1e-5)
    monkeypatch.setattr("purchasing_power.text.weighting.BLOCK", 24)
    np.testing.assert_array_equal(mean_vectors(weights, VECTORS), whole)
    np.testing.assert_allclose(reduce(fitted, weights, VECTORS), once, rtol=1e-6)


def test_singular_vectors_of_rounding_noise_are_left_out() -> None:
    """Scaled to variance 1, they would turn the seventh decimal of a text's weights into its whole score."""
    rows = np.random.default_rng(0).choice(np.eye(3, 12, dtype=np.float32) + 0.1, 400)
    fitted = fit_svd(sparse.csr_matrix(rows), 10, 0)
    assert fitted.n_components == len(fitted.components_) == 3
