from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import yaml
from exports import workbook
from layouts import EXPORTS

from purchasing_power.errors import DataError
from purchasing_power.shop.mapping.mapping import load_mapping
from purchasing_power.shop.mapping.suggest import suggest

Files = dict[str, str | bytes | Callable[[Path], None]]


def _suggested(files: Files, folder: Path) -> str:
    (folder / "export").mkdir()
    for name, content in files.items():
        path = folder / "export" / name
        content(path) if callable(content) else path.write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )
    (folder / "scratch").mkdir()
    return suggest(folder / "export", folder / "scratch", duckdb.connect())


def _loaded(text: str, folder: Path) -> dict[str, object]:
    """The tables of a suggested mapping, which has to load."""
    path = folder / "suggested.yaml"
    path.write_text(text, encoding="utf-8")
    load_mapping(str(path))
    return yaml.safe_load(text)["tables"]


@pytest.mark.parametrize("name", ["shopify", "olist", "uci_online_retail_ii"])
def test_a_layout_with_a_built_in_mapping_is_recognised_by_its_headers(name: str, tmp_path: Path) -> None:
    text = _suggested(EXPORTS[name].files, tmp_path)
    assert text.startswith(f"# this looks like {name}: -P mapping={name}")
    assert "orders" in _loaded(text, tmp_path)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (
            "Bestellnummer;Kunde;Artikel;Menge;Betrag;Datum\n1;K1;A1;2;10,50;05.01.2024\n2;K2;A1;1;5,25;17.01.2024\n",
            ["Kunde", "Bestellnummer", "Artikel", "Datum", "Menge", "Betrag"],
        ),
        (
            "订单号,会员编号,商品编号,数量,金额,下单时间\n"
            "1,m1,s1,2,10.5,2024-01-05 10:00:00\n2,m2,s2,1,3,2024-01-06 11:00:00\n",
            ["会员编号", "订单号", "商品编号", "下单时间", "数量", "金额"],
        ),
        (
            "Numéro de commande,Code client,Référence,Date commande,Quantité,Prix unitaire\n1,c1,r1,2024-01-05,2,5.5\n",
            [
                "Code client",
                "Numéro de commande",
                "Référence",
                "Date commande",
                "Quantité",
                'Quantité * "Prix unitaire"',
            ],
        ),
    ],
    ids=["german", "chinese", "french"],
)
def test_headers_of_several_languages_become_a_mapping_that_loads(
    text: str, columns: list[str], tmp_path: Path
) -> None:
    orders = _loaded(_suggested({"export.csv": text}, tmp_path), tmp_path)["orders"]
    names = ["user_id", "order_id", "product_id", "ordered_at", "quantity", "amount"]
    assert orders["columns"] == dict(zip(names, columns, strict=True))


def test_files_are_told_apart_joined_and_what_is_not_placed_is_named(tmp_path: Path) -> None:
    files: Files = {
        "lines.csv": "order_no,sku,qty,unit price\n1,p1,2,5\n1,p2,1,10\n2,p1,1,5\n",
        "orders.csv": "order_no,customer,order date,status\n1,ann,2024-03-01,paid\n2,bob,2024-03-02,paid\n",
        "catalog.csv": "sku,product name,brand\np1,Mug,Kiln\np2,Cup,Kiln\n",
        "customers.csv": "customer,email,city,signup date\nann,a@example.com,Rome,2023-01-01\n",
        "weather.csv": "place,sunshine\nRome,7.5\n",
    }
    text = _suggested(files, tmp_path)
    tables = _loaded(text, tmp_path)
    assert {name: table["from"] for name, table in tables.items()} == {
        "orders": "lines.csv",
        "products": "catalog.csv",
        "users": "customers.csv",
    }
    assert tables["orders"]["join"]["file"] == "orders.csv"
    assert tables["users"]["columns"] == {"user_id": "customer", "joined_at": "signup date", "city": "city"}
    assert "# weather.csv: not placed (place, sunshine)" in text
    assert "# not placed: email" in text


def test_an_export_without_a_customer_is_told_so_where_the_column_would_stand(tmp_path: Path) -> None:
    text = _suggested({"sales.csv": "ticket,date,product,amount\n1,2024-01-05,p1,10\n2,2024-01-06,p2,9\n"}, tmp_path)
    assert "no column was found for user_id" in text
    with pytest.raises(DataError, match="user_id is missing"):
        _loaded(text, tmp_path)


def test_a_total_on_every_row_of_an_order_is_shared(tmp_path: Path) -> None:
    rows = "".join(f"{order},c{order},p{line},2024-01-05,{order * 10}\n" for order in range(1, 5) for line in (1, 2))
    text = _suggested({"orders.csv": "order_id,customer,item,date,order_total\n" + rows}, tmp_path)
    assert _loaded(text, tmp_path)["orders"]["share"] == {"column": "order_total", "by": "order_id"}


def test_each_sheet_of_a_workbook_is_read_as_a_table_of_its_own(tmp_path: Path) -> None:
    sheets: dict[str, list[list[object]]] = {
        "Sales": [["Order", "Customer", "Item", "Date", "Amount"], ["S1", "ann", "p1", "2024-01-05", 10]],
        "Returns": [["Order", "Item", "Return date", "Amount"], ["S1", "p1", "2024-01-15", 10]],
    }
    tables = _loaded(_suggested({"shop.xlsx": workbook(sheets)}, tmp_path), tmp_path)
    assert {name: table["read"] for name, table in tables.items()} == {
        "orders": {"sheet": "Sales"},
        "returns": {"sheet": "Returns"},
    }


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no table file"):
        _suggested({"notes.md": "# notes\n"}, tmp_path)


def test_doubtful_columns_are_told_and_not_taken(tmp_path: Path) -> None:
    files: Files = {
        "transaction_data.csv": "household_id,basket_id,day,product_id,product_name,sales_value,discount\n"
        "1,900,1,50,Tea,3.5,0.2\n1,900,1,51,Cup,1.5,0\n2,901,300,50,Tea,1.5,0\n"
    }
    text = _suggested(files, tmp_path)
    tables = yaml.safe_load(text)["tables"]
    assert "ordered_at" not in tables["orders"]["columns"] and "discount" not in tables["orders"]["columns"]
    assert "day holds numbers that are no dates" in text and "discount holds shares of 0 to 1" in text
    # Lines name their products, so that these are a table of the same file.
    assert tables["products"]["distinct"] == "product_id"
