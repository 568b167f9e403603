"""Tests of the linear machine by Newton steps: it is liblinear's, with any number of classes and any weights."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from purchasing_power.model.heads.svm import newton_fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 6)) @ RNG.normal(size=(6, 9)) + 0.1 * RNG.normal(size=(400, 9)) + 1.0
CLASSES = np.digitize(X[:, 0] + RNG.normal(size=400), [0.0, 3.0])


@pytest.mark.parametrize("y", [CLASSES, (CLASSES == 2) * 1], ids=["three", "two"])
@pytest.mark.parametrize("weight", [None, "balanced"])
@pytest.mark.parametrize("C", [1e-4, 0.01, 1.0])
def test_it_is_the_machine_that_liblinear_finds(C: float, weight: str | None, y: np.ndarray) -> None:
    given = {"C": C, "class_weight": weight, "max_iter": 100_000}
    exact = LinearSVC(dual=False, tol=1e-9, **given).fit(X, y)
    found = newton_fit(LinearSVC(**given), X, y)
    np.testing.assert_allclose(found.coef_, exact.coef_, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.decision_function(X), exact.decision_function(X), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found.predict(X), exact.predict(X))


def test_the_same_column_twice_and_a_column_of_zeros_pass() -> None:
    wide = np.column_stack([X, X, np.zeros(len(X))])
    found = newton_fit(LinearSVC(C=0.1), wide, CLASSES)
    np.testing.assert_allclose(found.coef_[:, :9], found.coef_[:, 9:18], atol=1e-6)
    assert (found.coef_[:, 18] == 0).all()


@pytest.mark.parametrize(
    ("rows", "y"),
    [
        (X, np.zeros(400, int)),
        (np.where(X > 2, np.nan, X), CLASSES),
        (np.where(X > 2, np.inf, X), CLASSES),
        (X[:0], CLASSES[:0]),
        (X[:, :0], CLASSES),
    ],
    ids=["one class", "nan", "infinite", "no rows", "no columns"],
)
def test_what_liblinear_refuses_is_refused(rows: np.ndarray, y: np.ndarray) -> None:
    for fit in (LinearSVC().fit, lambda X, y: newton_fit(LinearSVC(), X, y)):
        with pytest.raises(ValueError, match=r"class|NaN|infinity|sample|feature"):
            fit(rows, y)
