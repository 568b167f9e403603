"""Tests of text drift: texts of one kind are not separated, others are, and words are named but no text."""

from __future__ import annotations

import numpy as np
import pytest
from tables import TEXTS
from watched import as_documents

from monitoring.drift.text_drift import discrepancy, domain_auc, text_drift, words_drift
from purchasing_power.reference.texts import Vectors, fold_codes, hashed_words, known_terms, projected
from purchasing_power.text.bag import Bag, bag

PLAIN = [0.3, 0.2, 0.2, 0.15, 0.1, 0.05]


def texts(users: int, seed: int, shares: list[float] = PLAIN) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [[TEXTS[at] for at in rng.choice(len(TEXTS), rng.integers(1, 6), p=shares)] for _ in range(users)]


def read(lists: list[list[str]], names: str = "a") -> tuple[Vectors, Bag]:
    import pandas as pd

    documents = bag(as_documents(lists))
    users = pd.Series([f"{names}{n}" for n in range(len(lists))])
    return Vectors(projected(hashed_words(documents)), fold_codes(users)), documents


def test_texts_of_one_kind_are_not_separated_and_others_are() -> None:
    vectors, documents = read(texts(600, 0))
    reference = vectors, known_terms(documents)
    same = text_drift(reference, *read(texts(300, 1), "b"), 0)
    assert same.low < 0.5 < same.high or abs(same.auc - 0.5) < 0.05
    assert same.p_value > 0.01 and same.words_p_value > 0.01 and not same.words
    other = text_drift(reference, *read(texts(300, 2, [0.1, 0.4, 0.2, 0.15, 0.1, 0.05]), "b"), 0)
    assert other.low > 0.52 and other.p_value < 0.002 and other.effect == pytest.approx(2 * other.auc - 1)
    assert {"wine", "red"} <= {word.name for word in other.words}
    wine = next(word for word in other.words if word.name == "wine")
    assert wine.current_share > wine.reference_share + 0.1
    assert not {word.name for word in other.words} & {*TEXTS}


def test_the_p_value_of_the_discrepancy_is_even_without_drift() -> None:
    rng = np.random.default_rng(0)
    p_values = [discrepancy(rng.normal(size=(80, 3)), rng.normal(size=(40, 3)), n)[1] for n in range(60)]
    assert np.mean(np.array(p_values) < 0.05) < 0.14 and 0.35 < np.mean(p_values) < 0.65


def test_the_same_users_with_the_same_texts_are_not_separated() -> None:
    rng = np.random.default_rng(1)
    values, folds = rng.normal(size=(400, 20)).astype(np.float16), (np.arange(400) % 5).astype(np.uint8)
    auc, low, high = domain_auc(Vectors(values, folds), Vectors(values, folds))
    assert auc == pytest.approx(0.5) and low <= 0.5 <= high


def test_a_shift_gives_the_area_that_the_normal_curve_says() -> None:
    rng = np.random.default_rng(4)
    samples = [
        Vectors(rng.normal(shift, 1, (2000, 1)).astype(np.float16), (np.arange(2000) % 5).astype(np.uint8))
        for shift in (0.0, 0.5)
    ]
    _, low, high = domain_auc(*samples)
    # P(N(0.5, 1) > N(0, 1)) = Phi(0.5 / sqrt(2)).
    assert low < 0.6382 < high and high - low < 0.04


def test_words_are_even_without_drift_whatever_the_number_of_users() -> None:
    for users in (50, 400):
        found = []
        for seed in range(40):
            terms = known_terms(bag(as_documents(texts(500, 1000 + seed))))
            found.append(words_drift(terms, bag(as_documents(texts(users, seed))))[1])
        assert np.mean(np.array(found) < 0.05) <= 0.125


def test_a_new_word_of_ten_users_is_named_and_a_rarer_or_an_old_rare_one_is_not() -> None:
    old = [["red wine"]] * 480 + [["red wine", "rare cheese"]] * 8 + [[]] * 12
    terms = known_terms(bag(as_documents(old)))
    assert "cheese" not in terms.names
    new = [["red wine"]] * 90 + [["red wine", "hot chocolate"]] * 40 + [["secret name"]] * 9
    words, p_value, effect = words_drift(terms, bag(as_documents(new)))
    assert {"hot", "chocolate"} == {word.name for word in words} and p_value < 1e-6 and effect > 0.2
    # Nothing says that a word fell which too few had at training to be counted.
    words, p_value, _ = words_drift(terms, bag(as_documents([["red wine"]] * 990 + [["rare cheese"]] * 10)))
    assert "cheese" not in {word.name for word in words} and p_value > 0.01


def test_a_doubled_share_of_texts_is_seen_though_the_same_users_have_the_word() -> None:
    rng = np.random.default_rng(3)
    often = [["red wine"] * int(k) + ["dog food"] * 4 for k in rng.integers(1, 5, 600)]
    terms = known_terms(bag(as_documents(often[:300])))
    doubled = [["red wine"] * (2 * one.count("red wine")) + ["dog food"] * 4 for one in often[300:]]
    words, p_value, effect = words_drift(terms, bag(as_documents(doubled)))
    assert p_value < 1e-4 and effect > 0.1 and not words


def test_too_few_users_with_texts_are_not_compared() -> None:
    vectors, documents = read(texts(100, 0))
    few, bare = read(texts(20, 1))
    assert text_drift((vectors, known_terms(documents)), few, bare, 0) is None
    assert text_drift((None, None), vectors, documents, 0) is None
