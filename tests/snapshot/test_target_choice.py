"""Tests of the choice of a target: the same rule on the same rows, and always something that can be learned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tables import changed, flat, panel, sparse, without_amounts

from purchasing_power.errors import DataError
from purchasing_power.model.splits import split
from purchasing_power.snapshot.target import Target, fit_target
from purchasing_power.snapshot.target_choice import choose_target
from purchasing_power.snapshot.user_table import UserTable


def shop(
    spend: list[float] | np.ndarray, orders: list[float] | np.ndarray | None = None
) -> tuple[UserTable, np.ndarray]:
    """A table of one row per amount, all of which are training rows; by default an order per amount above 0."""
    amounts = np.asarray(spend, np.float64)
    counts = (amounts > 0).astype(float) if orders is None else np.asarray(orders, np.float64)
    frame = pd.DataFrame({"user_id": map(str, range(len(amounts))), "cutoff": pd.Timestamp("2024-01-07")})
    table = replace(panel(20), frame=frame.assign(spend_next_28d=amounts, orders_next_28d=counts))
    return table, np.arange(len(amounts))


AMOUNTS = np.arange(1.0, 501.0)


@pytest.mark.parametrize(
    ("zeros", "form"),
    [(0, "three_tiers"), (400, "three_tiers"), (499, "three_tiers"), (501, "four_tiers"), (3_000, "four_tiers")],
)
def test_tiers_are_of_all_users_as_long_as_fewer_than_half_spend_nothing(zeros: int, form: str) -> None:
    table, rows = shop(np.concatenate([np.zeros(zeros), AMOUNTS]))
    assert choose_target("auto", table, rows).name == choose_target("tier", table, rows).name == form
    spend = table.frame["spend_next_28d"].to_numpy()
    target = fit_target("auto", table, rows)
    if form == "three_tiers":
        assert target.classes == ("low", "middle", "high")
        assert target.thresholds == tuple(np.quantile(spend, [0.5, 0.8]))
    else:
        assert target.classes == ("none", "low", "middle", "high")
        assert target.thresholds == (0.0, *np.quantile(AMOUNTS, [0.5, 0.8]))


def test_of_four_tiers_none_are_those_without_spend_and_the_others_are_cut_in_5_3_and_2_tenths() -> None:
    # What went back may exceed what was bought: that is no spend either.
    table, rows = shop([*np.zeros(1_000), *np.full(200, -5.0), *AMOUNTS], [*np.zeros(1_000), *np.ones(700)])
    target = fit_target("tier", table, rows)
    counts = np.bincount(target.labels(table.frame))
    assert counts.tolist() == [1_200, 250, 150, 100]
    assert target.class_share == pytest.approx(counts / 1_700)
    assert target.class_spend == pytest.approx((-1_000 / 1_200, 125.5, 325.5, 450.5))
    assert target.positive == 3
    assert Target.from_dict(target.to_dict()) == target


def test_many_equal_amounts_that_make_the_two_quantiles_one_give_four_tiers() -> None:
    table, rows = shop([*np.zeros(800), *np.full(900, 10.0), *np.arange(11.0, 311.0)])
    assert np.quantile(table.frame["spend_next_28d"], [0.5, 0.8]).tolist() == [10.0, 10.0]
    target = fit_target("auto", table, rows)
    # Of the 1,200 who buy, 75 % spend 10.
    assert np.bincount(target.labels(table.frame)).tolist() == [800, 900, 60, 240]


def test_too_few_buyers_for_tiers_are_asked_whether_they_buy() -> None:
    table, rows = shop([*np.zeros(2_000), *AMOUNTS[:240]])
    choice = choose_target("auto", table, rows)
    assert choice.name == "intent"
    assert "high would hold 48 of 2,240 training rows, and at least 50 are needed" in choice.why
    assert "10.7% of the 2,240 training rows have an order in the 28 days" in choice.why
    assert choose_target("auto", *shop([*np.zeros(2_000), *AMOUNTS[:250]])).name == "four_tiers"
    # Who asks for tiers gets them, as long as each holds a row.
    assert choose_target("tier", table, rows).name == "four_tiers"


def test_calibration_rows_without_a_class_rule_a_target_out() -> None:
    table, rows = shop([*np.zeros(2_000), *AMOUNTS, *np.zeros(100)])
    train, later = rows[:2_500], rows[2_500:]
    assert choose_target("auto", table, train).name == "four_tiers"
    found = choose_target("auto", table, train, later)
    assert found.name == "spend" and "a single class (no) in the 100 calibration rows" in found.why


def test_amounts_of_0_and_no_amounts_leave_whether_a_user_buys_and_say_so() -> None:
    table, rows = shop(np.zeros(300), [0.0, 1.0, 2.0] * 100)
    found = choose_target("auto", table, rows)
    assert found.name == "intent"
    assert found.why.startswith("all amounts are 0: none of 200 training rows with an order has spend other than 0")
    bare = without_amounts(table)
    assert choose_target("auto", bare, rows) == replace(
        found,
        why=found.why.replace(
            "all amounts are 0: none of 200 training rows with an order has spend other than 0",
            "the orders have no amounts",
        ),
    )
    for name in ("tier", "three_tiers", "four_tiers", "spend"):
        with pytest.raises(DataError, match=r"all amounts are 0.*Set target=intent"):
            fit_target(name, table, rows)
        with pytest.raises(DataError, match=r"the orders have no amounts.*Set target=intent"):
            fit_target(name, bare, rows)


def test_a_shop_where_everybody_buys_predicts_an_amount_or_the_orders() -> None:
    spend = [*np.full(500, 10.0), *np.full(50, 20.0)]
    assert choose_target("auto", *shop(spend)).name == "spend"
    table, rows = shop(np.zeros(300), [1.0, 2.0, 3.0] * 100)
    for one in (table, without_amounts(table)):
        target = fit_target("auto", one, rows)
        assert (target.name, target.task, target.column) == ("orders", "regression", "orders_next_28d")
        assert target.labels(one.frame).tolist() == [1.0, 2.0, 3.0] * 100


@pytest.mark.parametrize(("orders", "words"), [(0.0, "longer"), (2.0, "shorter")])
def test_where_every_row_is_alike_the_message_says_what_was_seen(orders: float, words: str) -> None:
    table, rows = shop(np.full(120, orders * 5), np.full(120, orders))
    with pytest.raises(DataError) as refused:
        choose_target("auto", table, rows)
    said = str(refused.value)
    assert f"{orders / 2:.1%} of the 120 training rows have an order in the 28 days" in said
    assert f"at the median {orders:g}" in said
    assert f"Take a {words} horizon (-P horizon=DAYS; it is 28)" in said
    # A horizon that suits the shop's orders is named where it goes the right way.
    suited = replace(table, meta=replace(table.meta, suited_horizon=14 if orders else 84))
    with pytest.raises(DataError, match=r"horizon=(14|84); it is 28"):
        choose_target("auto", suited, rows)
    wrong = replace(table, meta=replace(table.meta, suited_horizon=84 if orders else 14))
    with pytest.raises(DataError, match="horizon=DAYS; it is 28"):
        choose_target("auto", wrong, rows)


def test_of_several_the_first_that_the_rows_carry_is_taken() -> None:
    table, rows = shop([*np.zeros(900), *AMOUNTS])
    assert choose_target("three_tiers,auto", table, rows).name == "three_tiers"
    nothing, every = shop([*np.zeros(4_000), *AMOUNTS])
    assert choose_target("three_tiers,auto", nothing, every).name == "four_tiers"
    assert choose_target("spend, auto", table, rows).name == "spend"
    with pytest.raises(DataError, match=r"target three_tiers: .*would hold 0 of 4,500"):
        choose_target("three_tiers", nothing, every)


@pytest.mark.parametrize(("table", "name"), [(panel(20), "intent,label"), (flat(60), "auto,orders"), (panel(20), ",")])
def test_each_name_must_be_known_and_fit_the_table(table: UserTable, name: str) -> None:
    with pytest.raises(DataError, match="allowed are"):
        choose_target(name, table, np.arange(20))


def test_the_choice_rests_on_the_training_rows_alone() -> None:
    table = sparse(300)
    parts = split(table)
    chosen = choose_target("auto", table, parts.train)
    spend = table.frame["spend_next_28d"].to_numpy().copy()
    spend[parts.test] += 100.0
    assert choose_target("auto", changed(table, spend_next_28d=spend), parts.train) == chosen
