from __future__ import annotations

from itertools import chain

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from purchasing_power.text.windows import batches, split


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(3, 9))
def test_windows_lose_no_token_and_pass_no_limit(lengths: list[int], max_length: int) -> None:
    texts = [list(range(100, 100 + length)) for length in lengths]
    found = split(texts, [1], [2], max_length, [])
    assert all(len(ids) <= max_length and ids[0] == 1 and ids[-1] == 2 for ids in found.ids)
    for position, text in enumerate(texts):
        mine = [ids[1:-1] for ids, owner in zip(found.ids, found.owner, strict=True) if owner == position]
        assert mine, "a text without a window has no vector"
        assert list(chain.from_iterable(mine)) == text


def test_an_empty_text_takes_the_stand_in() -> None:
    assert split([[]], [], [], 8, [7]).ids == [[7]]


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 100))
def test_batches_hold_every_window_once_within_the_budget(lengths: list[int], budget: int) -> None:
    sizes = np.asarray(lengths, dtype=int)
    groups = batches(sizes, budget)
    assert sorted(position for group in groups for position in group) == list(range(len(lengths)))
    assert all(len(group) == 1 or len(group) * sizes[group].max() <= budget for group in groups)
