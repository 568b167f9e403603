"""The page toolkit: one HTML file that needs no network, with one layout and one set of parts for every report.

A page is a template that extends ``page.html.j2`` and fills its blocks; the macros of ``parts.html.j2`` draw a
headline, facts, tables and lists of reasons. Text is escaped; pictures are inline SVG, given as ``Markup``.
"""

from __future__ import annotations

from importlib.resources import files

from jinja2 import DictLoader, Environment

LAYOUT, PARTS = "page.html.j2", "parts.html.j2"
BLUE, GREEN, ORANGE, RED, GREY = "#0072b2", "#2f855a", "#c05621", "#b83280", "#52606d"
HTML_LANGUAGE = {"en": "en", "zh": "zh-CN"}


def render(package: str, template: str, language: str = "en", colour: str = BLUE, **values: object) -> str:
    """The HTML of a template that lies in a package.

    Parameters
    ----------
    package, template
        Where the template lies, such as ``"steps.promotion"`` and ``"promotion.html.j2"``.
    language
        ``"en"`` or ``"zh"``: language of the page, for readers and screen readers.
    colour
        Colour of the headline's bar, which tells good from bad at a glance.
    values
        What the template asks for.
    """
    sources = {
        **{name: files("purchasing_power").joinpath(name).read_text("utf-8") for name in (LAYOUT, PARTS)},
        template: files(package).joinpath(template).read_text("utf-8"),
    }
    environment = Environment(
        loader=DictLoader(sources), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(template).render(
        html_language=HTML_LANGUAGE[language], colour=colour, **values
    )
