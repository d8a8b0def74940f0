"""The policy: whose, how far it can be relied on, who decided what."""

from __future__ import annotations

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
from policy_schema.notices.compose import claim_line
from policy_schema.notices.facts import read_ban
from policy_schema.notices.times import span, when


def policy_section(material: Material) -> Html:
    """What is in force, signed by whom, how old; each ban with its decision and its stages."""
    words, policy = material.words, table(material.machine.get("policy"))
    if not policy.get("id"):
        said = words("No policy is in force: nothing is looked for and nothing is done.")
        return section("policy", words("The policy"), tag("p", said))
    organisation = table(material.rulebook.get("organisation"))
    contacts = table(organisation.get("contacts"))
    confirmed = instant(policy.get("confirmed_at"))
    version = words("version {version}", version=policy.get("version"))
    pairs = [
        (words("Organisation"), text(policy, "organisation")),
        (words("Policy"), join([code(text(policy, "id")), " ", version])),
        (words("Signed by"), words(", ").join(texts(policy.get("signers")))),
        (words("Standing"), names.trust(text(policy, "trust"), words)),
        (
            words("Confirmed"),
            words("{span} ago", span=span(max(0, material.now - confirmed), words)) if confirmed else "",
        ),
        (words("Signatures hold until"), _moment(material, policy.get("expires"))),
        (words("Questions"), link(text(contacts, "help"), text(contacts, "help")) if contacts.get("help") else ""),
        (
            words("Security"),
            link(text(contacts, "security"), text(contacts, "security")) if contacts.get("security") else "",
        ),
    ]
    solo = words("One signer alone can change this policy. That is meant for a trial.")
    warnings = [solo] if policy.get("solo") else []
    warnings += [text(policy, key) for key in ("message",) if policy.get(key)]
    bans = [*rows(material.rulebook.get("bans")), *rows(material.rulebook.get("model_bans"))]
    mine = {text(row, "ban") for row in rows(material.own.get("findings"))}
    ordered = sorted(bans, key=lambda ban: (text(ban, "id") not in mine, text(ban, "id")))
    return section(
        "policy",
        words("The policy"),
        facts(pairs),
        *[tag("p", one, class_="warning") for one in warnings],
        listing(sentences(material, texts(material.machine.get("notes"))), class_="notes"),
        tag("h3", words("What it forbids")) if bans else "",
        *[_ban(material, ban, text(ban, "id") in mine) for ban in ordered],
    )


def _ban(material: Material, ban: Values, mine: bool) -> Html:
    words, organisation = material.words, table(material.rulebook.get("organisation"))
    default = text(organisation, "default_language")
    reason, language = in_language(ban.get("reason"), words.language, default)
    try:
        ban_facts = read_ban(organisation, ban, (words.language, default))
        claims = [tag("span", claim_line(claim, words).removeprefix("- ")) for claim in ban_facts.claims]
    except (ValueError, KeyError, TypeError):
        claims = []
    decision = table(ban.get("decision"))
    decided = [
        (words("Decided by"), text(decision, "by")),
        (words("On"), text(decision, "date")),
        (words("Reference"), text(decision, "reference")),
        (words("Looked at again"), text(decision, "review_by")),
    ]
    stages = [
        join([tag("time", when(at, material.zone, words)), tag("div", names.coming(text(stage, "action"), words))])
        for stage in rows(ban.get("stages"))
        if (at := instant(stage.get("from")))
    ]
    notice = ban.get("min_notice")
    fair = (
        words("Nobody is blocked earlier than {span} after being told.", span=span(notice, words))
        if isinstance(notice, int) and notice
        else ""
    )
    badge = tag("span", words("found here"), class_="badge soon") if mine else Html("")
    return folded(
        join([tag("strong", _targets(material, ban)), " ", badge]),
        tag("p", tag("q", reason, lang=language)) if reason else "",
        facts(decided),
        join([tag("h4", words("What it rests on")), listing(claims)]) if claims else "",
        join([tag("h4", words("Stages")), listing(stages, class_="stages")]) if stages else "",
        tag("p", fair) if fair else "",
        open=mine,
    )


def _targets(material: Material, ban: Values) -> str:
    """The names of what a ban forbids."""
    found = [
        " ".join(part for part in (tool_name(material, text(one, "tool")), text(one, "versions")) if part)
        for one in rows(ban.get("targets"))
    ]
    return material.words(", ").join(found or texts(ban.get("families"))) or text(ban, "id")


def _moment(material: Material, value: object) -> str:
    at = instant(value)
    return when(at, material.zone, material.words) if at else ""
