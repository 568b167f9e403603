"""Tests of the messy shop of ``examples/``: it comes in with the figures that its README states."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from purchasing_power.shop.intake import ingest
from purchasing_power.shop.report import IntakeReport

SHOP = Path(__file__).resolve().parents[2] / "examples" / "messy_shop"
RATES = {"EUR": 1.0, "CHF": 1.05}
LEFT_OUT = ("storniert", "test")


@pytest.fixture(scope="module")
def stated() -> dict[str, float]:
    """The figures of the README, by their first words."""
    rows = re.findall(r"^\| ([^|`]+) \| ([\d,.]+)(?:; (\d+))? \|$", (SHOP / "README.md").read_text("utf-8"), re.M)
    return {name: float(value.replace(",", "")) for name, value, _ in rows}


@pytest.fixture(scope="module")
def counted() -> dict[str, float]:
    """The same figures, from the files by the standard library."""
    rows = []
    for half, encoding in ((1, "cp1252"), (2, "utf-8-sig")):
        text = (SHOP / f"bestellungen_2024_{half}.csv").read_bytes().decode(encoding)
        rows += [
            {key.strip(): cell for key, cell in row.items()} for row in csv.DictReader(io.StringIO(text), delimiter=";")
        ]
    good = [row for row in rows if row["Datum"] and row["Einzelpreis"] != "?"]
    status = Counter(row["Status"].lower() for row in good)
    lines = [row for row in good if row["Status"].lower() not in LEFT_OUT]
    bought = [row for row in lines if int(row["Menge"]) > 0]
    kept = {(user(row), row["Bestellnr"], row["Artikelnr"], row["Datum"][:10]) for row in bought}
    figures: dict[str, float] = {
        "order lines read": len(rows),
        "set aside: three prices, one total": len(rows) - len(good),
        **{f"left out: status {word}": status[word] for word in LEFT_OUT},
        "returned": len(lines) - len(bought),
        "added to another line": len(bought) - len(kept),
        "kept": len(kept),
        "of those by guests": sum(key[0] is None for key in kept),
        "orders": len({row["Bestellnr"] for row in bought}),
        "users": len({user(row) for row in bought} - {None}),
    }
    net = 0.0
    for currency, rate in RATES.items():
        amounts = [money(row) for row in lines if row["Währung"] == currency]
        figures[f"{currency} gross"] = round(sum(amount for amount in amounts if amount > 0), 2)
        figures[f"{currency} returned"] = -round(sum(amount for amount in amounts if amount < 0), 2)
        figures[f"{currency} net"] = round(sum(amounts), 2)
        net += rate * sum(amounts)
    return figures | {"net in EUR, a franc at 1.05": round(net, 2)}


def user(row: dict[str, str]) -> str | None:
    return row["Kundennr"] if row["Kundennr"] not in ("", "GAST") else None


def money(row: dict[str, str]) -> float:
    return int(row["Menge"]) * float(row["Einzelpreis"].replace(".", "").replace(",", "."))


@pytest.fixture(scope="module")
def taken_in(tmp_path_factory: pytest.TempPathFactory) -> tuple[IntakeReport, Path]:
    target = tmp_path_factory.mktemp("messy") / "tables"
    now = datetime(2025, 1, 1, tzinfo=UTC)
    return ingest(SHOP, target, key=b"a key of tests", now=now, mapping=str(SHOP / "mapping.yaml")), target


def test_the_readme_states_the_figures_that_the_files_hold(stated: dict[str, float], counted: dict[str, float]) -> None:
    assert {name: stated[name] for name in counted} == counted


def test_the_intake_accounts_for_every_order_line(
    taken_in: tuple[IntakeReport, Path], counted: dict[str, float]
) -> None:
    orders = taken_in[0].tables["orders"]
    assert orders.read == counted["order lines read"]
    assert orders.quarantined == counted["set aside: three prices, one total"]
    assert orders.left_out == {f"status {word}": counted[f"left out: status {word}"] for word in LEFT_OUT}
    assert orders.returned == counted["returned"]
    assert orders.added_up == counted["added to another line"]
    assert orders.kept == counted["kept"]
    assert orders.guests == counted["of those by guests"]
    assert orders.read == orders.kept + orders.quarantined + orders.added_up + orders.returned + sum(
        orders.left_out.values()
    )


def test_the_intake_finds_the_right_money_orders_and_users(
    taken_in: tuple[IntakeReport, Path], counted: dict[str, float]
) -> None:
    report = taken_in[0]
    found = {}
    for one in report.money:
        assert one.rate == RATES[one.currency]
        found |= {f"{one.currency} gross": one.gross, f"{one.currency} returned": one.returned}
        found |= {f"{one.currency} net": one.net}
    found["net in EUR, a franc at 1.05"] = sum(one.net * one.rate for one in report.money)
    assert {name: round(value, 2) for name, value in found.items()} == {name: counted[name] for name in found}
    assert report.orders is not None
    assert (report.orders.orders, report.orders.users) == (counted["orders"], counted["users"])


def test_the_written_tables_hold_what_the_report_says_in_the_shops_own_currency(
    taken_in: tuple[IntakeReport, Path], counted: dict[str, float]
) -> None:
    orders, returns = (pd.read_parquet(taken_in[1] / f"{name}.parquet") for name in ("orders", "returns"))
    assert (len(orders), len(returns)) == (counted["kept"], counted["returned"])
    assert orders["user_id"].nunique() == counted["users"]
    net = orders["amount"].sum() - returns["amount"].sum()
    assert net == pytest.approx(counted["net in EUR, a franc at 1.05"], abs=0.01)
    assert (orders["quantity"] > 0).all() and (returns["quantity"] > 0).all()


def test_products_and_users_find_their_orders_and_no_address_is_kept(taken_in: tuple[IntakeReport, Path]) -> None:
    report, target = taken_in
    assert (report.tables["products"].kept, report.tables["products"].quarantined) == (35, 1)
    assert report.tables["users"].kept == 97
    shares = {match.column: match.matched_ids / match.ids for match in report.key_matches}
    assert shares["orders.product_id"] >= 0.97 and shares["users.user_id"] >= 0.9
    users = pd.read_parquet(target / "users.parquet")
    assert set(users.columns) >= {"user_id", "joined_at", "city", "newsletter"}
    assert not [name for name in users if "mail" in name.lower()] and "example.com" not in users.to_csv()
