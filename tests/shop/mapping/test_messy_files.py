"""Files as shops really export them: each is read rightly, or stops with what was seen and what to write."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from exports import Export, Figures, ingested, mapped, workbook

from purchasing_power.errors import DataError

TOTALS = """order_id,customer,sku,date,order_total
o1,ann,p1,2024-01-05,30.00
o1,ann,p2,2024-01-05,30.00
o2,bob,p1,2024-01-06,12.50
o3,bob,p1,2024-01-09,60.00
o3,bob,p2,2024-01-09,60.00
o3,bob,p3,2024-01-09,60.00
o4,cid,p1,2024-02-01,44.00
o4,cid,p4,2024-02-01,44.00
"""
TOTALS_COLUMNS = """
    columns: {user_id: customer, order_id: order_id, product_id: sku, ordered_at: date, amount: order_total}
"""
LINES = """order_no,product,qty,price
1,p1,2,5.00
1,p2,1,10.00
2,p1,1,5.00
3,p3,4,2.50
"""
REFUNDED = """order_no,product,qty,price,refunded
1,p1,2,5.00,
1,p2,1,10.00,0
2,p1,1,5.00,
3,p3,4,2.50,2.50
"""
HEADS = """number,client,placed
1,ann,2024-03-01
2,bob,2024-03-02
3,ann,2024-03-09
"""
PAYMENTS = """order_no,kind,paid
1,card,15.00
1,voucher,5.00
2,card,5.00
3,card,10.00
"""
JOINED_COLUMNS = """
    columns:
      {user_id: client, order_id: order_no, product_id: product, ordered_at: placed, quantity: qty, amount: AMOUNT}
"""
TWO_TABLES = """order_id,user_id,product_id,ordered_at,amount
o1,ann,p1,2024-01-05,5.00
o2,bob,p2,2024-01-06,7.50

product_id,title,brand
p1,Blue mug,Kiln
p2,Red mug,Kiln
"""

EXPORTS = {
    # 30 + 12.50 + 60 + 44: each total once.
    "order totals repeated on every line": Export(
        {"items.csv": TOTALS},
        "tables:\n  orders:\n    from: items.csv\n    share: {column: order_total, by: order_id}" + TOTALS_COLUMNS,
        Figures(rows=8, orders=4, users=3, gross=146.5, net=146.5),
    ),
    # 2 * 5 + 10 + 5 + 4 * 2.50; order 3 gives back 2.50 of its 10.
    "a refunded amount in a column of the order": Export(
        {"sales.csv": REFUNDED, "heads.csv": HEADS},
        """
tables:
  orders:
    from: sales.csv
    join: {file: heads.csv, on: {order_no: number}}"""
        + JOINED_COLUMNS.replace("AMOUNT", "qty * price")
        + """  returns:
    from: sales.csv
    join: {file: heads.csv, on: {order_no: number}}
    where: refunded > 0
    columns: {user_id: client, order_id: order_no, returned_at: placed, amount: refunded}
""",
        Figures(rows=4, orders=3, users=2, gross=35.0, net=32.5),
        {"returns": 1},
    ),
    # 15 + 5, 5 and 10 were paid.
    "payments joined to lines": Export(
        {"lines.csv": LINES, "orders.csv": HEADS, "payments.csv": PAYMENTS},
        """
tables:
  orders:
    from: lines.csv
    join:
      - {file: orders.csv, on: {order_no: number}}
      - {file: payments.csv, on: order_no, keep: sum, columns: [paid]}
    share: {column: paid, by: order_no, weight: qty * price}"""
        + JOINED_COLUMNS.replace("AMOUNT", "paid"),
        Figures(rows=4, orders=3, users=2, gross=35.0, net=35.0),
    ),
    # Order 10 is of 20 + 30, of which 30 go back in a row of its own; order 11 is of 8.
    "refund rows that repeat the order's id": Export(
        {
            "orders.csv": "order_id,order_type,order_date,customer_id,item_product_id,item_quantity,item_total\n"
            "10,shop_order,2024-05-01 10:00:00,7,901,1,20.00\n"
            "10,shop_order,2024-05-01 10:00:00,7,902,2,30.00\n"
            "10,shop_order_refund,2024-05-03 09:00:00,7,902,2,30.00\n"
            "11,shop_order,2024-05-04 12:00:00,0,901,1,8.00\n"
        },
        """
guests: ["0"]
tables:
  orders:
    from: orders.csv
    columns:
      user_id: customer_id
      order_id: order_id
      product_id: item_product_id
      ordered_at: order_date
      quantity: CASE WHEN order_type = 'shop_order_refund' THEN -item_quantity ELSE item_quantity END
      amount: CASE WHEN order_type = 'shop_order_refund' THEN -item_total ELSE item_total END
""",
        Figures(rows=4, orders=2, users=1, gross=58.0, net=28.0),
        {"returns": 1},
    ),
    # 12.50 + 8.00 + 3.25, the prices now.
    "cells with two prices in words": Export(
        {
            "orders.csv": "order,who,what,day,price\n"
            '1,ann,p1,2024-01-05,"12.50 EUR (was 15.00 EUR)"\n'
            '2,bob,p2,2024-01-06,"8.00 EUR (was 9.00 EUR)"\n'
            "3,bob,p3,2024-01-07,3.25 EUR\n"
        },
        """
tables:
  orders:
    from: orders.csv
    columns:
      user_id: who
      order_id: order
      product_id: what
      ordered_at: day
      amount: CAST(regexp_extract(price, '[0-9]+[.][0-9]+') AS DOUBLE)
""",
        Figures(rows=3, orders=3, users=2, gross=23.75, net=23.75),
    ),
    "dates as whole numbers": Export(
        {"orders.csv": "order,who,day,paid\n1,ann,20230115,5\n2,bob,20230228,6.5\n3,ann,20231231,7\n"},
        """
tables:
  orders: {from: orders.csv, columns: {user_id: who, order_id: order, ordered_at: day, amount: paid}}
""",
        Figures(rows=3, orders=3, users=2, gross=18.5, net=18.5),
    ),
    "two year formats in one column": Export(
        {"orders.csv": "order,who,day,paid\n1,ann,25/12/2023,5\n2,bob,26/12/23,6.5\n3,ann,03/01/24,7\n"},
        """
tables:
  orders: {from: orders.csv, columns: {user_id: who, order_id: order, ordered_at: day, amount: paid}}
""",
        Figures(rows=3, orders=3, users=2, gross=18.5, net=18.5),
    ),
    # 11.77 + 12 + 77 + 20.76; user 00002 orders twice on one day.
    "no header, and columns set by blanks": Export(
        {
            "master.txt": " 00001 19970101  1  11.77\n 00002 19970112  1  12.00\n"
            " 00002 19970112  5  77.00\n 00003 19970102  2  20.76\n"
        },
        """
read:
  master.txt: {delimiter: " ", header: [customer, day, pieces, paid]}
formats:
  master.txt: {columns: {day: {date: "%Y%m%d"}}}
tables:
  orders: {from: master.txt, columns: {user_id: customer, ordered_at: day, quantity: pieces, amount: paid}}
""",
        Figures(rows=4, orders=3, users=3, gross=121.53, net=121.53),
    ),
    "several tables under one another in one file": Export(
        {"all.csv": TWO_TABLES},
        """
tables:
  orders:
    from: all.csv
    read: {rows: 2}
    columns: {user_id: user_id, order_id: order_id, product_id: product_id, ordered_at: ordered_at, amount: amount}
  products:
    from: all.csv
    read: {skip_rows: 4}
    columns: {product_id: product_id, title: title, brand: brand}
""",
        Figures(rows=2, orders=2, users=2, gross=12.5, net=12.5),
        {"products": 2},
    ),
    # 10 + 20 + 5, of which 20 went back.
    "a returns sheet in the workbook": Export(
        {
            "shop.xlsx": workbook(
                {
                    "Sales": [
                        ["Order", "Customer", "Item", "Date", "Amount"],
                        ["S1", "ann", "p1", "2024-01-05", 10],
                        ["S1", "ann", "p2", "2024-01-05", 20],
                        ["S2", "bob", "p1", "2024-01-08", 5],
                    ],
                    "Returns": [["Order", "Item", "Returned", "Amount"], ["S1", "p2", "2024-01-15", 20]],
                }
            )
        },
        """
tables:
  orders:
    from: shop.xlsx
    read: {sheet: Sales}
    columns: {user_id: Customer, order_id: Order, product_id: Item, ordered_at: Date, amount: Amount}
  returns:
    from: shop.xlsx
    read: {sheet: Returns}
    columns: {order_id: Order, product_id: Item, returned_at: Returned, amount: Amount}
""",
        Figures(rows=3, orders=2, users=2, gross=35.0, net=15.0),
        {"returns": 1},
    ),
    # A leading zero is part of a telephone number.
    "a telephone number as the only customer key": Export(
        {
            "orders.csv": "Order;Telefon;Datum;Betrag\n"
            "1;0170 555 01;05.01.2024;10,50\n2;0170 555 02;16.01.2024;1.200,00\n"
        },
        """
tables:
  orders: {from: orders.csv, columns: {user_id: Telefon, order_id: Order, ordered_at: Datum, amount: Betrag}}
""",
        Figures(rows=2, orders=2, users=2, gross=1210.5, net=1210.5),
    ),
    # Two of the four lines have no order: they have neither customer nor day.
    "line files of which few match an order, by will": Export(
        {"lines.csv": LINES, "heads.csv": HEADS.replace("1,ann,2024-03-01\n", "")},
        """
tables:
  orders:
    from: lines.csv
    join: {file: heads.csv, on: {order_no: number}, at_least: 0.4}
    where: placed IS NOT NULL"""
        + JOINED_COLUMNS.replace("AMOUNT", "qty * price"),
        Figures(rows=2, orders=2, users=2, gross=15.0, net=15.0),
    ),
    # 10 pounds, 100 euros at 0.86, and a pending order that does not count.
    "two currencies and a pending order": Export(
        {
            "orders.csv": "order,who,day,paid,money,state\n1,ann,2024-01-05,10,GBP,paid\n"
            "2,bob,2024-01-06,100,EUR,paid\n3,cid,2024-01-07,50,GBP,Pending\n"
        },
        """
currency: {own: GBP, rates: {EUR: 0.86}}
status: {left_out: [pending], returned: []}
tables:
  orders:
    from: orders.csv
    columns: {user_id: who, order_id: order, ordered_at: day, amount: paid, currency: money, status: state}
""",
        Figures(rows=3, orders=2, users=2, gross=96.0, net=96.0),
    ),
}

STOPS = {
    "order totals repeated on every line": (
        {"items.csv": TOTALS},
        "tables:\n  orders:\n    from: items.csv" + TOTALS_COLUMNS,
        ["in 3 of 3 orders", "share: {column: order_total, by: ORDER}", "share: false"],
    ),
    "totals that differ within an order": (
        {"items.csv": TOTALS.replace("p2,2024-01-05,30.00", "p2,2024-01-05,31.00")},
        "tables:\n  orders:\n    from: items.csv\n    share: {column: order_total, by: order_id}" + TOTALS_COLUMNS,
        ["order_total has different values within 1 of 4 order_id"],
    ),
    "payments joined to lines": (
        {"lines.csv": LINES, "orders.csv": HEADS, "payments.csv": PAYMENTS},
        """
tables:
  orders:
    from: lines.csv
    join:
      - {file: orders.csv, on: {order_no: number}}
      - {file: payments.csv, on: order_no}"""
        + JOINED_COLUMNS.replace("AMOUNT", "paid"),
        ["1 of 3 keys (order_no)", "the 4 rows", "would become 6", "keep: sum"],
    ),
    "several tables under one another, of as many columns": (
        {"all.csv": "order_id,customer,day\n1,ann,2024-01-05\n2,bob,2024-01-06\n\nsku,title,brand\np1,Blue mug,Kiln\n"},
        "tables:\n  orders:\n    from: all.csv\n    columns: {user_id: customer, ordered_at: day}\n",
        ["holds column names of another table", "rows: 2", "skip_rows: "],
    ),
    "several tables under one another": (
        {"all.csv": TWO_TABLES},
        "tables:\n  orders:\n    from: all.csv\n    columns: {user_id: user_id, ordered_at: ordered_at}\n",
        ["line 5 holds column names of another table", "skip_rows: 4"],
    ),
    "no customer column at all": (
        {"lines.csv": LINES},
        "tables:\n  orders:\n    from: lines.csv\n    columns: {order_id: order_no, ordered_at: placed}\n",
        ["user_id is missing", "e-mail address or telephone number", "export it with the customer"],
    ),
    "line files of which few match an order": (
        {"lines.csv": LINES, "heads.csv": "number,client,placed\n2,ann,2024-03-01\n8,bob,2024-03-02\n"},
        "tables:\n  orders:\n    from: lines.csv\n    join: {file: heads.csv, on: {order_no: number}}"
        + JOINED_COLUMNS.replace("AMOUNT", "qty * price"),
        ["1 of 4 rows of lines.csv (25.0%)", "at least 50% are needed", "at_least: 0.24"],
    ),
    "line files of which none match an order": (
        {"lines.csv": LINES, "heads.csv": "number,client,placed\n8,ann,2024-03-01\n9,bob,2024-03-02\n"},
        "tables:\n  orders:\n    from: lines.csv\n    join: {file: heads.csv, on: {order_no: number}, at_least: 0}"
        + JOINED_COLUMNS.replace("AMOUNT", "qty * price"),
        ["0 of 4 rows of lines.csv (0.0%)"],
    ),
    "a column that is not there": (
        {"items.csv": TOTALS},
        "tables:\n  orders:\n    from: items.csv\n    columns: {user_id: custmer, ordered_at: date}\n",
        ['tables.orders.columns.user_id: items.csv has no column "custmer"', 'nearest is "customer"'],
    ),
    "a column of an expression that is not there": (
        {"items.csv": TOTALS},
        "tables:\n  orders:\n    from: items.csv\n"
        "    columns: {user_id: customer, ordered_at: date, amount: order_totals * 2}\n",
        ['tables.orders.columns.amount: items.csv has no column "order_totals"', 'nearest is "order_total"'],
    ),
    "text that is multiplied": (
        {"items.csv": TOTALS},
        "tables:\n  orders:\n    from: items.csv\n"
        "    columns: {user_id: customer, ordered_at: date, amount: sku * 2}\n",
        ["tables.orders.columns.amount", "sku holds text"],
    ),
    "a file that is not there": (
        {"items.csv": TOTALS},
        "tables:\n  orders:\n    from: item.csv\n    columns: {user_id: customer, ordered_at: date}\n",
        ['tables.orders.from: no file "item.csv"', 'nearest is "items.csv"'],
    ),
}


@pytest.mark.parametrize("kind", EXPORTS)
def test_a_messy_export_has_the_right_rows_orders_users_and_money(kind: str, tmp_path: Path) -> None:
    intake = ingested(EXPORTS[kind], tmp_path)
    assert (intake.figures(), intake.rows()) == (EXPORTS[kind].right, EXPORTS[kind].tables)


@pytest.mark.parametrize("kind", STOPS)
def test_what_cannot_be_read_rightly_stops_with_what_was_seen_and_what_to_write(kind: str, tmp_path: Path) -> None:
    files, mapping, words = STOPS[kind]
    with pytest.raises(DataError) as caught:
        mapped(Export(files, mapping, Figures(0, 0, 0)), tmp_path, duckdb.connect())
    assert [word for word in words if word not in str(caught.value)] == []
