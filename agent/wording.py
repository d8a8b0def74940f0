"""From a wish to the words of its notice: the policy's own text, in the language of the person whom it concerns."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.cases import Kind, Wish
from agent.decider import Current
from agent.enforce.interface import Words
from agent.findings import shown
from agent.persons import About
from agent.settings import Settings
from policy_schema.notices.compose import Found, Occasion, Situation, compose, occasion_of
from policy_schema.notices.facts import Values
from policy_schema.notices.language import Reader
from policy_schema.notices.signpost import signpost
from policy_schema.notices.terminal import terminal_text
from policy_schema.notices.welcome import welcome, welcome_line
from policy_schema.rules.decision import Action, State
from policy_schema.rules.instant import Instant
from policy_schema.rules.models import MODEL
from policy_schema.rules.observation import Face
from policy_schema.rules.rulebook import DeviceRules

Person = Callable[[str, str, int], Instant | None]
"""When this person was first shown a notice of this ban of this tool (ban, tool, uid)."""
Places = Callable[[str, str], int]
"""How many installations of this tool this ban matches."""
_CONSOLE = Reader(("en",), ascii_only=True)


class Wording:
    """Composes notices. `rules` are read anew each time: a policy may have changed since."""

    def __init__(
        self,
        *,
        settings: Settings,
        rules: Callable[[], DeviceRules | None],
        told: Person,
        places: Places,
        languages: Callable[[int], tuple[str, ...]] = lambda uid: (),
    ) -> None:
        """`languages` are what a person's session prefers, best first; empty when it has not said."""
        self._languages, self._default = languages, (settings.language,) if settings.language else ()
        self._reports = bool(settings.server)
        self._rules = rules
        self._told = told
        self._places = places

    def __call__(self, row: Current, wish: Wish, now: Instant) -> Words:
        """Title, body and two lines for a terminal."""
        rules = self._rules()
        if rules is None:
            return Words()
        book = rules.book
        subject = row.subject
        if wish.about is About.WELCOME:
            return self._welcome(book.organisation, subject.uid)
        ban = next((one.text for one in book.bans if one.id == subject.ban), book.lifted.get(subject.ban, {}))
        tool = book.tool_entries.get(subject.tool)
        situation = Situation(
            occasion=_occasion(row, wish),
            now=now,
            found=_found(row, self._places(subject.ban, subject.tool)),
            reader=self._reader(subject.uid),
            told=self._told(subject.ban, subject.tool, subject.uid),
            admitted=rules.admitted(subject.ban) or 0,
            until=wish.finish_until,
            after=_OCCASIONS.get(wish.after),
            because=subject.version if wish.about is About.REFUSED else "",
            beside=tuple(_name(book.tool_entries, tool) for _, tool in wish.beside),
        )
        unknown = {"id": subject.tool, "name": subject.version if wish.about is About.LIFTED else ""}
        entry: Mapping[str, object] = tool if isinstance(tool, Mapping) else unknown
        notice = compose(book.organisation, ban, entry, situation)
        brief, console = _briefly(book.organisation, ban, entry, situation)
        takes = wish.kind in (Kind.QUARANTINE, Kind.UNINSTALL) and not subject.project
        stub = signpost(book.organisation, ban, entry, now) if takes else ""
        buttons = tuple((button.key, button.label, button.url) for button in notice.buttons)
        return Words(notice.title, notice.body, brief, stub, buttons, console)

    def _reader(self, uid: int) -> Reader:
        """What a person reads: the languages of their session, else the machine's; the policy's default is behind."""
        return Reader((*self._languages(uid), *self._default))

    def _welcome(self, organisation: Mapping[str, object], uid: int) -> Words:
        reader = self._reader(uid)
        made = welcome(organisation, reader, reports=self._reports)
        buttons = tuple((button.key, button.label, button.url) for button in made.buttons)
        brief, console = welcome_line(organisation, reader), welcome_line(organisation, _CONSOLE)
        return Words(made.title, made.body, brief, buttons=buttons, plain=console)

    def refused(self, ban_id: str, tool_id: str, uid: int, now: Instant) -> Words:
        """What is said to somebody about a start that was refused."""
        rules = self._rules()
        ban = next((one.text for one in rules.book.bans if one.id == ban_id), None) if rules else None
        if rules is None or ban is None:
            return Words()
        organisation, entry = rules.book.organisation, rules.book.tool_entries.get(tool_id)
        situation = Situation(occasion=Occasion.BLOCKED, now=now, reader=self._reader(uid))
        tool: Mapping[str, object] = entry if isinstance(entry, Mapping) else {"id": tool_id}
        notice = compose(organisation, ban, tool, situation)
        brief, console = _briefly(organisation, ban, tool, situation)
        return Words(notice.title, notice.body, brief, plain=console)


def _briefly(organisation: Values, ban: Values, tool: Values, situation: Situation) -> tuple[str, str]:
    """Two lines in the person's language, and in what a console can show."""
    console = situation._replace(reader=_CONSOLE)
    return terminal_text(organisation, ban, tool, situation), terminal_text(organisation, ban, tool, console)


def _name(tools: Mapping[str, object], tool: str) -> str:
    entry = tools.get(tool)
    return str(entry.get("name") or tool) if isinstance(entry, Mapping) else tool


def _found(row: Current, places: int) -> Found:
    subject = row.subject
    model = subject.setting.removeprefix(MODEL) if subject.setting.startswith(MODEL) else ""
    return Found(shown(subject.path), subject.version, max(1, places), model)


_OCCASIONS = {
    About.LAPSES: Occasion.LAPSING,
    About.HELD: Occasion.HELD,
    About.EXCEPTED: Occasion.EXCEPTED,
    About.PAUSED: Occasion.PAUSED,
    About.NARROWED: Occasion.NARROWED,
    About.LIFTED: Occasion.LIFTED,
    About.REFUSED: Occasion.REFUSED,
    About.UNANSWERED: Occasion.UNANSWERED,
}


def _occasion(row: Current, wish: Wish) -> Occasion:
    if wish.about is About.REMINDER and wish.finish_until is not None:
        return Occasion.SOON_REMOVED if wish.action is Action.REMOVE else Occasion.SOON_BLOCKED
    if wish.about in _OCCASIONS:
        return _OCCASIONS[wish.about]
    if row.subject.face is Face.SETTING:
        return Occasion.CONFIGURED
    if wish.kind in (Kind.QUARANTINE, Kind.UNINSTALL):
        return Occasion.REMOVED
    if row.standing.state is State.AWAITING_NOTICE:
        return Occasion.ANNOUNCED
    if row.subject.project and wish.action.rung > 1:
        return Occasion.IN_PROJECT
    return occasion_of(wish.action, wish.countdown)
