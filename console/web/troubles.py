"""What is wrong with the policy, in the viewer's language: sentences of refusals and of `console/policy`. Pure.

A message is one of the known sentences, or one with what it was in this case in brackets; what is not known stays as
it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from console.web.languages import mark as _
from policy_schema.trust.refusal import ADVICE, SENTENCES

_OF_THE_CONSOLE: Final = (
    _("This console follows no policy"),
    _("Name source and trust_root under [policy] in console.toml, as docs/exceptions.md says."),
    _("The policy was not looked at yet"),
    _("Wait a minute."),
    _("Look at it on the page Exceptions."),
    _("Sign and publish again: docs/publishing.md."),
    _("Devices keep the exceptions they know. See `interdict-policy verify`."),
)
_WITH_VALUES: Final = (
    (r"The brake of the fleet: (?P<ban>.+)", _("The brake of the fleet: %(ban)s")),
    (r"(?P<ban>.+) is paused for everybody", _("%(ban)s is paused for everybody")),
    (
        r"The (?P<role>.+) signatures end in (?P<days>\d+) days",
        _("The %(role)s signatures end in %(days)s days"),
    ),
)
_PLAIN: Final = frozenset((*SENTENCES.values(), *ADVICE.values(), *_OF_THE_CONSOLE))


def texts() -> frozenset[str]:
    """Every text here that is looked up in the catalogue."""
    return _PLAIN | {text for _pattern, text in _WITH_VALUES}


def sentence(text: str, gettext: Callable[[str], str]) -> str:
    """A message or an advice in the viewer's language."""
    if text in _PLAIN:
        return gettext(text)
    for pattern, message in _WITH_VALUES:
        if (found := re.fullmatch(pattern, text)) is not None:
            return gettext(message) % found.groupdict()
    head, bracket, detail = text.partition(" (")
    return f"{gettext(head)} ({detail}" if bracket and head in _PLAIN else text
