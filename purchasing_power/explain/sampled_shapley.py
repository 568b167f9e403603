"""Sampled Shapley values: what each column adds to a score that is no sum over columns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tqdm import tqdm

DRAWS = 2


def sampled_shapley(
    evaluate: Callable[[np.ndarray], np.ndarray],
    players: int,
    seed: int,
    draws: int = DRAWS,
    progress: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean change of the score as each column goes from the reference to the row, over random orders.

    All rows walk together, so a step is one call for all of them. Each order is also walked backwards, which
    makes the values exact where columns act alone or in pairs. Along any order the changes sum to the whole
    difference, so the values add up whatever the number of draws.

    Parameters
    ----------
    evaluate
        Scores of every row, shape (n_rows, n_margins), when the columns of a mask, shape (players,), are taken
        from the row and the others from the reference.
    draws
        Pairs of orders.

    Returns
    -------
    tuple
        Values, shape (n_rows, players, n_margins), and scores of the reference, shape (n_margins,).

    Source: Castro, Gómez & Tejada (2009), Polynomial calculation of the Shapley value based on sampling;
    Mitchell, Cooper, Frank & Holmes (2022), Sampling permutations for Shapley value estimation, JMLR 23.
    """
    rng = np.random.default_rng(seed)
    nobody = evaluate(np.zeros(players, bool))
    everybody = evaluate(np.ones(players, bool))
    total = np.zeros((len(nobody), players, nobody.shape[1]))
    orders = [order for _ in range(draws) for order in _pair(rng.permutation(players))]
    bar = tqdm(total=len(orders) * players, desc="columns", unit="column", leave=False, disable=not progress)
    for order in orders:
        on, before = np.zeros(players, bool), nobody
        for at, player in enumerate(order):
            on[player] = True
            after = everybody if at == players - 1 else evaluate(on)
            total[:, player] += after - before
            before = after
            bar.update()
    bar.close()
    return total / len(orders), nobody[0]


def _pair(order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return order, order[::-1]
