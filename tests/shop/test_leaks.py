from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tables import panel

from purchasing_power.shop.leaks import find_leaks, with_leaks

ROWS = 1_000


def honest(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "income": rng.normal(size=rows),
            "visits": rng.integers(0, 50, rows).astype(float),
            "city": pd.Series(rng.choice(list("abcde"), rows), dtype="str"),
            "street": pd.Series([f"s{n}" for n in rng.integers(0, rows, rows)], dtype="str"),
        }
    )


def label(frame: pd.DataFrame, seed: int = 1) -> pd.Series:
    """Told in part by income: an AUC of about .75."""
    noise = np.random.default_rng(seed).normal(size=len(frame))
    return pd.Series(np.where(frame["income"] + noise > 0, "yes", "no"), name="bought")


def told(values: object, y: pd.Series) -> pd.Series:
    """The values where the label is yes, missing elsewhere."""
    return pd.Series(values).where(y == "yes")


@pytest.mark.parametrize("rows", [20, 100, 150, 1_000, 30_000])
def test_an_honest_table_has_no_leak_however_small(rows: int) -> None:
    for seed in range(3):
        frame = honest(rows, seed)
        assert find_leaks(frame, label(frame, seed + 9), "binary") == ()
        assert find_leaks(frame, pd.Series(frame["income"] ** 2 + frame["visits"], name="n"), "multiclass") == ()


def test_a_column_that_tells_the_label_is_named_with_its_figure() -> None:
    frame = honest()
    y = label(frame)
    ones = (y == "yes").to_numpy()
    for name, column in {
        "refund": pd.Series(ones * 5.0 + np.random.default_rng(2).random(ROWS)),
        "lower": pd.Series(-1.0 * ones),
        "state": pd.Series(np.where(ones, frame["city"].str.upper(), frame["city"]), dtype="str"),
    }.items():
        assert find_leaks(frame.assign(**{name: column}), y, "binary") == (
            f"{name} alone gives an AUC of 1.0000 for bought on 1,000 rows.",
        )


def test_just_below_the_bound_is_no_leak_and_just_above_is_one() -> None:
    y = pd.Series(["no"] * 200 + ["yes"] * 200, name="y")
    for misplaced, leaks in [(6, 0), (2, 1)]:
        column = np.arange(400.0)
        column[-misplaced:] = 60.5 + 80 / (misplaced - 1) * np.arange(misplaced)
        # Counted over all pairs of a yes and a no row.
        auc = np.mean(column[200:, None] > column[:200])
        found = find_leaks(pd.DataFrame({"x": column}), y, "binary")
        assert (auc > 0.99) == bool(leaks) == bool(found)
        assert not leaks or f"an AUC of {auc:.4f}" in found[0]


def test_a_column_known_only_after_the_outcome_is_found_by_its_gaps() -> None:
    frame = honest()
    y = label(frame)
    found = find_leaks(frame.assign(delivered=told(frame["visits"], y)), y, "binary")
    assert found == ("Whether delivered is missing gives an AUC of 1.0000 for bought on 1,000 rows.",)


def test_a_pair_of_columns_that_tells_together_is_found() -> None:
    rng = np.random.default_rng(3)
    frame = honest(5_000).assign(paid=rng.normal(size=5_000), due=rng.normal(size=5_000))
    y = pd.Series((frame["paid"] >= frame["due"]).astype(float), name="settled")
    found = find_leaks(frame, y, "binary")
    assert len(found) == 1 and "paid" in found[0] and "due" in found[0] and "together give an AUC of 0.99" in found[0]
    either = (
        pd.Series(rng.choice(["a", "b"], 5_000), dtype="str"),
        pd.Series(rng.choice(["c", "d"], 5_000), dtype="str"),
    )
    y = pd.Series((either[0] == "a") ^ (either[1] == "c"), name="odd").astype("str")
    assert (
        "first and second together"
        in find_leaks(pd.DataFrame({"first": either[0], "second": either[1]}), y, "binary")[0]
    )


def test_a_class_among_several_is_named() -> None:
    frame = honest()
    y = pd.Series(np.random.default_rng(4).choice(["gold", "silver", "tin"], ROWS), name="grade")
    found = find_leaks(frame.assign(badge=(y == "gold").astype(float)), y, "multiclass")
    assert found == ("badge alone gives an AUC of 1.0000 for grade = gold on 1,000 rows.",)


def test_an_amount_that_a_column_or_two_repeat_is_found() -> None:
    frame = honest()
    price, pieces = np.exp(frame["income"]), frame["visits"] + 1
    y = pd.Series(price * pieces, name="spend")
    assert find_leaks(frame.assign(price=price), y, "regression") == ()
    assert "rank correlation of 1.0000" in find_leaks(frame.assign(total=np.sqrt(y)), y, "regression")[0]
    found = find_leaks(pd.DataFrame({"price": price, "pieces": pieces}), y, "regression")
    assert len(found) == 1 and "together give an R2 of 1.0000 for spend" in found[0]


def test_a_row_number_in_whatever_order_is_found_and_a_date_is_not() -> None:
    frame = honest()
    order = pd.Series(np.random.default_rng(5).permutation(ROWS).astype(float))
    y = label(frame)
    assert find_leaks(frame.assign(place=order, since=order + 19_000), y, "binary") == ("place numbers the rows.",)


def test_rows_of_one_user_do_not_tell_of_each_other() -> None:
    users = pd.Series(np.repeat([f"u{n}" for n in range(200)], 10))
    y = pd.Series(np.repeat(np.random.default_rng(6).choice(["no", "yes"], 200), 10), name="y")
    frame = pd.DataFrame({"device": users.astype("str")})
    assert find_leaks(frame, y, "binary", users) == ()
    assert len(find_leaks(frame, y, "binary")) == 1


def test_rows_without_a_label_do_not_count_and_few_rows_say_nothing() -> None:
    frame = honest()
    y = label(frame)
    leaking = frame.assign(copy=(y == "yes").astype(float))
    assert len(find_leaks(leaking, y.where(y.index < 500), "binary")) == 1
    assert find_leaks(leaking, y.where(y.index < 99), "binary") == ()


def test_profile_columns_of_a_shop_are_looked_at_where_the_horizon_is_over() -> None:
    table = panel(users=400)
    orders, spend = str(table.meta.orders_outcome), str(table.meta.spend_outcome)
    top = table.frame.groupby("cutoff")[spend].transform(lambda amounts: amounts > amounts.quantile(0.8))
    frame = table.frame.assign(rank=top.astype(float), thanked=table.frame["noise"].where(table.frame[orders] > 0))

    def said(numeric: list[str], frame: pd.DataFrame = frame) -> list[str]:
        meta = replace(table.meta, settings={"profile_numeric": numeric})
        return with_leaks(replace(table, frame=frame, meta=meta)).meta.settings.get("leaks", [])

    assert said(["noise"]) == []
    (thanked,) = said(["noise", "thanked"])
    assert thanked.startswith("Whether thanked is missing gives an AUC of 1.0000 for buying in the next 28 days on 400")
    (rank,) = said(["rank"])
    assert rank.startswith("rank alone gives an AUC of 1.0000 for the top fifth of spend in the next 28 days on 400")
    assert said(["rank"], frame.assign(**{orders: np.nan})) == []
