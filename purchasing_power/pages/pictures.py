"""Pictures inside a page: a Matplotlib figure as inline SVG, drawn in one look; nothing is fetched, text stays text."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from html import escape
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

# Okabe & Ito (2008): told apart with every common colour blindness.
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
INK, MUTED, GRID, PALE = "#1f2933", "#616e7c", "#e4e7eb", "#bcdcf0"
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "purchasing-power",
    "text.parse_math": False,
    "font.family": ["sans-serif"],
    "font.size": 9.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
}


def picture(draw: Callable[..., None], width: float, height: float, label: str, *material: object) -> Markup:
    """The SVG of a figure, for use inside HTML.

    Parameters
    ----------
    draw
        Draws on an empty figure, its first argument, what is in ``material``, its further ones.
    width, height
        Inches; a page stretches the picture to the width that it has.
    label
        What the picture shows, for those who do not see it.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        # Text stays text, so the reader's browser has the glyphs that Matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure, *material)
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    # Name spaces and metadata are full of addresses, and mean nothing inside HTML.
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r' id="(figure|axes|patch|text|line2d|matplotlib|xtick|ytick|legend)[\w.]*"', "", text)
    text = text.replace("xlink:href", "href")
    box = re.search(r'viewBox="[^"]+"', text)
    assert box is not None, "Matplotlib gives every picture a size"
    return Markup(f'<svg {box[0]} role="img" aria-label="{escape(label)}">' + text[text.index(">") + 1 :])


def percent(digits: int | None = None) -> PercentFormatter:
    """Ticks of an axis of shares."""
    return PercentFormatter(1, decimals=digits, symbol=" %")
