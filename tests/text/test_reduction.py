"""Laws of the reduction: as many columns as the vectors span, on one scale, and zeros where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest

from purchasing_power.text.reduction import fit_reduction, reduce

VECTORS = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32) * np.arange(
    1, 9, dtype=np.float32
)
EVERY = np.ones(200, bool)


def test_whitening_makes_variances_equal_and_pca_keeps_their_order() -> None:
    white, plain = (
        reduce(fit_reduction(VECTORS, 4, kind, 0), VECTORS, EVERY).var(axis=0, ddof=1)
        for kind in ("whitening", "pca")
    )
    np.testing.assert_allclose(white, 1, rtol=1e-3)
    assert plain.mean() == pytest.approx(1, rel=1e-3) and (np.diff(plain) < -0.05).all()


@pytest.mark.parametrize("kind", ["pca", "whitening"])
def test_directions_that_the_fitted_rows_lack_are_left_out(kind: str) -> None:
    flat = VECTORS.copy()
    flat[:, 3:] = 0
    fitted = fit_reduction(flat, 8, kind, 0)
    found = reduce(fitted, flat, EVERY)
    assert found.shape == (200, 3)
    assert np.abs(reduce(fitted, VECTORS, EVERY)).max() < 10


def test_rows_that_do_not_differ_give_one_column_of_zeros() -> None:
    for rows in (VECTORS[:1], np.repeat(VECTORS[:1], 5, axis=0)):
        fitted = fit_reduction(rows, 4, "whitening", 0)
        assert fitted is None
        assert (reduce(fitted, rows, np.ones(len(rows), bool)) == np.zeros((len(rows), 1))).all()


def test_a_row_without_documents_becomes_zeros() -> None:
    found = reduce(fit_reduction(VECTORS, 3, "pca", 0), VECTORS, np.arange(200) > 0)
    assert (found[0] == 0).all() and (found[1:] != 0).all()
