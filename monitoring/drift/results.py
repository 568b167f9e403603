"""Drift results: of columns, texts, words and tiers, of the quality of the rows, and of a whole window."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Where the reference and the current users differ most in a numeric column.
AT_MOST, ABOVE_ALL = "at most ", "above all cuts"


@dataclass(frozen=True)
class ColumnDrift:
    """How one column differs between the reference and the current users.

    Attributes
    ----------
    kind
        ``"numeric"`` or ``"categorical"``.
    test
        Which test gave the p-value, in words.
    p_value
        Chance of a difference this large with no drift, not corrected for the number of columns. Where the same
        weeks of an earlier year are on record, the larger one of both comparisons.
    effect
        Share of users (0 to 1) that would have to move for both samples to be alike: the largest distance of
        the distribution functions (Kolmogorov-Smirnov), the total variation distance of categories, or the
        difference of the missing shares, whichever is largest. Where the same weeks of an earlier year are on record,
        the smaller one of both comparisons: what a season explains is no drift.
    place
        Where the samples differ most: ``"at most <value>"``, a category, or ``"missing"``.
    reference_share, current_share
        Share of users there, 0 to 1.
    reference_mean, current_mean
        Mean of the values that are present; NaN for categories.
    meaning
        What the column says, in one sentence; empty where that is not known.
    importance
        The feature's share, 0 to 1, of all feature importance (mean absolute SHAP value on the reference); 0 for a
        column that the model does not read.
    season
        ISO date of the cutoff in the same weeks of an earlier year; empty where none is on record.
    training_effect, season_effect
        The effect against the training rows and against those weeks; the latter NaN where none are on record.
    """

    column: str
    kind: str
    test: str
    p_value: float
    effect: float
    place: str
    reference_share: float
    current_share: float
    reference_mean: float
    current_mean: float
    meaning: str = ""
    importance: float = 0.0
    season: str = ""
    training_effect: float = math.nan
    season_effect: float = math.nan

    @property
    def weighted_effect(self) -> float:
        """Importance-weighted drift: the effect times the feature importance, 0 to 1."""
        return self.effect * self.importance


@dataclass(frozen=True)
class QualityCheck:
    """One check of the current rows before they are compared.

    Attributes
    ----------
    name
        ``"schema"``, ``"nulls"``, ``"ranges"``, ``"categories"``, ``"volume"`` or ``"freshness"``.
    status
        ``"good"``, ``"look"`` or ``"bad"``.
    message
        A sentence with the figures.
    value
        The figure that the status rests on.
    """

    name: str
    status: str
    message: str
    value: float


@dataclass(frozen=True)
class ShareChange:
    """A word or a category whose share of users has changed; at least 10 users have it.

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
        Out-of-fold area under the ROC curve of a classifier that separates current users from those at training by
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
        Words that rose or fell (false discovery rate 5 %), those that changed most first.
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
    words: tuple[ShareChange, ...]

    @property
    def effect(self) -> float:
        """How well both samples can be separated, 0 (not at all) to 1."""
        return max(0.0, 2 * self.auc - 1)


@dataclass(frozen=True)
class TierShare:
    """Share of users in one tier: expected from the calibration rows, and realised with its 95 % interval."""

    tier: str
    expected: float
    realised: float
    low: float
    high: float


@dataclass(frozen=True)
class WindowDrift:
    """Drift of one window of rows as a whole, see ``window_drift.window_drift``.

    Attributes
    ----------
    drifted
        Whether anything has drifted.
    columns
        Names of the drifted features and descriptors, that of the largest importance-weighted drift first.
    score, text
        Whether the scores and whether the texts have drifted.
    tests
        Tests that the correction counted.
    threshold
        The largest p-value that counts after the correction; -1 where none does.
    importance
        Share, 0 to 1, of all feature importance that lies on drifted columns and drifted texts.
    """

    drifted: bool
    columns: tuple[str, ...]
    score: bool
    text: bool
    tests: int
    threshold: float
    importance: float
