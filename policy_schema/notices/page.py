"""The page about one ban: everything there is to say, for `preview` and for whoever wants more than a notice."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import NamedTuple

from policy_schema.notices.compose import claim_line
from policy_schema.notices.facts import Link, Values
from policy_schema.notices.telling import Situation, Telling, telling
from policy_schema.notices.times import span, when, zone_name
from policy_schema.rules.decision import Action

_STYLE = "main{max-width:42rem;margin:2rem auto;padding:0 1rem;font:1rem/1.5 sans-serif}h2{font-size:1.1rem}"


class Section(NamedTuple):
    """A heading with lines and addresses."""

    heading: str
    lines: tuple[str, ...]
    links: tuple[Link, ...] = ()


def page_text(organisation: Values, ban: Values, tool: Values, situation: Situation) -> str:
    """The page as plain text."""
    made = telling(organisation, ban, tool, situation)
    parts = [heading(made)]
    for section in sections(made):
        links = [made.words("{title}: {url}", title=link.title, url=link.url) for link in section.links]
        parts.append("\n".join([section.heading, *(f"  {line}" for line in (*section.lines, *links))]))
    return "\n\n".join(parts)


def page_html(organisation: Values, ban: Values, tool: Values, situation: Situation) -> str:
    """The page as one HTML document without scripts, styles from elsewhere or pictures."""
    made = telling(organisation, ban, tool, situation)
    body = "\n".join(_section_html(section) for section in sections(made))
    title = html.escape(heading(made))
    return (
        f'<!doctype html>\n<html lang="{html.escape(made.words.language)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def heading(made: Telling) -> str:
    """What the page is about."""
    return made.words("{tool} at {organisation}", tool=made.tool, organisation=made.ban.organisation)


def sections(made: Telling) -> Iterator[Section]:
    """The parts of the page, in the order in which people ask."""
    words, ban = made.words, made.ban
    yield Section(words("Why"), (ban.reason, *(claim_line(claim, words) for claim in ban.claims)), _sources(made))
    yield Section(words("What happens when"), tuple(_timetable(made)))
    if ban.alternatives:
        yield Section(words("What to use instead"), (), ban.alternatives)
    if ban.links or ban.help:
        help_link = (Link(words("Questions, exceptions, objections"), ban.help),) if ban.help else ()
        yield Section(words("Help"), (), (*ban.links, *help_link))
    if ban.decided_by:
        decided = words("Decided by {who}.", who=ban.decided_by)
        reference = words("Reference: {reference}.", reference=ban.reference) if ban.reference else ""
        yield Section(words("Who decided"), tuple(line for line in (decided, reference) if line))
    yield Section(
        words("What this says about you"),
        (
            words("That a model is configured does not show that anybody used it.")
            if ban.families
            else words("That a program is installed does not show that anybody used it."),
            words("`interdict status` shows what was found on your machine, `interdict sent` every word that left it."),
        ),
    )


def _sources(made: Telling) -> tuple[Link, ...]:
    return tuple(Link(made.words("Source"), claim.source) for claim in made.ban.claims if claim.source)


def _timetable(made: Telling) -> Iterator[str]:
    words, ban = made.words, made.ban
    sentences = {
        Action.REPORT: words("It is counted; nothing else happens."),
        Action.NOTIFY: words("People who have it configured are told.")
        if ban.families
        else words("People who have it are told."),
        Action.BLOCK: words("It can no longer be started; what runs may finish."),
        Action.REMOVE: words("It is put aside; nothing is deleted, and it can be put back."),
    }
    for action in Action:
        if action in ban.stages:
            time = when(ban.stages[action], ban.zone, words)
            yield words("{time}: {what}", time=time, what=sentences[action])
    if ban.min_notice and any(action in ban.stages for action in (Action.BLOCK, Action.REMOVE)):
        yield words("Nobody is blocked earlier than {span} after being told.", span=span(ban.min_notice, words))
    yield words("Times are those of {zone}.", zone=zone_name(ban.zone))


def _section_html(section: Section) -> str:
    lines = "".join(f"<p>{html.escape(line)}</p>\n" for line in section.lines)
    links = "".join(
        f'<p><a rel="noreferrer" href="{html.escape(link.url)}">{html.escape(link.title)}</a> '
        f"<small>{html.escape(link.url)}</small></p>\n"
        for link in section.links
    )
    return f"<section>\n<h2>{html.escape(section.heading)}</h2>\n{lines}{links}</section>"
