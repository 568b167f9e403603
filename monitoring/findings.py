"""What a monitoring job found in rows, texts and tiers, and the verdict on its window."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One thing that was looked at in the new rows before they were compared.

    Attributes
    ----------
    name
        ``"schema"``, ``"nulls"``, ``"ranges"``, ``"categories"``, ``"volume"`` or ``"freshness"``.
    verdict
        ``"good"``, ``"look"`` or ``"bad"``.
    said
        A sentence with the figures.
    value
        The figure that the verdict rests on.
    """

    name: str
    verdict: str
    said: str
    value: float


@dataclass(frozen=True)
class Moved:
    """A word or a category that more or fewer users have than before; at least 10 users have it.

    Attributes
    ----------
    name
        The word, or ``"column = category"``.
    reference_share, current_share
        Share of users who have it, 0 to 1.
    p_value
        Of Fisher's exact test, not corrected for the number of words or categories.
    """

    name: str
    reference_share: float
    current_share: float
    p_value: float


@dataclass(frozen=True)
class TextDrift:
    """How users' texts differ from those at training.

    Attributes
    ----------
    reference_users, users
        Users whose vectors were compared, at most 2,000 on either side.
    auc, low, high
        Out-of-fold area under the ROC curve of a classifier that tells users of now from those at training by
        their texts, and its 95 % interval: 0.5 where they are alike.
    mmd
        Squared maximum mean discrepancy of the vectors (biased estimate).
    p_value
        Of ``mmd``, by permutation.
    words_p_value
        Of all words together (Simes); 1 where no word was compared.
    words_effect
        The largest change in the share of users who have a word.
    words
        Words that rose or fell (false discovery rate 5 %), those that moved most first.
    """

    reference_users: int
    users: int
    auc: float
    low: float
    high: float
    mmd: float
    p_value: float
    words_p_value: float
    words_effect: float
    words: tuple[Moved, ...]

    @property
    def effect(self) -> float:
        """How well both sides can be told apart, 0 (not at all) to 1."""
        return max(0.0, 2 * self.auc - 1)


@dataclass(frozen=True)
class TierShare:
    """Share of users in one tier: what was to be expected, and what it is now with its 95 % interval."""

    tier: str
    expected: float
    realised: float
    low: float
    high: float


@dataclass(frozen=True)
class Window:
    """The verdict on one window of rows, see ``window.judge``.

    Attributes
    ----------
    drifted
        Whether anything has drifted.
    columns
        Names of the drifted features and descriptors, the one that matters most first.
    score, text
        Whether the scores and whether the texts have drifted.
    tests
        Tests that the correction counted.
    cut
        The largest p-value that counts after the correction; -1 where none does.
    matter
        Share, 0 to 1, of the model's attention that lies on drifted columns and drifted texts.
    """

    drifted: bool
    columns: tuple[str, ...]
    score: bool
    text: bool
    tests: int
    cut: float
    matter: float
