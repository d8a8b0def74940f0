"""The agent's own sentences in the reader's language.

The rulebook, the cases and the brake say why something is as it is in whole English sentences, which stand in logs and
views and are compared by tests. On the page they are read back by their forms and said again; a sentence of no known
form (of an agent of another version) stands as it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import NamedTuple

from agent.report.device_page import names
from agent.report.device_page.html import Html, tag
from agent.report.device_page.material import Material, instant
from policy_schema.notices.times import when
from policy_schema.notices.translate import Words, words_for

_LONGEST = 5_000
"""Characters of a sentence that is looked at; what is longer stands as it came."""
_WRITTEN = {
    "action": r"\w+",
    "before": r"\d+",
    "confidence": r"\w+",
    "matches": r"[a-z, -]+",
    "number": r"\d+",
    "time": r"[0-9TZ:-]+",
    "unknown": r"\(version unknown\)|\S+",
}
"""How some places are written."""


class _Form(NamedTuple):
    """A sentence with places to fill in, for a comparison with what the agent said."""

    pattern: re.Pattern[str]
    number: int


def sentences(material: Material, given: Iterable[str]) -> list[Html]:
    """Each of them as a piece of the page that says which language it is in."""
    return [tag("span", text, lang=language) for text, language in (said(material, one) for one in given)]


def said(material: Material, sentence: str) -> tuple[str, str]:
    """The sentence in the reader's language if its form is known, and the language that it is in."""
    if material.words.language == "en" or len(sentence) > _LONGEST:
        return sentence, "en"
    found = _again(material, sentence, _sentences)
    return (sentence, "en") if found is None else (found, material.words.language)


def _again(material: Material, sentence: str, forms: Callable[[Words], Iterator[str]]) -> str | None:
    for pattern, number in _patterns(forms):
        match = pattern.fullmatch(sentence)
        if match is not None:
            values = {name: _value(material, name, text) for name, text in match.groupdict().items()}
            if None not in values.values():
                return tuple(forms(material.words))[number].format(**values)
    return None


@cache
def _patterns(forms: Callable[[Words], Iterator[str]]) -> tuple[_Form, ...]:
    return tuple(_Form(_pattern(text), number) for number, text in enumerate(forms(words_for(("en",)))))


def _pattern(form: str) -> re.Pattern[str]:
    """A form as a pattern: `{name}` stands for what is written there, anything where that is not known."""
    parts = re.split(r"\{(\w+)\}", form)
    places = (f"(?P<{part}>{_WRITTEN.get(part, '.+?')})" if n % 2 else re.escape(part) for n, part in enumerate(parts))
    return re.compile("".join(places), re.DOTALL)


def _value(material: Material, name: str, text: str) -> str | None:
    """What stands at a place, said again where it is a word of ours; None where it is not of that kind."""
    words = material.words
    match name:
        case "time":
            at = instant(text)
            return when(at, material.zone, words) if at else None
        case "confidence":
            return names.confidence(text, words)
        case "action":
            return names.action(text, words)
        case "matches":
            return words(", ").join(names.match(code, words) for code in text.split(", "))
        case "what":
            return _again(material, text, _what)
        case "why":
            return _again(material, text, _why)
        case "held":
            return _again(material, text, _sentences)
        case "rest":
            return _again(material, text, _rest)
        case "source":
            return _again(material, text, _sources)
        case "unknown":
            return words("version unknown") if text == "(version unknown)" else text
        case _:
            return text


def _sentences(words: Words) -> Iterator[str]:
    ban, number, time, what = "{ban}", "{number}", "{time}", "{what}"
    yield words("Ban {ban}: {what} ({confidence}); {why}", ban=ban, what=what, confidence="{confidence}", why="{why}")
    yield words("Ban {ban} needs a newer agent: it is not carried out.", ban=ban)
    yield words("Ban {ban} is gone from the policy without being lifted, and stays in force.", ban=ban)
    yield words(
        "Ban {ban} is waived for this machine until {time} (exception {word}).", ban=ban, time=time, word="{word}"
    )
    yield words("Ban {ban} is paused until {time}.", ban=ban, time=time)
    yield words("Ban {ban}: {held}", ban=ban, held="{held}")
    yield words("The policy's signatures expired on {time}; it stays in force.", time=time)
    yield words("{number} acts wait for the next minute: only so many are done in one.", number=number)
    yield words("This machine's clock is not believable, so nothing is removed.")
    yield words("It came back {number} times, so it is no longer removed. {rest}", number=number, rest="{rest}")
    yield words("It came back {number} times, so it is no longer removed.", number=number)
    yield words("This machine only observes (its settings say so).")
    yield words("It was put back under this policy version, so it is left alone until another one is in force.")
    yield words("Nothing is stopped or moved before {time}: it is held.", time=time)
    yield words("People get a notice and their time first; nothing is stopped or moved before {time}.", time=time)
    yield words("People get a notice and their time first; nothing is stopped or moved before that.")
    yield words("{who} has paused Interdict on this machine until {time}.", who="{who}", time=time)
    yield words(
        "Safe mode: the agent ended badly several times within ten minutes, so for an hour nothing is stopped or "
        "moved. It acts again at {time}.",
        time=time,
    )
    yield words(
        "The brake holds it: {number} installations match where {before} did before.", number=number, before="{before}"
    )
    yield words(
        "The brake holds it: it refused {number} different programs of the system within a minute.", number=number
    )
    yield words("The guard holds it: it would hit {path}.", path="{path}")
    yield words("The guard holds it: {number} protected programs could not be compared with it in time.", number=number)


def _what(words: Words) -> Iterator[str]:
    tool, name = "{tool}", "{name}"
    yield words("this is {tool} {unknown}, by {matches}", tool=tool, unknown="{unknown}", matches="{matches}")
    yield words("{tool} is configured with the model {model}", tool=tool, model="{model}")
    yield words("{name} is configured to start {tool}", name=name, tool=tool)


def _why(words: Words) -> Iterator[str]:
    action, time, word = "{action}", "{time}", "{word}"
    yield words("{action} since {time}.", action=action, time=time)
    yield words("{action} from {time} on.", action=action, time=time)
    yield words("only what it left behind says so, which is reported and never acted on.")
    yield words("only its name says so, which is reported and never acted on.")
    yield words("it does not name devices of kind {word}.", word=word)
    yield words("it does not name {word} devices.", word=word)
    yield words("it does not name region {word}.", word=word)
    yield words("it names regions and this device's region is not set: reported only.")
    yield words("it names groups and this device's groups are not set: reported only.")
    yield words("this device is in none of the groups that it names.")
    yield words("group {word} is left out.", word=word)
    yield words("exception {word} until {time}.", word=word, time=time)
    yield words("the ban is paused until {time}.", time=time)
    yield words("no step of the rollout takes this device in.")
    yield words("the rollout reaches this device at {time}.", time=time)


def _rest(words: Words) -> Iterator[str]:
    yield words("What brings it back could not be told.")
    yield words("It is likely brought back by {source}: {path}.", source="{source}", path="{path}")


def _sources(words: Words) -> Iterator[str]:
    yield words("a scheduled job")
    yield words("a list of packages to install")
    yield words("a dev container")
    yield words("a repository of settings")
    yield words("the settings sync of an editor")
    yield words("a package manager's own list")
