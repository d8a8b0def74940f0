"""What was found, what comes when, what was asked for."""

from __future__ import annotations

from collections.abc import Iterator

from agent.report.device_page import names
from agent.report.device_page.html import Html, code, facts, folded, join, link, listing, section, tag
from agent.report.device_page.material import (
    Material,
    Values,
    in_language,
    instant,
    rows,
    table,
    text,
    texts,
    tool_name,
)
from agent.report.device_page.sentences import sentences
from policy_schema.notices.times import when, zone_name
from policy_schema.rules.instant import format_instant

_REQUESTS = ("asked", "put-off")


def findings(material: Material) -> list[Values]:
    """What was found, the strictest first, what is not sure last."""
    order = ("remove", "block", "notify", "report")

    def rank(row: Values) -> tuple[bool, int, str, str]:
        action = text(row, "action")
        return (
            text(row, "state") == "weak",
            order.index(action) if action in order else 9,
            name(material, row),
            str(row),
        )

    return sorted(rows(material.own.get("findings")), key=rank)


def name(material: Material, row: Values) -> str:
    """The tool's name as people know it."""
    return tool_name(material, text(row, "tool"))


def found_section(material: Material) -> Html:
    """One card for each finding."""
    words = material.words
    cards = [_card(material, row) for row in findings(material)]
    if not cards:
        return section(
            "found", words("What was found"), tag("p", words("Nothing that a policy forbids was found here."))
        )
    proof = words("A finding says that software is here. It is no proof that anybody used it.")
    return section("found", words("What was found"), tag("p", proof, class_="quiet"), *cards)


def _card(material: Material, row: Values) -> Html:
    words, action = material.words, text(row, "action")
    heading = join([name(material, row), " ", tag("span", text(row, "version"), class_="version")])
    resting = text(row, "state") in ("excepted", "paused", "held", "lifted", "out-of-scope", "not-in-rollout", "weak")
    stands = names.state(text(row, "state"), words) if resting else names.action(action, words)
    badge = tag("span", stands, class_=f"badge {'rest' if resting else _tone(action)}")
    face = names.face(text(row, "face"), words)
    setting = text(row, "setting").removeprefix("model:").removeprefix("mcp:")
    matches = words("; ").join(names.match(one, words) for one in texts(row.get("matches")))
    recognised = words("{by} ({sure})", by=matches, sure=names.confidence(text(row, "confidence"), words))
    pairs = [
        (words("Where"), code(text(row, "path")) if row.get("path") else ""),
        (words("Says"), code(setting) if setting else ""),
        (words("What it is"), words("{what}, process {pid}", what=face, pid=row["pid"]) if row.get("pid") else face),
        (words("Whose"), text(row, "owner") if material.everything else ""),
        (words("Recognised by"), recognised if matches else ""),
        (words("Now"), names.state(text(row, "state"), words)),
        (words("Last done"), names.outcome(text(row, "outcome"), words) if row.get("outcome") else ""),
        (words("First seen"), _moment(material, row.get("since"))),
    ]
    parts = [
        tag("div", tag("h3", heading), badge, class_="top"),
        facts(pairs),
        _next(material, row),
        _why(material, row),
    ]
    return tag("article", *parts, _more(material, row), class_=f"card {'rest' if resting else _tone(action)}")


def _tone(action: str) -> str:
    return {"block": "strict", "remove": "strict", "notify": "soon"}.get(action, "rest")


def _next(material: Material, row: Values) -> Html:
    """What comes next of itself, and what to use instead."""
    words, following = material.words, table(row.get("next"))
    lines: list[Html] = []
    if instant(following.get("from")):
        time = tag("strong", _moment(material, following.get("from")))
        lines.append(tag("p", words("Next:"), " ", time, words(": "), names.coming(text(following, "action"), words)))
    instead = [link(text(one, "name"), text(one, "url")) for one in rows(row.get("alternatives"))]
    if instead:
        lines.append(tag("p", words("Use instead:"), " ", join(_between(instead, words(", ")))))
    return join(lines)


def _why(material: Material, row: Values) -> Html:
    """The reason in the policy's own words, and who decided."""
    words, ban = material.words, _ban(material, text(row, "ban"))
    reason, language = in_language(ban.get("reason"), words.language, _default(material))
    if not reason:
        return Html("")
    decision = table(ban.get("decision"))
    decided = text(decision, "by") and words("decided by {who}", who=text(decision, "by"))
    return tag("p", tag("q", reason, lang=language), *([" ", tag("small", "(", decided, ")")] if decided else []))


def _more(material: Material, row: Values) -> Html:
    """What exactly the agent says about it, and the commands that go with it."""
    words = material.words
    why = listing(sentences(material, texts(row.get("why"))))
    target = text(row, "path")
    commands = [code(material.command("explain", _quoted(target)))] if target else []
    commands.append(code(material.command("request-exception", _quoted(text(row, "ban")))))
    commands.append(code(material.command("report-wrong", _quoted(text(row, "id")))))
    pairs = [(words("Finding"), code(text(row, "id"))), (words("Ban"), code(text(row, "ban")))]
    purl = [(words("Package"), code(text(row, "purl")))] if row.get("purl") else []
    object_to_it = join([tag("h4", words("Look closer, or object")), listing(commands, class_="commands")])
    return folded(words("Details and what you can do"), why, facts([*pairs, *purl]), object_to_it)


def coming_section(material: Material) -> Html:
    """What happens when, the next first."""
    words = material.words
    steps = sorted(_steps(material), key=lambda step: step[0])
    if not steps:
        return section("coming", words("What comes when"), tag("p", words("Nothing is going to happen by itself.")))
    items = [
        tag("li", tag("time", when(at, material.zone, words), datetime=_iso(at)), tag("strong", who), tag("span", what))
        for at, who, what in steps
    ]
    zone = tag("p", words("Times are those of {zone}.", zone=zone_name(material.zone)), class_="quiet")
    return section("coming", words("What comes when"), tag("ol", *items, class_="timeline"), zone)


def next_step(material: Material) -> tuple[int, str, str] | None:
    """The next thing that happens by itself: when, to what, what."""
    return min(_steps(material), default=None, key=lambda step: step[0])


def _steps(material: Material) -> Iterator[tuple[int, str, str]]:
    """Everything that is to come about what was found here, each once."""
    words = material.words
    steps = {step: None for row in findings(material) for step in _steps_of(material, row) if step[0] > material.now}
    yield from steps
    for key, what in (("paused_until", words("The pause ends.")), ("rests_until", words("The agent acts again."))):
        at = instant(material.machine.get(key))
        if at > material.now:
            yield at, words("This machine"), what


def _steps_of(material: Material, row: Values) -> Iterator[tuple[int, str, str]]:
    """The end of its exception; else what comes next, and the stages of its ban behind that."""
    words, tool, following = material.words, name(material, row), table(row.get("next"))
    if instant(row.get("exception_until")):
        yield instant(row.get("exception_until")), tool, words("Your exception ends.")
        return
    if instant(row.get("held_until")):
        yield instant(row.get("held_until")), tool, words("What holds it ends.")
    if instant(row.get("finish_until")):
        yield instant(row.get("finish_until")), tool, words("What runs is ended. Please save your work in it before.")
    first = instant(following.get("from"))
    if not first:
        return
    yield first, tool, names.coming(text(following, "action"), words)
    for stage in rows(_ban(material, text(row, "ban")).get("stages")):
        if instant(stage.get("from")) > first:
            yield instant(stage.get("from")), tool, names.coming(text(stage, "action"), words)


def asked_section(material: Material) -> Html:
    """Exceptions, pauses, and what was asked for."""
    words, policy = material.words, table(material.machine.get("policy"))
    granted = [join([_until(material, one), " ", code(text(one, "id"))]) for one in rows(policy.get("exceptions"))]
    pauses = [_until(material, one) for one in rows(policy.get("pauses"))]
    asked = [_request(material, one) for one in rows(material.own.get("history")) if text(one, "event") in _REQUESTS]
    parts = [
        (words("Exceptions of this machine"), granted),
        (words("Bans that rest for everybody"), pauses),
        (words("What you asked for") if not material.everything else words("What was asked for"), asked[::-1]),
    ]
    shown = [join([tag("h3", heading), listing(items)]) for heading, items in parts if items]
    how = join(
        [
            tag("p", words("To ask for an exception:")),
            listing([code(material.command("request-exception", "BAN"))], class_="commands"),
        ]
    )
    none = tag("p", words("There is no exception, no pause and no request."))
    return section("asked", words("Exceptions and requests"), *(shown or [none]), how)


def _until(material: Material, row: Values) -> Html:
    end = material.words("until {time}", time=_moment(material, row.get("until")))
    return join([tag("strong", text(row, "ban")), " ", end])


def _request(material: Material, row: Values) -> Html:
    words = material.words
    what = {
        "exception": words("an exception from {what}", what=text(row, "ban")),
        "wrong": words("{what} reported as wrong", what=text(row, "finding")),
        "remove": words("{what} removed at once", what=text(row, "finding") or text(row, "ban")),
    }.get(text(row, "kind"), words("to be reminded of {what} another day", what=text(row, "ban")))
    reason = [tag("q", text(row, "reason"))] if row.get("reason") else []
    return join(
        [tag("time", _moment(material, row.get("at")), datetime=text(row, "at")), words(": "), what, " ", *reason]
    )


def _ban(material: Material, wanted: str) -> Values:
    bans = [*rows(material.rulebook.get("bans")), *rows(material.rulebook.get("model_bans"))]
    return next((one for one in bans if text(one, "id") == wanted), {})


def _default(material: Material) -> str:
    return text(table(material.rulebook.get("organisation")), "default_language")


def _moment(material: Material, value: object) -> str:
    at = instant(value)
    return when(at, material.zone, material.words) if at else ""


def _iso(at: int) -> str:
    return format_instant(at)


def _between(items: list[Html], gap: str) -> list[str]:
    return [part for item in items for part in (gap, item)][1:]


def _quoted(argument: str) -> str:
    """As it is typed in a shell."""
    plain = argument and all(c.isascii() and (c.isalnum() or c in "/._-@:%+=,~") for c in argument)
    return argument if plain else "'" + argument.replace("'", "'\\''") + "'"
