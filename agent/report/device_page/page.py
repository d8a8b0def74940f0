"""The whole page: head, summary, list of contents, sections."""

from __future__ import annotations

from agent.report.device_page.found import asked_section, coming_section, findings, found_section, name, next_step
from agent.report.device_page.html import Html, code, join, tag, visible
from agent.report.device_page.kept import kept_section, remembered
from agent.report.device_page.looked import looked_section
from agent.report.device_page.material import Material, instant, rows, table, text
from agent.report.device_page.names import action
from agent.report.device_page.policy import policy_section
from agent.report.device_page.sent import sent_section
from agent.report.device_page.style import STYLE
from policy_schema.notices.times import span, when

CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""Whatever should ever slip in: the browser loads nothing, runs nothing, sends nothing."""


def device_page(material: Material) -> str:
    """One HTML document."""
    words = material.words
    head = tag(
        "head",
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}">'),
        Html('<meta name="viewport" content="width=device-width,initial-scale=1">'),
        Html('<meta name="robots" content="noindex">'),
        Html('<link rel="icon" href="data:,">'),
        tag("title", words("My device"), " - ", _standing(material)),
        tag("style", Html(STYLE)),
    )
    body = tag(
        "body",
        tag("a", words("Skip to the content"), href="#content", class_="skip"),
        _header(material),
        tag("div", _contents(material), _sections(material), class_="frame"),
        _footer(material),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang=words.language)}\n"


def _standing(material: Material) -> str:
    """How it stands, in one sentence."""
    words = material.words
    if not table(material.machine.get("policy")).get("id"):
        return words("No policy is in force")
    here = {text(row, "tool") for row in findings(material) if text(row, "state") not in ("weak", "lifted")}
    here -= {text(row, "tool") for row in findings(material) if text(row, "state") == "excepted"}
    if not here:
        return words("Nothing here is against the policy")
    return words.plural("{number} tool here is not allowed", "{number} tools here are not allowed", len(here))


def _header(material: Material) -> Html:
    words, policy = material.words, table(material.machine.get("policy"))
    organisation = text(policy, "organisation")
    over = words("My device at {organisation}", organisation=organisation) if organisation else words("My device")
    return tag(
        "header", tag("p", over, class_="over"), tag("h1", _standing(material)), _banner(material), *_health(material)
    )


def _banner(material: Material) -> Html:
    """The next deadline, as large as it is near."""
    words, step = material.words, next_step(material)
    if step is None:
        strict = [row for row in findings(material) if text(row, "action") in ("block", "remove")]
        told = any(text(row, "action") == "notify" for row in findings(material))
        rest = tag("strong", words("Nothing more is going to happen by itself."))
        if strict:
            said = words(
                "{tool}: {what}", tool=name(material, strict[0]), what=action(text(strict[0], "action"), words)
            )
            return tag("p", tag("strong", said), class_="banner strict")
        return tag("p", rest, class_=f"banner {'soon' if told else 'calm'}")
    at, who, what = step
    left = words("in {span}", span=span(at - material.now, words))
    near = "strict" if at - material.now < 3 * 86_400 else "soon"
    said = words("{tool}: {what}", tool=who, what=what)
    return tag(
        "p",
        tag("strong", when(at, material.zone, words), " · ", left),
        tag("span", said),
        class_=f"banner {near}",
    )


def _health(material: Material) -> list[Html]:
    """What is wrong with the agent, for who can mend it."""
    found = rows(material.machine.get("health"))
    return [tag("p", f"{text(row, 'what')}. {text(row, 'advice')}", class_="warning", lang="en") for row in found]


def _contents(material: Material) -> Html:
    words = material.words
    held = list(material.held) or remembered(material)
    counts: list[tuple[str, str, int | None]] = [
        ("found", words("What was found"), len(findings(material))),
        ("coming", words("What comes when"), None),
        ("policy", words("The policy"), None),
        ("asked", words("Exceptions and requests"), None),
        ("kept", words("What was put aside"), len(held)),
        ("looked", words("What is looked at"), None),
        ("sent", words("What was sent"), len(rows(material.own.get("reports"))) if material.server else None),
    ]
    items = []
    for anchor, title, count in counts:
        number = [" ", tag("span", str(count), class_="count")] if count else []
        items.append(tag("li", tag("a", title, *number, href=f"#{anchor}")))
    return tag("nav", tag("ul", *items), aria_label=words("On this page"))


def _sections(material: Material) -> Html:
    made = (
        found_section(material),
        coming_section(material),
        policy_section(material),
        asked_section(material),
        kept_section(material),
        looked_section(material),
        sent_section(material),
    )
    return tag("main", *made, id="content", tabindex="-1")


def _footer(material: Material) -> Html:
    words = material.words
    written = instant(material.machine.get("generated_at"))
    lines = [
        words("Made on this machine on {time}, for everything on it.", time=_moment(material, material.now))
        if material.everything
        else words(
            "Made on this machine on {time}, for you alone: it shows what concerns you.",
            time=_moment(material, material.now),
        ),
        words("The agent last wrote on {time}.", time=_moment(material, written)) if written else "",
        words("This page holds no script, loads nothing and sends nothing."),
    ]
    agent = words("Interdict {version}", version=visible(text(material.machine, "agent")))
    device = text(table(material.machine.get("device")), "id")
    known = join([words("this machine is"), " ", code(device)]) if device else Html("")
    return tag(
        "footer", *[tag("p", line) for line in lines if line], tag("p", agent, words("; ") if device else "", known)
    )


def _moment(material: Material, at: int) -> str:
    return when(at, material.zone, material.words)
