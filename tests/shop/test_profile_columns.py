from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from purchasing_power.errors import DataError
from purchasing_power.shop.profile_columns import careful_columns

TODAY = date(2024, 6, 30)
ROWS = 40
RNG = np.random.default_rng(0)
WORDS = ["Ann", "Bo", "Cy", "Di"]


def care(name: str, values: Any, kind: str = "text") -> tuple[pd.DataFrame, tuple[str, ...], tuple[str, ...]]:
    column = pd.Series(values, dtype={"text": "str", "number": "float64", "time": "datetime64[us]"}[kind])
    return careful_columns(pd.DataFrame({name: column}), {name: kind}, (), TODAY)


def card(start: str) -> str:
    """A number of sixteen digits whose last one checks the others, found by trying."""
    for last in "0123456789":
        digits = [int(one) for one in start + last]
        total = sum(digits[-1::-2]) + sum(sum(divmod(2 * one, 10)) for one in digits[-2::-2])
        if total % 10 == 0:
            return start + last
    raise AssertionError


MAILS = [f"someone{n}@example.{'com' if n % 2 else 'org'}" for n in range(ROWS)]
PHONES = [f"0{n % 9 + 1}71 - {23456 + n * 37}" for n in range(ROWS)]
MOBILES = [f"138{10000000 + n * 7919:08d}" for n in range(ROWS)]
PEOPLE = [f"{WORDS[n % 4]} {WORDS[n // 4 % 4]}son" for n in range(ROWS)]
ADDRESSES = [f"{n + 1} High Street" for n in range(ROWS)]


@pytest.mark.parametrize(
    ("name", "values", "kind", "what"),
    [
        ("Email", MAILS, "text", "e-mail addresses"),
        ("contact", MAILS, "text", "e-mail addresses"),
        ("邮箱", MAILS, "text", "e-mail addresses"),
        ("PhoneNumber", PHONES, "text", "phone numbers"),
        ("Rufnummer", PHONES, "text", "phone numbers"),
        ("手机号", [float(one) for one in MOBILES], "number", "phone numbers"),
        ("kontakt", [f"+49 30 {123456 + n}" for n in range(ROWS)], "text", "phone numbers"),
        ("payment", [card(f"4{n:014d}") for n in range(100, 100 + ROWS)], "text", "numbers of credit cards"),
        ("konto", ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"] * 20, "text", "numbers of bank accounts"),
        ("first_name", PEOPLE, "text", "names of persons"),
        ("Nachname", PEOPLE, "text", "names of persons"),
        ("prénom", PEOPLE, "text", "names of persons"),
        ("Apellidos", PEOPLE, "text", "names of persons"),
        ("客户姓名", ["王芳", "李伟"] * 20, "text", "names of persons"),
        (
            "name",
            [f"{last}, {first}" for first in WORDS for last in ("Stone", "River")] * 5,
            "text",
            "names of persons",
        ),
        ("用户昵称", [f"{WORDS[n % 4]}{n}" for n in range(ROWS)], "text", "names that users gave themselves"),
        ("Straße", ADDRESSES, "text", "postal addresses"),
        ("billing address 1", ADDRESSES, "text", "postal addresses"),
    ],
)
def test_personal_data_is_left_out_and_told_without_a_value(name: str, values: Any, kind: str, what: str) -> None:
    kept, notes, warnings = care(name, values, kind)
    assert kept.empty and len(notes) == len(warnings) == 1
    assert what in notes[0] and what in warnings[0] and warnings[0].startswith(f"{name} ")
    assert not [cell for cell in set(map(str, values)) if cell in notes[0] + warnings[0]]


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("number_of_orders", RNG.integers(0, 9, ROWS), "number"),
        ("order_number_count", RNG.permutation(ROWS) * 3.0, "number"),
        ("valid", [0, 1] * 20, "number"),
        ("paid", RNG.permutation(ROWS) * 2.0, "number"),
        ("grid", RNG.permutation(ROWS) * 5.0, "number"),
        ("last_login", ["web", "app"] * 20, "text"),
        ("huge", [1e300, 2.0] * 20, "number"),
        ("salary", RNG.permutation(ROWS) * 1000.0, "number"),
        ("name", ["red shoe", "blue shoe"] * 20, "text"),
        ("product_name", PEOPLE[:20] * 2, "text"),
        ("channel", ["Phone", "Web"] * 20, "text"),
        ("phone", ["yes", "no"] * 20, "text"),
        ("email_opt_in", ["yes", "no"] * 20, "text"),
        ("address_type", ["flat 1", "house 2"] * 20, "text"),
        ("store_id", [1, 2, 3, 4] * 10, "number"),
        ("region_id", ["n1", "s2"] * 20, "text"),
        ("city", ["Austin, Texas", "Boise, Idaho"] * 20, "text"),
        ("revenue", [1234567.0 + n * n for n in range(ROWS)], "number"),
        ("code", ["2024-01-02", "2024-02-03"] * 20, "text"),
    ],
)
def test_what_only_looks_like_an_id_or_personal_data_stays_as_it_is(name: str, values: Any, kind: str) -> None:
    kept, notes, warnings = care(name, values, kind)
    assert list(kept) == [name] and (notes, warnings) == ((), ())
    assert kept[name].tolist() == list(values)


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("", range(ROWS), "number"),
        ("Unnamed: 0", range(ROWS), "number"),
        ("index", range(1, ROWS + 1), "number"),
        ("whatever", range(ROWS), "number"),
        ("row", [n for n in range(ROWS) if n != 7], "number"),
        ("customer_id", RNG.permutation(9000)[:ROWS], "number"),
        ("invoice no", RNG.permutation(9000)[:ROWS], "number"),
        ("uuid", [f"{n * 7919:032x}" for n in range(39)] + [None], "text"),
        ("kundennummer", [f"K{n}" for n in range(39)] + [None], "text"),
        ("nothing", [None] * ROWS, "text"),
    ],
)
def test_row_numbers_ids_and_empty_columns_are_left_out_with_a_note(name: str, values: Any, kind: str) -> None:
    kept, notes, warnings = care(name, list(values), kind)
    assert kept.empty and len(notes) == 1 and notes[0].endswith("left out") and warnings == ()


def test_a_date_of_birth_becomes_the_age_in_whole_years_and_another_time_days() -> None:
    born = ["1990-06-30", "1990-07-02", "2000-01-01", None] * 10
    kept, notes, _ = care("BirthDate", born, "time")
    assert kept["birth_date_age_years"].tolist()[:3] == [34.0, 33.0, 24.0] and np.isnan(kept.iloc[3, 0])
    assert "the age on 2024-06-30" in notes[0] and "1990" not in notes[0]
    kept, notes, _ = care("signup", ["1970-01-02", "1970-01-03T12:00:00"] * 20, "time")
    assert kept["signup"].tolist()[:2] == [1.0, 2.5] and notes == ("signup is now days since 1970-01-01",)


def test_names_that_differ_in_case_or_blanks_alone_are_told_apart() -> None:
    frame = pd.DataFrame({name: [1.0, 2.0] for name in ("age", "Age", " AGE ", "Age_2")})
    kept, notes, _ = careful_columns(frame, dict.fromkeys(frame, "number"), (), TODAY)
    assert list(kept) == ["age", "Age_3", "AGE_4", "Age_2"]
    assert len({name.casefold() for name in kept}) == 4 and len(notes) == 2


def test_all_reserved_names_are_named_at_once() -> None:
    frame = pd.DataFrame({name: [1.0] for name in ("cutoff", "size", " Documents", "user")})
    with pytest.raises(DataError, match=r"users: 3 columns .*\(cutoff, Documents, user\).*Rename"):
        careful_columns(frame, {}, ("documents", "cutoff", "user", "user_id"), TODAY, "users")


def test_infinite_numbers_are_missing_and_counted() -> None:
    kept, notes, _ = care("rate", [1.0, np.inf, -np.inf, 2.0] * 10, "number")
    assert kept["rate"].isna().sum() == 20 and notes == ("rate has 20 infinite values, now missing",)
