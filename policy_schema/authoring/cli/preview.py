"""`interdict-policy preview`: what people will read, in each language and at each stage, before anybody signs it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from policy_schema.document.canonical import Json
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.languages import canonical_tag
from policy_schema.document.lint import checked_policy
from policy_schema.errors import BadCommand
from policy_schema.notices.compose import Found, Notice, Occasion, Situation, compose, occasion_of
from policy_schema.notices.language import Reader, full_tag
from policy_schema.notices.page import page_html, page_text
from policy_schema.notices.telling import RESTING
from policy_schema.notices.terminal import terminal_text
from policy_schema.notices.translate import catalogues
from policy_schema.notices.welcome import welcome, welcome_line
from policy_schema.rules.decision import Action
from policy_schema.rules.instant import parse_instant
from policy_schema.rules.relief import Because

NAME = "preview"
HELP = "Shows the notice, the terminal text and the page of each ban, in each language and at each stage."

FOUND = Found(path="/home/li/.nvm/versions/node/v22.1.0/lib/node_modules/example", version="1.2.3", places=2)
"""An invented place: a preview looks at no machine."""


CONFIGURED = Found(path="/home/li/.aider.conf.yml")
CONFIGURED_IN: dict[str, Json] = {"id": "aider", "name": "aider"}
"""For a model ban: an invented setting, of a tool that can be configured with any model."""


class View(NamedTuple):
    """What is shown of one ban for one tool, one language and one stage."""

    title: str
    notice: Notice
    terminal: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `preview` takes."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the policy, in YAML")
    parser.add_argument("--ban", metavar="ID", help="only this ban")
    parser.add_argument("--language", metavar="TAG", help="only this language, such as en or zh-CN")
    parser.add_argument("--stage", choices=[a.value for a in Action if a is not Action.REPORT], help="only this stage")
    parser.add_argument("--format", choices=("html", "text"), default="text", help="html prints the page about the ban")


def run(args: argparse.Namespace) -> int:
    """Prints the previews.

    Raises:
        BadCommand: there is no such ban, or it has no such stage.
        BadFile, BadDocument: the policy cannot be used.
    """
    catalogue = load_catalogue()
    document = close_policy(checked_policy(args.file, catalogue), catalogue).document
    chosen = [ban for ban in bans_of(document) if args.ban in (None, ban["id"])]
    over = [row for row in lifted_of(document) if args.ban in (None, row["id"])]
    if not chosen and not over:
        known = ", ".join(str(ban["id"]) for ban in bans_of(document)) or "none: this policy has no bans"
        raise BadCommand(f"{args.file}: there is no ban {args.ban!r} in it", f"its bans: {known}")
    if args.language is not None and canonical_tag(full_tag(args.language)) is None:
        raise BadCommand(f"{args.language!r} is not a language", "write a tag such as en, zh-Hans or zh-CN")
    everything = args.format == "text" and args.stage is None and args.ban is None
    blocks: list[str] = list(welcome_texts(document, args.language)) if everything else []
    for ban in chosen:
        languages = [args.language] if args.language else languages_of(document, ban)
        blocks += (
            pages_html(document, ban, languages)
            if args.format == "html"
            else texts(document, ban, languages, args.stage)
        )
    if args.format == "text" and args.stage is None:
        blocks += [text for row in over for text in lifted_texts(document, row, args.language)]
    if not blocks:
        raise BadCommand(f"{args.file}: no ban has a stage {args.stage}", "leave --stage out to see all stages")
    print("\n".join(blocks))
    return 0


def texts(
    document: dict[str, Json], ban: dict[str, Json], languages: Sequence[str], stage: str | None
) -> Iterator[str]:
    """Notice and terminal text of each stage, then the page, for each language."""
    for language in languages:
        views = list(views_of(document, ban, language, stage))
        if not views:
            continue
        for view in views:
            yield _rule(view.title)
            yield _framed(view.notice)
            yield "\nOn a terminal:\n" + _indented(view.terminal) + "\n"
        yield _rule(f"{ban['id']}, {language}: the page")
        for tool in tools_of(document, ban):
            yield page_text(_map(document["organisation"]), ban, tool, _situation(ban, Action.NOTIFY, language)) + "\n"


def welcome_texts(document: dict[str, Json], language: str | None) -> Iterator[str]:
    """What everybody reads first, before anything of theirs is reported."""
    organisation = _map(document["organisation"])
    default = str(organisation["default_language"])
    for tag in [language] if language else dict.fromkeys([default, *catalogues()]):
        yield _rule(f"the welcome, {tag}")
        yield _framed(welcome(organisation, Reader((tag,)), reports=True))
        yield "\nOn a terminal:\n" + _indented(welcome_line(organisation, Reader((tag,)))) + "\n"


def lifted_texts(document: dict[str, Json], row: dict[str, Json], language: str | None) -> Iterator[str]:
    """What people read of a ban that is over, who had what it banned. The tool is called by the ban here."""
    organisation, tool = _map(document["organisation"]), {"id": row["id"], "name": row["id"]}
    for tag in [language] if language else languages_of(document, row):
        situation = Situation(Occasion.LIFTED, parse_instant(f"{row['date']}T12:00:00Z"), FOUND, Reader((tag,)))
        yield _rule(f"{row['id']}, {tag}: lifted")
        yield _framed(compose(organisation, row, tool, situation))
        yield "\nOn a terminal:\n" + _indented(terminal_text(organisation, row, tool, situation)) + "\n"


def pages_html(document: dict[str, Json], ban: dict[str, Json], languages: Sequence[str]) -> list[str]:
    """The page of each tool and language, one HTML document after the other."""
    organisation = _map(document["organisation"])
    return [
        page_html(organisation, ban, tool, _situation(ban, Action.NOTIFY, language))
        for language in languages
        for tool in tools_of(document, ban)
    ]


def views_of(document: dict[str, Json], ban: dict[str, Json], language: str, only: str | None) -> Iterator[View]:
    """Each stage that tells people something, and the countdown, for each tool of a ban."""
    organisation = _map(document["organisation"])
    for tool in [CONFIGURED_IN] if "families" in ban else tools_of(document, ban):
        for action in stages_of(ban):
            if action is Action.REPORT or only not in (None, action.value):
                continue
            for name, situation in _situations(ban, action, language, narrowed=_narrowed(ban, tool)):
                title = f"{ban['id']}, {tool['name']}, {language}: {name}"
                yield View(
                    title,
                    compose(organisation, ban, tool, situation),
                    terminal_text(organisation, ban, tool, situation),
                )


def _situations(
    ban: dict[str, Json], action: Action, language: str, *, narrowed: bool
) -> Iterator[tuple[str, Situation]]:
    yield action.value, _situation(ban, action, language)
    if action is Action.BLOCK:
        begun = _situation(ban, action, language)
        yield "countdown", begun._replace(occasion=Occasion.FINISHING, until=begun.now + 15 * 60)
        yield "stopped", begun._replace(occasion=Occasion.STOPPED)
        yield "in a project", begun._replace(occasion=Occasion.IN_PROJECT)
        until = begun.now + 30 * 86_400
        yield from ((rest.value, begun._replace(occasion=rest, until=until)) for rest in RESTING)
        yield from (
            (f"after {rest.value}", begun._replace(after=rest)) for rest in RESTING if rest is not Occasion.LAPSING
        )
        before = begun._replace(now=begun.now - 86_400, until=begun.now)
        yield "a day before", before._replace(occasion=Occasion.SOON_BLOCKED)
        yield "a request that was refused", before._replace(occasion=Occasion.REFUSED, because=Because.ALTERNATIVE)
        yield "a request that nobody granted", begun._replace(occasion=Occasion.UNANSWERED)
    if action is Action.REMOVE:
        begun = _situation(ban, action, language)
        before = begun._replace(now=begun.now - 86_400, until=begun.now)
        yield "a day before", before._replace(occasion=Occasion.SOON_REMOVED)
        yield "removed", begun._replace(occasion=Occasion.REMOVED)
        yield "given back", begun._replace(occasion=Occasion.RESTORED)
        if narrowed:
            yield "a version that is no longer meant", begun._replace(occasion=Occasion.NARROWED)


def _narrowed(ban: dict[str, Json], tool: dict[str, Json]) -> bool:
    """Does it mean some versions of the tool only?"""
    rows = [_map(target) for target in _list(ban.get("targets") or [])]
    return any(row["tool"] == tool["id"] and row["versions"] for row in rows)


def _situation(ban: dict[str, Json], action: Action, language: str) -> Situation:
    """The stage has just begun, and the person was told when the first one did."""
    starts = {Action(str(s["action"])): parse_instant(str(s["from"])) for s in map(_map, _list(ban["stages"]))}
    first = min(starts.values())
    families = [str(family) for family in _list(ban.get("families") or [])]
    return Situation(
        occasion=Occasion.CONFIGURED if families else occasion_of(action),
        now=starts.get(action, first),
        found=CONFIGURED._replace(model=families[0]) if families else FOUND,
        reader=Reader((language,)),
        told=first,
    )


def bans_of(document: dict[str, Json]) -> list[dict[str, Json]]:
    """The bans of a closed document, those of models behind those of tools."""
    return [_map(ban) for kind in ("bans", "model_bans") for ban in _list(document[kind])]


def lifted_of(document: dict[str, Json]) -> list[dict[str, Json]]:
    """The bans that are over."""
    return [_map(row) for row in _list(document["lifted"])]


def tools_of(document: dict[str, Json], ban: dict[str, Json]) -> list[dict[str, Json]]:
    """The tools that a ban aims at, each once; for a model ban its families together."""
    if "families" in ban:
        return [{"id": ban["id"], "name": ", ".join(str(family) for family in _list(ban["families"]))}]
    names = dict.fromkeys(str(_map(target)["tool"]) for target in _list(ban["targets"]))
    return [_map(_map(document["tools"])[name]) for name in names]


def stages_of(ban: dict[str, Json]) -> list[Action]:
    """The actions of a ban's stages, in order."""
    return [Action(str(_map(stage)["action"])) for stage in _list(ban["stages"])]


def languages_of(document: dict[str, Json], ban: dict[str, Json]) -> list[str]:
    """Every language that the ban has a reason in, and those that notices are written in."""
    default = str(_map(document["organisation"])["default_language"])
    return list(dict.fromkeys([default, *_map(ban["reason"]), *catalogues()]))


def _rule(title: str) -> str:
    return f"=== {title} " + "=" * max(0, 100 - len(title))


def _framed(notice: Notice) -> str:
    buttons = "  ".join(f"[{button.label}]" for button in notice.buttons)
    return "\n".join([notice.title, "-" * 40, notice.body, *([buttons] if buttons else [])])


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _map(value: Json) -> dict[str, Json]:
    assert isinstance(value, dict)
    return value


def _list(value: Json) -> list[Json]:
    assert isinstance(value, list)
    return value
