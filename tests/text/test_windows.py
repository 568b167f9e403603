from __future__ import annotations

from itertools import chain

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from purchasing_power.text.windows import batches, split


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(3, 12), st.integers(0, 4))
def test_windows_lose_no_token_and_pass_no_limit(lengths: list[int], max_length: int, overlap: int) -> None:
    overlap = min(overlap, max_length - 3)
    texts = [list(range(100, 100 + length)) for length in lengths]
    found = split(texts, [1], [2], max_length, overlap, [])
    assert all(len(ids) <= max_length and ids[0] == 1 and ids[-1] == 2 for ids in found.ids)
    for position, text in enumerate(texts):
        mine = [ids[1:-1] for ids, owner in zip(found.ids, found.owner, strict=True) if owner == position]
        assert mine, "a text without a window has no vector"
        assert list(chain(mine[0], *(part[overlap:] for part in mine[1:]))) == text
        assert all(len(part) > overlap for part in mine[1:]), "a window with nothing new is work for nothing"


@given(st.lists(st.integers(0, 40), max_size=8), st.integers(1, 9), st.integers(0, 8))
def test_every_token_counts_once_however_many_windows_hold_it(lengths: list[int], size: int, overlap: int) -> None:
    found = split([[5] * length for length in lengths], [], [], size, min(overlap, size - 1), [])
    totals = np.bincount(found.owner, weights=found.weight, minlength=len(lengths))
    np.testing.assert_allclose(totals, [max(length, 1) for length in lengths], rtol=1e-5)


def test_a_token_in_two_windows_counts_half_in_each() -> None:
    # Tokens 0-3 and 2-5: the middle two are in both.
    found = split([list(range(6))], [], [], 4, 2, [])
    assert found.ids == [[0, 1, 2, 3], [2, 3, 4, 5]]
    assert found.weight.tolist() == [3, 3]


def test_an_empty_text_takes_the_stand_in() -> None:
    assert split([[]], [], [], 8, 2, [7]).ids == [[7]]


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 100))
def test_batches_hold_every_window_once_within_the_budget(lengths: list[int], budget: int) -> None:
    sizes = np.asarray(lengths, dtype=int)
    groups = batches(sizes, budget)
    assert sorted(position for group in groups for position in group) == list(range(len(lengths)))
    assert all(len(group) == 1 or len(group) * sizes[group].max() <= budget for group in groups)
