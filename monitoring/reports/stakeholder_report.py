"""The stakeholder's page: one HTML file that a marketing lead reads in a minute, in English or Chinese."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment
from markupsafe import Markup

from monitoring.evidence import Evidence
from monitoring.policy.decision import Decision, Policy
from monitoring.policy.past_windows import PastWindow
from monitoring.policy.retraining import Retrained
from monitoring.reports.details import COLOURS, UNKNOWN
from monitoring.reports.stakeholder_sentences import (
    campaign_said,
    changes,
    done_said,
    headline,
    since_said,
    whys,
)
from monitoring.reports.stakeholder_trends import trends
from monitoring.reports.stakeholder_words import WORDS

LANGUAGES = tuple(WORDS)
HTML_LANGUAGE = {"en": "en", "zh": "zh-CN"}


@dataclass(frozen=True)
class Briefing:
    """The material of one page. It holds no user id and no text of a user.

    Attributes
    ----------
    language
        ``"en"`` or ``"zh"``.
    model, version
        Whose page it is.
    past
        Windows of the version before this one, oldest first.
    figures
        Metrics of this window.
    done
        What became of a retraining; ``None`` where none has ended yet.
    details, evidently
        File names of the reports beside the page.
    """

    language: str
    model: str
    version: str
    evidence: Evidence
    decision: Decision
    policy: Policy
    past: tuple[PastWindow, ...]
    figures: dict[str, float]
    details: str
    evidently: str
    done: Retrained | None = None


def render_briefing(page: Briefing) -> str:
    """One HTML document with its pictures inside; it fetches nothing and runs no script."""
    words = WORDS[page.language]
    template = files("monitoring.reports").joinpath("stakeholder_report.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    links = {
        name: Markup('<a href="{0}">{0}</a>').format(target)
        for name, target in (("details", page.details), ("evidently", page.evidently))
    }
    moment = page.decision.window.moment
    return environment.from_string(template).render(
        language=HTML_LANGUAGE[page.language],
        words=words,
        colour=COLOURS.get(page.decision.word, UNKNOWN),
        title=words["title"].format(name=page.model),
        version=page.version,
        moment=moment[:10],
        word=words[page.decision.word],
        said=headline(page.evidence, page.decision, page.policy, words),
        since=since_said(page.past, page.decision, words),
        whys=whys(page.evidence, page.decision, page.past, words),
        trends=trends(page.past, page.decision.window, page.figures, words),
        changes=changes(page.evidence, page.language),
        campaign=campaign_said(page.evidence, words),
        done=done_said(page.decision, page.done, words),
        details=Markup(words["details"]).format(**links),
    )
