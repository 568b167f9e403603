"""Tests of the page toolkit: text stays text, a page fetches nothing, a picture is readable inside HTML."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from purchasing_power.pages.page import LANGUAGES, bold, code, render_page, verdict
from purchasing_power.pages.pictures import picture

ODD = "<b>a & b</b>"


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_is_escaped_and_markup_of_the_toolkit_is_not(language: str) -> None:
    page = render_page(
        "steps",
        "history.html.j2",
        ODD,
        language,
        headline=bold(ODD),
        faults=[ODD, (ODD, ODD)],
        head=[ODD],
        gains=[(ODD, (code(ODD), ODD))],
        records=[(1, verdict(ODD, good=False))],
    )
    assert "<b>a" not in page and page.count("&lt;b&gt;a &amp; b&lt;/b&gt;") == 11
    assert '<span class="bad">&lt;b&gt;' in page and "<code>&lt;b&gt;" in page and "<b>&lt;b&gt;" in page
    assert f'<html lang="{LANGUAGES[language]}">' in page
    assert not re.search(r"https?:|<script|<link|src=|url\((?!#)|@import", page)


def test_a_picture_is_alike_each_time_and_names_no_address() -> None:
    def draw(figure: Figure, title: str) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [1, 2], marker="o")
        axes.set_title(title)

    first, again = (picture(draw, 3, 2, "what & <how>", "\u6d88\u8d39 & a") for _ in range(2))
    assert first == again and "http" not in first
    root = ElementTree.fromstring(first)
    assert root.get("aria-label") == "what & <how>"
    assert "\u6d88\u8d39 & a" in [node.text for node in root.iter("text")]
