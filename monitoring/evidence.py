"""What a monitoring job found out: quality of the rows, drift of columns, texts and scores, realised performance."""

from __future__ import annotations

import math
from dataclasses import dataclass

from monitoring.campaign import CampaignList
from monitoring.findings import Check, Moved, TextDrift, TierShare, Window
from purchasing_power.model.comparison import Comparison, Interval

LOWER_IS_BETTER = ("calibration_error",)
# Where two sides of a numeric column differ most.
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
        Share of users (0 to 1) that would have to move for both sides to be alike: the largest distance of
        the distribution functions (Kolmogorov-Smirnov), the total variation distance of categories, or the
        difference of the missing shares, whichever is largest. Where the same weeks of an earlier year are on record,
        the smaller one of both comparisons: what a season explains is no drift.
    place
        Where the sides differ most: ``"at most <value>"``, a category, or ``"missing"``.
    reference_share, current_share
        Share of users there, 0 to 1.
    reference_mean, current_mean
        Mean of the values that are present; NaN for categories.
    meaning
        What the column says, in one sentence; empty where that is not known.
    use
        Share, 0 to 1, of the model's attention (mean absolute SHAP value on the reference); 0 for a column that the
        model does not read.
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
    use: float = 0.0
    season: str = ""
    training_effect: float = math.nan
    season_effect: float = math.nan

    @property
    def matter(self) -> float:
        """How much the drift matters to the scores: the effect times the model's attention, 0 to 1."""
        return self.effect * self.use


@dataclass(frozen=True)
class Realised:
    """A figure on rows whose outcome became known after training, beside the naive baseline and the promise.

    Attributes
    ----------
    figure
        The model's figure with its bootstrap interval.
    naive
        The paired comparison with the naive baseline on the same rows.
    promised
        The same figure as the gate saw it, or on the held-back rows of the table that the version was trained from;
        ``None`` where it had none.
    promised_naive
        The paired comparison with the naive baseline on the rows of the promise.
    """

    figure: Interval
    naive: Comparison
    promised: Interval | None
    promised_naive: Comparison | None = None

    @property
    def below_promise(self) -> bool:
        """Whether it is worse than the promised interval by more than its own chance variation."""
        if self.promised is None:
            return False
        if self.figure.metric in LOWER_IS_BETTER:
            return self.figure.value > self.promised.high and self.figure.low > self.promised.value
        return self.figure.value < self.promised.low and self.figure.high < self.promised.value

    @property
    def keeps_its_lead(self) -> bool:
        """Whether the model is as far ahead of the naive baseline, on the same rows, as was promised.

        A month that is hard for both is no fault of the model, and training again would not make it easier.
        """
        promised, now = self.promised_naive, self.naive
        if promised is None or not now.low > 0:
            return False
        return not (now.difference < promised.low and now.high < promised.difference)

    @property
    def poor(self) -> bool:
        """Whether the model is to blame: below its promise, and not as far ahead of the naive baseline as promised."""
        return self.below_promise and not self.keeps_its_lead


@dataclass(frozen=True)
class Estimate:
    """What a figure is to be expected before outcomes are known, see ``estimate.estimated``. It is not a measurement.

    Attributes
    ----------
    now
        Expected figure of the current users, without the error that the estimate had on the rows of the promise, and
        the interval in which chance alone would place the realised one.
    then
        The same on the rows of the promise, where it is what was realised.
    raw_then
        The estimate there before it was corrected.
    """

    now: Interval
    then: Interval
    raw_then: float

    @property
    def dropped(self) -> bool:
        """Whether it lies below the same estimate on the rows of the promise by more than chance."""
        return self.now.value < self.then.low and self.now.high < self.then.value


@dataclass(frozen=True)
class Performance:
    """Realised performance, or why it is not known.

    Attributes
    ----------
    figures
        The figure that the model was chosen by first; empty while nothing is known.
    why
        A sentence: which rows were judged, or why none could be.
    users
        Distinct users judged.
    moment
        ISO date of the cutoff judged; empty for a flat table and where nothing was judged.
    """

    figures: tuple[Realised, ...]
    why: str
    users: int
    moment: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a figure."""
        return bool(self.figures)


@dataclass(frozen=True)
class Evidence:
    """All that a decision rests on.

    Attributes
    ----------
    users, reference_users
        Distinct users compared on either side.
    columns
        Drift of each feature and of the text descriptors.
    score
        Drift of the model's score.
    quality
        What was looked at in the new rows before they were compared.
    text
        Drift of the texts; ``None`` where either side has none.
    tiers
        Shares of the tiers; empty for a model that gives no score.
    categories
        Categories that rose or fell.
    window
        The verdict on the window as a whole.
    estimates
        Figures to be expected before outcomes are known, the one that the model was chosen by first; empty for a model
        whose score is no probability.
    campaign
        The campaign list; ``None`` for a model that gives no tier.
    """

    users: int
    reference_users: int
    columns: tuple[ColumnDrift, ...]
    score: ColumnDrift
    performance: Performance
    quality: tuple[Check, ...] = ()
    text: TextDrift | None = None
    tiers: tuple[TierShare, ...] = ()
    categories: tuple[Moved, ...] = ()
    window: Window | None = None
    estimates: tuple[Estimate, ...] = ()
    campaign: CampaignList | None = None
