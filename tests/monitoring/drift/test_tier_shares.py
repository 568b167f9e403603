"""Tests of prediction drift: expected and realised shares of the tiers, each with an interval that covers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from tables import changed, flat, sparse
from watched import drift_of, next_month, stored, trained

from monitoring.drift.column_drift import tier_shares
from monitoring.drift.comparison import compare
from purchasing_power.kinds.purchase import KIND
from purchasing_power.reference.measure import measure

TABLE, MODEL, REFERENCE = stored()
NOW = KIND.current_rows(MODEL, next_month(TABLE), None, 0)


def test_shares_are_those_of_the_predictions_and_add_up() -> None:
    shares = tier_shares(REFERENCE, compare(KIND, MODEL, REFERENCE, NOW, 0).scores)
    tiers = MODEL.predict(NOW.frame)["tier"]
    assert [share.tier for share in shares] == ["low", "middle", "high"]
    for share in shares:
        assert share.realised == pytest.approx((tiers == share.tier).mean())
        expected = binomtest(int((tiers == share.tier).sum()), 300).proportion_ci(method="wilson")
        assert (share.low, share.high) == pytest.approx((expected.low, expected.high), rel=1e-3)
    assert sum(share.expected for share in shares) == pytest.approx(1)


def test_shares_of_four_tiers_are_those_of_the_predictions() -> None:
    table = sparse(2_000)
    model = trained(table)
    reference, now = measure(KIND, model, table, 0), KIND.current_rows(model, next_month(table), None, 0)
    shares = tier_shares(reference, compare(KIND, model, reference, now, 0).scores)
    tiers = model.predict(now.frame)["tier"]
    assert [share.tier for share in shares] == ["none", "low", "middle", "high"]
    for share in shares:
        assert share.realised == pytest.approx((tiers == share.tier).mean())
    assert sum(share.expected for share in shares) == pytest.approx(1)
    assert shares[-1].expected > 0


def test_a_campaign_list_that_grows_is_seen() -> None:
    richer = changed(NOW, spend_28d=NOW.frame["spend_28d"] * 4, orders_28d=NOW.frame["orders_28d"] * 4)
    found = drift_of(MODEL, REFERENCE, richer).evidence
    high = found.tiers[-1]
    assert high.low > high.expected and found.window.score


def test_a_model_without_tiers_has_no_shares() -> None:
    table = flat(classes=3)
    model = trained(table)
    reference = measure(KIND, model, table, 0)
    assert tier_shares(reference, compare(KIND, model, reference, table.rows(np.arange(50)), 0).scores) == ()
