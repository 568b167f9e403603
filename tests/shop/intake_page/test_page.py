"""Tests of the intake page: its numbers are those of the report, both languages are whole, nothing is fetched."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from html import unescape

import pytest

from purchasing_power.pages.page import LANGUAGES
from purchasing_power.shop.intake_page.page import bulk, gaps, headline, intake_page
from purchasing_power.shop.intake_page.words import CHINESE, ENGLISH, WORDS
from purchasing_power.shop.report import ColumnReport, IntakeReport, KeyMatch, Money, OrderFigures, TableReport

ODD = "<b>a & b</b>"
WEEKS = tuple((date(2024, 1, 1) + timedelta(weeks=week), orders) for week, orders in enumerate([3, 0, 0, 5, 0, 7]))
ORDERS = TableReport(
    "bestellungen.csv",
    read=12_345,
    kept=11_000,
    quarantined=45,
    left_out={"status cancelled": 200, "status test": 100},
    added_up=700,
    returned=300,
    guests=150,
    reasons={"ordered_at is not a time": 40, "amount is above 1,000,000": 6},
    first_rows={"ordered_at is not a time": 1_077, "amount is above 1,000,000": 9},
    columns=(
        ColumnReport("amount", "number", "numbers with a decimal comma", missing=11, unread=2_469),
        ColumnReport("store_id", "id", "some new way"),
    ),
)
REPORT = IntakeReport(
    tables={"orders": ORDERS, "products": TableReport("products.csv", read=50, kept=50)},
    warnings=("users.mail holds e-mail addresses",),
    notes=("orders.csv: encoding cp1252",),
    key_matches=(KeyMatch("orders.product_id", "products.product_id", 50, 49, 12_000, 3_000, "pad the ids"),),
    money=(Money("EUR", gross=2_500_000.25, returned=100_000), Money("GBP", gross=1_000, returned=500, rate=1.2)),
    orders=OrderFigures(date(2024, 1, 3), date(2024, 2, 9), 15, 6, 2.5, 0.4, 12.5, WEEKS),
)
FLAT = IntakeReport(tables={"flat": TableReport("reviews.csv", read=80, kept=79, quarantined=1)})


@cache
def page_of(language: str) -> str:
    """The page of ``REPORT``."""
    return intake_page(REPORT, "Shop", language)


def words_of(page: str) -> str:
    """What a reader sees: text without markup, pictures left out, any blank as one blank."""
    body = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", page, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def sections(page: str) -> int:
    return page.count("<section")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_numbers_on_the_page_are_those_of_the_report(language: str) -> None:
    text = words_of(page_of(language))
    for row in (
        "orders bestellungen.csv 12,345 11,000 89.1 % 45 0.4 % 300 2.4 % 700 5.7 % 300 2.4 % 150 1.2 %",
        "products products.csv 50 50 100 % – – – – –",
        "EUR 2,500,000.25 100,000.00 2,400,000.25 1",
        "GBP 1,000.00 500.00 500.00 1.2",
        "2,501,200.25 100,600.00 2,400,600.25",
        "orders.product_id → products.product_id pad the ids 50 98.0 % 49 25.0 % 3,000 / 12,000",
        " 11 <0.1 % 2,469 20.0 %",
        "orders 40 1,077",
        "orders 6 9",
    ):
        assert row in text, row


def test_the_headline_tells_rows_net_money_and_warnings() -> None:
    assert words_of(headline(REPORT, "en")) == "12,345 order lines read, 11,000 kept; net money 2.4 M EUR; 1 warning"
    assert words_of(headline(REPORT, "zh")) == "读入订单行 12,345 条，保留 11,000 条；净额 240.1 万 EUR； 1 条警告"
    assert words_of(headline(FLAT, "en")) == "80 rows read, 79 kept; no warning"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_section_and_a_section_without_matter_is_not_there(language: str) -> None:
    words, whole = WORDS[language], words_of(page_of(language))
    named = ("warnings", "rows_heading", "money_heading", "time_heading", "keys_heading", "columns_heading", "notes")
    assert [whole.index(words[f"{name}_aside"]) for name in named if f"{name}_aside" in words]
    places = [whole.index(f" {words[name]} ") for name in named]
    assert places == sorted(places) and "{" not in whole
    assert sections(page_of(language)) == 7
    flat = intake_page(replace(FLAT, notes=("delimiter found",)), "File", language)
    assert sections(flat) == 2 and words["rows_aside_flat"] in flat and words["notes_aside_flat"] in flat
    assert words["rows_aside"] not in flat and words["notes_aside"] not in flat


def test_both_languages_have_the_same_words_with_the_same_figures() -> None:
    assert list(ENGLISH) == list(CHINESE)
    for key, english in ENGLISH.items():
        assert set(re.findall(r"{\w+", english)) == set(re.findall(r"{\w+", CHINESE[key])), key


def test_chinese_names_reasons_and_kinds_and_leaves_what_it_does_not_know() -> None:
    text = words_of(page_of("zh"))
    for chinese in (
        "ordered_at 不是时间",
        "amount 大于 1,000,000",
        "状态 cancelled",
        "数值：小数点为逗号",
        "some new way",
    ):
        assert chinese in text


def test_rows_that_are_not_accounted_for_are_shown() -> None:
    short = replace(REPORT, tables={"orders": replace(ORDERS, kept=10_998)})
    assert ENGLISH["difference"] not in page_of("en")
    assert '<span class="bad">2</span>' in intake_page(short, "Shop", "en")


def test_a_gap_is_a_run_of_weeks_without_an_order_and_the_longest_comes_first() -> None:
    assert gaps(WEEKS) == [(date(2024, 1, 8), 2), (date(2024, 1, 29), 1)]
    text = words_of(page_of("en"))
    assert "No order in 2 weeks, those from 2024-01-08 to 2024-01-21. No order in the week from 2024-01-29." in text


def test_isolated_weeks_are_named_and_left_out_of_the_picture() -> None:
    early, late = date(2004, 5, 10), date(2026, 1, 5)
    empty = [(early + timedelta(weeks=week), 0) for week in range(1, (WEEKS[0][0] - early).days // 7)]
    after = [(WEEKS[-1][0] + timedelta(weeks=week), 0) for week in range(1, (late - WEEKS[-1][0]).days // 7)]
    weeks = ((early, 1), *empty, *((monday, 100 * orders) for monday, orders in WEEKS), *after, (late, 2))
    assert bulk(weeks) == tuple((monday, 100 * orders) for monday, orders in WEEKS)
    assert bulk(WEEKS) == WEEKS
    assert REPORT.orders is not None
    text = words_of(intake_page(replace(REPORT, orders=replace(REPORT.orders, weeks=weeks)), "Shop", "en"))
    assert "3 orders lie far from the others, in the weeks from 2004-05-10, 2026-01-05, and are not drawn" in text
    assert "No order in 2 weeks, those from 2024-01-08 to 2024-01-21." in text and "1,02" not in text


def test_a_shop_that_pauses_for_half_a_year_is_drawn_whole() -> None:
    weeks = tuple((date(2024, 1, 1) + timedelta(weeks=week), 0 if 10 <= week < 40 else 5) for week in range(60))
    assert bulk(weeks) == weeks


def test_a_share_is_0_or_100_percent_only_where_it_is() -> None:
    match = KeyMatch("a.b", "c.b", ids=100_000, matched_ids=99_999, rows=100_000, matched_rows=1)
    text = words_of(intake_page(replace(REPORT, key_matches=(match,)), "Shop", "en"))
    assert "100,000 99.9 % 99,999 <0.1 % 1 / 100,000" in text


@pytest.mark.parametrize(("matched", "advice", "look"), [(50, "", "good"), (49, "", "bad"), (80, "pad", "bad")])
def test_a_match_of_less_than_half_or_one_with_advice_stands_out(matched: int, advice: str, look: str) -> None:
    match = KeyMatch("a.b", "c.b", ids=100, matched_ids=matched, rows=100, matched_rows=100, advice=advice)
    page = intake_page(replace(FLAT, key_matches=(match,)), "Shop", "en")
    assert page.count(f'<span class="{look}">') == 2 and page.count('<span class="') == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_export_without_amounts_is_said_to_be_one(language: str) -> None:
    page = intake_page(replace(REPORT, money=()), "Shop", language)
    assert WORDS[language]["no_money"] in unescape(page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_from_data_are_escaped_and_nothing_is_fetched(language: str) -> None:
    table = replace(
        ORDERS,
        source=ODD,
        left_out={ODD: 300},
        reasons={ODD: 45},
        first_rows={ODD: 1},
        columns=(ColumnReport(ODD, ODD, ODD, 1, 1),),
    )
    odd = replace(
        REPORT,
        tables={"orders": table, ODD: table},
        warnings=(ODD,),
        notes=(ODD,),
        key_matches=(replace(REPORT.key_matches[0], column=ODD, partner=ODD, advice=ODD),),
        money=(Money(ODD, 1, 0), Money("GBP", 1, 0, rate=2)),
    )
    page = intake_page(odd, ODD, language)
    assert "<b>a" not in page and "&lt;b&gt;a" in page
    assert not re.search(r"https?:|<script|<link|src=|url\((?!#)|@import", page)
