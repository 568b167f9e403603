from __future__ import annotations

from purchasing_power.snapshot.plan import Plan


def test_spans_fit_the_lookback_and_hold_it() -> None:
    assert Plan(lookback=168).spans(28, 84) == [28, 84, 168]
    assert Plan(lookback=30).spans(28, 84) == [28, 30]
    assert Plan(lookback=7).spans(28) == [7]
    assert Plan(lookback=60).windows == (7, 14, 28, 56)
