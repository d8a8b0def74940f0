"""What was put aside, and how it comes back."""

from __future__ import annotations

from agent.report.device_page import names
from agent.report.device_page.html import Html, code, facts, join, listing, section, tag
from agent.report.device_page.material import Material, Values, instant, rows, text, tool_name
from policy_schema.notices.times import when

_TAKEN = ("quarantined", "uninstalled")
_BACK = "restored"


def kept_section(material: Material) -> Html:
    """One card for each thing in quarantine, with the command that puts it back."""
    words = material.words
    things = list(material.held) or remembered(material)
    heading = words("What was put aside")
    if not things:
        return section("kept", heading, tag("p", words("Nothing was put aside.")))
    lost = tag("p", words("Nothing is deleted. Root can put everything back, exactly as it was."), class_="quiet")
    return section("kept", heading, lost, *[_card(material, thing) for thing in things])


def remembered(material: Material) -> list[Values]:
    """For who cannot read the vaults: what the agent told them it took, but for what came back since."""
    found: dict[str, Values] = {}
    for row in rows(material.own.get("history")):
        if text(row, "result") in _TAKEN:
            state = "sealed" if row.get("quarantine") else "moved"
            found[text(row, "path")] = {**row, "id": text(row, "quarantine"), "state": state}
        elif text(row, "result") == _BACK and text(row, "path") in found:
            found[text(row, "path")] = {**found[text(row, "path")], "state": _BACK}
    return list(found.values())


def _card(material: Material, thing: Values) -> Html:
    words, at = material.words, instant(thing.get("at"))
    state, name = text(thing, "state"), text(thing, "id")
    pairs = [
        (words("Was at"), code(text(thing, "path"))),
        (words("Since"), when(at, material.zone, words) if at else ""),
        (words("Ban"), code(text(thing, "ban"))),
        (words("How it stands"), names.held(state, words)),
        (words("Put back to"), code(text(thing, "restored_to")) if thing.get("restored_to") else ""),
    ]
    back = Html("")
    if name and state not in ("restored", "purged", "purging"):
        command = code("sudo " + material.command("quarantine", "restore", name))
        ask = (
            words("To put it back:") if material.everything else words("To put it back, ask your administrator to run:")
        )
        back = join([tag("p", ask), listing([command], class_="commands")])
    heading = join([tool_name(material, text(thing, "tool")), " ", tag("span", name, class_="version")])
    return tag("article", tag("h3", heading), facts(pairs), back, class_="card rest")
