"""The monitoring policy: from when on drift and poor performance call for action."""

from __future__ import annotations

from dataclasses import dataclass

from purchasing_power.errors import DataError

RETRAIN = ("when_needed", "never", "always")


@dataclass(frozen=True)
class Policy:
    """What a monitoring job acts on.

    Attributes
    ----------
    drift_share
        The features have drifted when more than this share of the columns has, 0 to 1.
    min_users
        Nothing is concluded from fewer current or reference users, and performance is not evaluated on fewer.
    retrain
        ``"when_needed"``, ``"never"`` or ``"always"`` (for schedules; ``min_users`` holds all the same).
    drift_importance
        Drift is important when drifted columns and texts hold this share of feature importance, 0 to 1, or when the
        scores drifted.
    poor_windows, windows
        Retraining is called for when ``poor_windows`` of the newest ``windows`` are poor, the latest among them.
    cool_down_days
        So many days after a window that was retrained for, nothing but ``retrain=always`` starts another.
    max_age_days
        A version whose outcomes ended so many days ago is retrained on schedule; 0 for never.
    """

    drift_share: float
    min_users: int
    retrain: str
    drift_importance: float = 0.2
    poor_windows: int = 2
    windows: int = 3
    cool_down_days: int = 28
    max_age_days: int = 180

    def __post_init__(self) -> None:
        for name in ("drift_share", "drift_importance"):
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(
                    f"{name}: got {getattr(self, name):g}; a share from 0 to 1 is allowed. Set one of them."
                )
        if self.retrain not in RETRAIN:
            raise DataError(f"retrain: got {self.retrain!r}; allowed are {', '.join(RETRAIN)}. Set one of them.")
        if not 1 <= self.poor_windows <= self.windows:
            raise DataError(
                f"poor_windows: got {self.poor_windows} of {self.windows} windows; allowed are 1 to windows. "
                "Set poor_windows lower or windows higher."
            )
