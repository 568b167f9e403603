from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
import yaml

from purchasing_power.errors import DataError
from purchasing_power.shop.mapping import mapping as mapping_module
from purchasing_power.shop.mapping import rules
from purchasing_power.shop.mapping.mapping import ShopMapping, built_in_names, load_mapping

GOOD = """
tables:
  orders:
    from: orders.csv
    columns: {user_id: customer, ordered_at: day}
"""


def _load(folder: Path, text: str) -> ShopMapping:
    path = folder / "mapping.yaml"
    path.write_text(text, encoding="utf-8")
    return load_mapping(str(path))


BUILT_IN = {
    *("hm", "instacart", "olist", "rees46", "retailrocket", "shopify"),
    *("uci_online_retail", "uci_online_retail_ii", "woocommerce"),
}


def test_every_built_in_mapping_loads_and_makes_orders() -> None:
    assert set(built_in_names()) == BUILT_IN
    assert all("orders" in load_mapping(name).tables for name in BUILT_IN)


def test_a_mapping_keeps_its_text_and_the_digest_changes_with_it(tmp_path: Path) -> None:
    one, two = _load(tmp_path, GOOD), _load(tmp_path, GOOD + "# another\n")
    assert one.text == GOOD
    assert len(one.digest) == 64 and one.digest != two.digest


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "guest: [x]\n", 'the file: unknown key "guest"; nearest is "guests"'),
        (GOOD + "guests: [0]\n", 'guests[0]: got a number 0; allowed is a text: write "0" in quotes'),
        (GOOD + "time_zone: Paris\n", 'time_zone: no time zone "Paris"'),
        (GOOD + "currency: {own: GBP, rates: {EUR: -1}}\n", "currency.rates.EUR: got a number -1"),
        (GOOD + "status: {left_off: [x]}\n", 'status: unknown key "left_off"; nearest is "left_out"'),
        (GOOD + "read: {orders.csv: {skip_rows: two}}\n", "read.orders.csv.skip_rows: got a text"),
        (GOOD + "read: {orders.csv: {header: [a, a]}}\n", "list of distinct column names"),
        (GOOD + "formats: {orders.csv: {decimal: comma}}\n", 'formats.orders.csv.decimal: got "comma"'),
        (GOOD + "formats: {orders.csv: {columns: {price: {dezimal: ','}}}}\n", 'price: unknown key "dezimal"'),
        (GOOD.replace("customer", "[]"), "tables.orders.columns.user_id"),
        (GOOD.replace("user_id", "user"), 'tables.orders.columns: unknown key "user"; nearest is "user_id"'),
        (GOOD.replace("user_id: customer, ", ""), "tables.orders.columns: user_id is missing"),
        (GOOD.replace(", ordered_at: day", ""), "tables.orders.columns: ordered_at is missing"),
        (GOOD.replace("from: orders.csv", "form: orders.csv"), 'tables.orders: unknown key "form"; nearest is "from"'),
        (GOOD.replace("orders:", "order:"), 'tables: unknown key "order"; nearest is "orders"'),
        (GOOD.replace("day", "{column: day, date: dd/mm}"), "columns.ordered_at.date"),
        (
            GOOD.replace("    columns", "    where: read_csv('x')\n    columns"),
            "tables.orders.where: the function read_csv",
        ),
        (GOOD.replace("    columns", "    join: {file: b}\n    columns"), "tables.orders.join: on is missing"),
        (GOOD.replace("    columns", "    distinct: order_id\n    columns"), 'tables.orders.distinct: got "order_id"'),
        ("tables:\n  orders: [x\n", "line 3"),
        (GOOD + "tables: {}\n", "the key 'tables' stands twice"),
        ("- a\n", "the file: got a list"),
    ],
)
def test_a_fault_in_a_mapping_is_told_with_its_path_and_what_is_allowed(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        _load(tmp_path, text)
    assert message in str(caught.value)


def test_words_that_yaml_once_took_for_truth_or_octal_numbers_stay_text(tmp_path: Path) -> None:
    text = GOOD + "guests: [007, no]\ncurrency: {own: NO, rates: {on: 2}}\n"
    loaded = _load(tmp_path, text).rules
    assert loaded.guests == ("007", "no")
    assert loaded.currency == "NO" and loaded.rates == {"on": 2.0}
    assert yaml.safe_load("guests: [007]") == {"guests": [7]}


def test_an_unknown_mapping_names_the_nearest_built_in_one() -> None:
    with pytest.raises(DataError, match='nearest is "shopify"'):
        load_mapping("shopfy")


def test_the_mapping_that_the_documentation_shows_loads_and_uses_every_key(tmp_path: Path) -> None:
    lines = (mapping_module.__doc__ or "").splitlines()
    start = lines.index(".. code-block:: yaml") + 1
    block = [line for line in lines[start:] if not line or line.startswith("    ")]
    text = textwrap.dedent("\n".join(block))
    loaded = _load(tmp_path, text)
    shown = yaml.safe_load(text.replace("on:", '"on":'))
    assert set(shown) == set(rules.TOP_KEYS)
    assert set(shown["tables"]["orders"]) == set(rules.TABLE_KEYS)
    assert {key for part in shown["read"].values() for key in part} == set(rules.READ_KEYS)
    assert loaded.tables["orders"].columns["amount"].candidates == ("Quantity * Price",)
