from __future__ import annotations

from purchasing_power.text.terms import count, terms, vocabulary


def test_terms_are_words_then_sequences() -> None:
    assert list(terms("fresh red apple", 2)) == ["fresh", "red", "apple", "fresh red", "red apple"]
    assert list(terms("apple", 3)) == ["apple"]


def test_vocabulary_does_not_depend_on_the_order_of_texts() -> None:
    texts = ["red apple", "green pear", "红苹果"]
    assert vocabulary(texts, 2) == vocabulary(texts[::-1], 2)


def test_counts_leave_unknown_terms_out() -> None:
    counts = count(["red red apple", "pear", ""], {"apple": 0, "red": 1}, 1)
    assert counts.toarray().tolist() == [[1, 2], [0, 0], [0, 0]]
