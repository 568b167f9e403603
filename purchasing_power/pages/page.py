"""One HTML file that fetches nothing, from a template that extends ``layout.html.j2`` and fills its body.

The macros of ``parts.html.j2`` are there as ``parts``: headline, section, table, list of reasons. Text is escaped;
pictures (:mod:`~purchasing_power.pages.pictures`) and what :func:`bold` and :func:`code` give is markup.
"""

from __future__ import annotations

from importlib.resources import files

from jinja2 import DictLoader, Environment
from markupsafe import Markup

BLUE, GREEN, ORANGE, RED, GREY = "#0072b2", "#2f855a", "#c05621", "#c53030", "#52606d"
# Languages of pages and of reasons in words, as HTML names them.
LANGUAGES = {"en": "en", "zh": "zh-CN"}
DASH, SPACE = "\N{EN DASH}", "\N{NO-BREAK SPACE}"


def render_page(
    package: str, template: str, title: str, language: str = "en", colour: str = BLUE, **values: object
) -> str:
    """The HTML of a template.

    Parameters
    ----------
    package, template
        Where the template lies, such as ``"steps.promotion"`` and ``"promotion.html.j2"``.
    title
        Title of the page.
    language
        Language of the page, one of ``LANGUAGES``.
    colour
        Colour of the headline's bar and of what is emphasised: it tells good from bad at a glance.
    values
        What the template asks for.
    """
    toolkit = ("layout.html.j2", "parts.html.j2")
    sources = {name: files(__package__).joinpath(name).read_text("utf-8") for name in toolkit}
    sources[template] = files(package).joinpath(template).read_text("utf-8")
    environment = Environment(loader=DictLoader(sources), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.globals["parts"] = environment.get_template("parts.html.j2").module
    return environment.get_template(template).render(
        title=title, html_language=LANGUAGES[language], colour=colour, **values
    )


def bold(text: object) -> Markup:
    """Text that stands out, such as the best figure of a row."""
    return Markup("<b>{}</b>").format(text)


def verdict(text: object, good: bool) -> Markup:
    """A word in green where things are well, and in orange where they are not."""
    return Markup('<span class="{}">{}</span>').format("good" if good else "bad", text)


def code(text: object) -> Markup:
    """A name as it stands in data or code."""
    return Markup("<code>{}</code>").format(text)


def share(value: float, digits: int = 0) -> str:
    """A share, 0 to 1, in percent."""
    return f"{100 * value:.{digits}f}{SPACE}%"
