"""The welcome: who installed this, what it looks at and what never, and where everything can be seen. Of no ban."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policy_schema.notices.compose import Button, Notice
from policy_schema.notices.facts import Values
from policy_schema.notices.language import Reader
from policy_schema.notices.telling import plain_ascii
from policy_schema.notices.terminal import bounded
from policy_schema.notices.translate import Words, words_for

PAGE = "interdict status --html"


def welcome(organisation: Values, reader: Reader, *, reports: bool) -> Notice:
    """The notice. `reports`: whether anything is sent to anybody."""
    words, name = _read(organisation, reader)
    title = words("{organisation} has installed Interdict", organisation=name)
    body = "\n".join(_lines(organisation, words, name, reports))
    if reader.ascii_only:
        title, body = plain_ascii(title), plain_ascii(body)
    return Notice(title, body, (Button("details", words("Details")),), words.language)


def welcome_line(organisation: Values, reader: Reader) -> str:
    """The same in two lines for a terminal, without a line feed at the end."""
    words, name = _read(organisation, reader)
    first = words(
        "{organisation} has installed Interdict here: it looks for software that its policy does not allow, and tells "
        "you before anything happens.",
        organisation=name,
    )
    text = f"{first}\n{words('What it looks at, did and sent: {command}', command=PAGE)}"
    return bounded(plain_ascii(text) if reader.ascii_only else text)


def _lines(organisation: Values, words: Words, name: str, reports: bool) -> Iterator[str]:
    yield words("It looks for software that the policy does not allow, and tells you before anything happens.")
    yield words("What it looks at, did and sent: {command}", command=PAGE)
    contacts = organisation.get("contacts")
    if isinstance(contacts, Mapping) and contacts.get("help"):
        yield words("Questions: {url}", url=contacts["help"])
    # What follows is on that page too: small notices of some desktops end where their window does.
    yield words(
        "It looks at: names, versions and places of installed packages, extensions and programs, which programs run, "
        "and which models and servers the settings of AI tools name."
    )
    yield words(
        "It never looks at: your documents, mail, chats and pictures; what you type, your screen and your histories; "
        "passwords, keys and tokens; what you asked an AI tool; where you are."
    )
    if reports:
        yield words(
            "From now on it reports to {organisation} which banned software is found: no places, no command lines.",
            organisation=name,
        )
    else:
        yield words("Nothing is reported to anybody.")


def _read(organisation: Values, reader: Reader) -> tuple[Words, str]:
    wanted = (*reader.languages, str(organisation.get("default_language") or "en"))
    return words_for(wanted), str(organisation.get("name"))
