"""What people read about decisions: why one cannot be taken, and why a request was refused. Marked for translation."""

from __future__ import annotations

from typing import Final

from console.errors import ConsoleError
from console.web.languages import mark as _
from policy_schema.rules.relief import Because

STATEMENT: Final = _("I did not ask for this, and none of these devices is mine.")
"""What whoever approves ticks; it is kept with the exception, in these words."""

SENTENCES: Final[dict[str, str]] = {
    "asker": _("Say who asked for it."),
    "ban": _("The policy in force has no ban %(ban)s: there is nothing to except from."),
    "day": _("Write the last day as 2026-08-31."),
    "days": _("The policy allows %(days)s days at most."),
    "decided": _("%(who)s has decided already: %(verdict)s."),
    "device": _("There is no device %(device)s that you may decide on."),
    "devices": _("An exception is for 1 to %(most)s devices of one person."),
    "exception": _("There is no exception %(name)s that you may decide on."),
    "hours": _("The policy allows a pause of %(hours)s hours at most."),
    "meanwhile": _("Somebody else has decided at the same moment. Look again."),
    "name": _("%(number)s devices are called %(device)s: use the id of one."),
    "not-paused": _("%(ban)s is not paused."),
    "nothing": _("Tick the requests that you mean."),
    "objection": _("An objection is not refused: note that you looked at it."),
    "over": _("The last day is over already."),
    "own": _("%(device)s is yours: nobody approves their own."),
    "own-name": _("Nobody approves their own: somebody else decides."),
    "paused": _("%(ban)s is paused already: lift that pause first."),
    "reason": _("Say why, in up to %(most)s characters: the reason stays in the record."),
    "request": _("There is no such request that you may decide on."),
    "some-groups": _("A pause is for the whole fleet, and you decide for some groups only."),
    "statement": _("Whoever approves states: %(statement)s"),
    "withdrawn": _("%(name)s is over already."),
    "wish": _("A request for an exception is approved or refused."),
}

BECAUSE: Final[dict[str, str]] = {
    Because.ALTERNATIVE.value: _("what the policy names in its place does the same"),
    Because.REASON.value: _("the reason does not show why nothing else will do"),
    Because.RISK.value: _("the risk is too high, whatever the reason"),
    Because.DEVICE.value: _("not on this device"),
    Because.ASK.value: _("the people behind the help address will say more"),
}
"""The closed list of reasons that a person hears; everything else stays in the record here."""


class NotDecided(ConsoleError):
    """A decision cannot be taken. `text` and `values` are its sentence, for the page to translate."""

    default_advice = "Nothing was changed."

    def __init__(self, code: str, **values: object) -> None:
        self.text = SENTENCES[code]
        self.values = {name: str(value)[:120] for name, value in values.items()}
        super().__init__(self.text % self.values)
