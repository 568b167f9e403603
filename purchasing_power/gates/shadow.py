"""The shadow's evidence for the gate to production: what a version answered to copies of real requests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from purchasing_power.gates.decision import Check

NAME = "shadow"


@dataclass(frozen=True)
class ShadowEvidence:
    """The version at staging beside the one in production, on the same requests.

    Attributes
    ----------
    requests, failed
        Copied requests that production answered, and how many of them staging did not.
    first, last
        When the first and the last of them were answered, UTC in ISO 8601.
    users
        Users that both answered; the newest answer to each is compared. A row without a user counts for itself.
    difference
        Mean absolute difference of the scores, in the score's unit; NaN where nobody was answered by both.
    correlation
        Spearman's rank correlation of the scores; NaN where it is not defined.
    moved
        Users whose tier differs; ``None`` where nobody was given one by both.
    """

    requests: int
    failed: int
    first: str
    last: str
    users: int
    difference: float
    correlation: float
    moved: int | None


def shadow_evidence(rows: pd.DataFrame) -> ShadowEvidence | None:
    """What a table of paired answers shows; ``None`` where it is empty.

    Parameters
    ----------
    rows
        One row a user and request: ``user`` (null where none was sent), ``at`` (the same in each row of a request,
        another one in each request), ``production_score`` and ``production_tier``, ``staging_score`` (null where
        staging did not answer) and ``staging_tier``.
    """
    if not len(rows):
        return None
    rows = rows.sort_values("at", kind="stable")
    failed = rows["staging_score"].isna()
    both = rows[~failed]
    newest = both[both["user"].isna() | ~both.duplicated("user", keep="last")]
    ours, theirs = newest["production_score"], newest["staging_score"]
    tiers = newest[["production_tier", "staging_tier"]].dropna()
    varies = ours.nunique() > 1 and theirs.nunique() > 1
    return ShadowEvidence(
        requests=int(rows["at"].nunique()),
        failed=int(rows.loc[failed, "at"].nunique()),
        first=rows["at"].iloc[0].isoformat(timespec="seconds"),
        last=rows["at"].iloc[-1].isoformat(timespec="seconds"),
        users=len(newest),
        difference=float((ours - theirs).abs().mean()),
        correlation=float(np.corrcoef(ours.rank(), theirs.rank())[0, 1]) if varies else float("nan"),
        moved=int((tiers["production_tier"] != tiers["staging_tier"]).sum()) if len(tiers) else None,
    )


def shadow_check(found: ShadowEvidence | None, failed_share: float) -> Check:
    """Refuses where staging left more than a share of the copied requests unanswered; never without scores."""
    if found is None:
        text = (
            "There are no shadow scores of this version against the one in production; "
            "serve -P shadow=staging -P proxy=nginx records them."
        )
        return Check(NAME, True, text)
    text = (
        f"{found.requests:,} requests were copied to the version ({found.first} to {found.last}), and it left "
        f"{found.failed:,} unanswered ({found.failed / found.requests:.2%}, at most {failed_share:.2%} is allowed). "
        f"{_agreement(found)}"
    )
    return Check(NAME, found.failed <= failed_share * found.requests, text)


def _agreement(found: ShadowEvidence) -> str:
    if not found.users:
        return "No answer of both versions can be compared."
    correlation = (
        "a rank correlation that is not defined"
        if np.isnan(found.correlation)
        else f"a rank correlation of {found.correlation:.4f}"
    )
    tiers = "" if found.moved is None else f"; {found.moved:,} of them change tier"
    return (
        f"Over {found.users:,} users its scores differ from production's by {found.difference:.4g} on average, "
        f"with {correlation}{tiers}."
    )
