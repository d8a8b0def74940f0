"""The policy in force on this machine: where it came from, how old it is, what of it cannot be carried out.

The deciding thread owns it. What verifies and compiles is the adopter child; here its answer is taken over, vanished
bans are kept, the guard is asked, and the rest of the agent is told what holds. The rulebook is published as the view
`rules.json`, so that `scan` and `explain` look with the same one, and so that a restart needs no child and no network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from agent.errors import StateBroken
from agent.events import Event, EventLog
from agent.host.clock import Clock
from agent.host.users import own_uid
from agent.policy.refresh import Adopted, Refresh, Status
from agent.report.journal import Journal
from agent.report.views import Views, read_view
from agent.settings import Settings
from policy_schema.messages.codes import Trust
from policy_schema.messages.report import PolicyLine
from policy_schema.messages.wire import clean
from policy_schema.rules.instant import Instant, format_instant
from policy_schema.rules.rulebook import Device, DeviceRules, ExceptionGrant, Pause, Rulebook
from policy_schema.rules.vanished import keep_vanished


class Standing(NamedTuple):
    """What is known of the policy beside its content. Instants in seconds."""

    trust: str
    signers: tuple[str, ...]
    solo: bool
    confirmed_at: Instant
    expires: Instant
    problem: str = ""
    message: str = ""
    advice: str = ""


class PolicyInForce:
    """What the deciding thread knows of the policy."""

    def __init__(
        self,
        *,
        settings: Settings,
        journal: Journal,
        views: Views,
        clock: Clock,
        log: EventLog,
        device_id: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._views = views
        self._clock = clock
        self._log = log
        self._device_id = device_id
        self._data: Mapping[str, object] | None = None
        self._rules: DeviceRules | None = None
        self._base: Mapping[str, object] | None = None
        """The adopted rulebook, before vanished bans were added."""
        self._relief: Mapping[str, object] = {}
        """The exceptions and pauses that hold on this device, as the adopter gave them."""
        self._kept: tuple[str, ...] = ()
        self.standing = Standing(Trust.NONE.value, (), False, Instant(0), Instant(0))

    @property
    def rules(self) -> DeviceRules | None:
        """What holds on this device, or None."""
        return self._rules

    def last_good(self, now: Instant) -> DeviceRules | None:
        """The policy that was in force when the agent ended: it holds until a newer one is verified."""
        try:
            view = read_view(self._settings.state_dir, "rules.json")
        except StateBroken as error:
            self._log.write(Event.POLICY_KEPT, problem=str(error))
            return None
        if view is None or not isinstance(view.get("rulebook"), dict) or not isinstance(view.get("policy"), dict):
            return None
        policy = view["policy"]
        assert isinstance(policy, dict)
        relief = view.get("relief")
        self._relief = relief if isinstance(relief, dict) else {}
        try:
            self._use(view["rulebook"])  # type: ignore[arg-type]  # checked to be a dict just above
        except (ValueError, KeyError, TypeError) as error:
            # Written by an agent with another format: the adopter compiles it again from the verified bytes.
            self._log.write(Event.POLICY_KEPT, problem=str(error))
            return None
        self._kept = tuple(str(ban) for ban in policy.get("kept") or ())
        self.standing = Standing(
            Trust.LAST_GOOD.value,
            tuple(str(name) for name in policy.get("signers") or ()),
            bool(policy.get("solo")),
            Instant(int(policy.get("confirmed_at") or 0)),
            Instant(int(policy.get("expires") or 0)),
        )
        return self._rules

    def take(self, refresh: Refresh, now: Instant, *, restored: bool) -> DeviceRules | None:
        """Takes over what a refresh brought. Returns the rules when they are new.

        `restored`: it was verified again from what is stored, and no server has confirmed it.
        """
        if refresh.adopted is None:
            if not (restored and refresh.status is Status.NOTHING_STORED):
                self._note(refresh, now)
            return None
        adopted = refresh.adopted
        self._clock.raise_floor(Instant(adopted.signed_at))
        with self._journal.together():
            self._journal.raise_highest(adopted.highest)
        self.standing = self._standing_of(adopted, refresh, now, restored)
        relief = self._relief_of(adopted)
        if self._data is not None and self._base == adopted.rulebook and self._relief == relief:
            self._publish()
            return None
        self._base, self._relief = adopted.rulebook, relief
        book, self._kept = keep_vanished(self._data, adopted.rulebook)
        self._use(book)
        self._publish()
        assert self._rules is not None
        self._log.write(
            Event.POLICY_ADOPTED,
            policy=self._rules.book.policy_id,
            version=self._rules.book.version,
            signers=list(adopted.signers),
            kept=list(self._kept),
            not_understood=list(self._rules.book.not_understood),
        )
        return self._rules

    def _relief_of(self, adopted: Adopted) -> Mapping[str, object]:
        """What is granted now. Where that cannot be told, what was granted before stays, with its own ends."""
        if adopted.relief.get("trouble"):
            self._log.write(Event.EXCEPTIONS_REFUSED, why=str(adopted.relief["trouble"]))
            return {**self._relief, "trouble": adopted.relief["trouble"]}
        return adopted.relief

    def reader_of_everything(self) -> int:
        """Whose view holds everything: root's, or that of whoever runs the agent for themselves."""
        return own_uid()

    @property
    def person_level(self) -> bool:
        """Whether the policy in force lets reports speak of persons (by pseudonym)."""
        privacy = self._data.get("privacy") if self._data else None
        level = privacy.get("person_level") if isinstance(privacy, Mapping) else None
        return isinstance(level, Mapping) and level.get("default") is True

    @property
    def counts_answers(self) -> bool:
        """Whether the policy in force has it counted what people do with notices, for the whole device."""
        privacy = self._data.get("privacy") if self._data else None
        return isinstance(privacy, Mapping) and privacy.get("notice_answers") is True

    @property
    def answers(self) -> Mapping[str, str]:
        """Requests that were refused, with the word for why."""
        rows = self._relief.get("answers")
        given = (row for row in rows if isinstance(row, Mapping)) if isinstance(rows, list) else ()
        return {str(row.get("request")): str(row.get("because")) for row in given}

    @property
    def kept(self) -> tuple[str, ...]:
        """Bans that are gone from the policy without being lifted, and stay."""
        return self._kept

    def not_understood(self) -> tuple[str, ...]:
        """Bans that need a newer agent."""
        return self._rules.book.not_understood if self._rules else ()

    def line(self, now: Instant) -> PolicyLine:
        """The policy in a report."""
        book = self._rules.book if self._rules else None
        return PolicyLine(
            id=book.policy_id if book else "",
            version=book.version if book else 0,
            trust=self.standing.trust,
            age_s=max(0, now - self.standing.confirmed_at) if book else 0,
            solo=self.standing.solo,
            signers=tuple(clean(name) for name in self.standing.signers),
            problem=self.standing.problem,
        )

    def view(self, now: Instant) -> dict[str, object]:
        """The policy in `status --json`."""
        book = self._rules.book if self._rules else None
        standing = self.standing
        return {
            "id": book.policy_id if book else None,
            "version": book.version if book else None,
            "organisation": book.organisation.get("name") if book else None,
            "trust": standing.trust,
            "signers": list(standing.signers),
            "solo": standing.solo,
            "age_s": max(0, now - standing.confirmed_at) if book else None,
            "confirmed_at": format_instant(standing.confirmed_at) if book else None,
            "expires": format_instant(standing.expires) if standing.expires else None,
            "problem": standing.problem,
            "message": standing.message,
            "advice": standing.advice,
            "exceptions": [_ends(one.id, one.ban, one.until) for one in self._granted(now)],
            "pauses": [_ends("", one.ban, one.until) for one in self._paused(now)],
        }

    def _granted(self, now: Instant) -> list[ExceptionGrant]:
        return [one for one in self._rules.exceptions if one.until > now] if self._rules else []

    def _paused(self, now: Instant) -> list[Pause]:
        return [one for one in self._rules.pauses if one.until > now] if self._rules else []

    def notes(self, now: Instant) -> list[str]:
        """Sentences that everybody at the machine may read."""
        rows = [f"Ban {ban} needs a newer agent: it is not carried out." for ban in self.not_understood()]
        rows += [f"Ban {ban} is gone from the policy without being lifted, and stays in force." for ban in self._kept]
        rows += [
            f"Ban {one.ban} is waived for this machine until {format_instant(one.until)} (exception {one.id})."
            for one in self._granted(now)
        ]
        rows += [f"Ban {one.ban} is paused until {format_instant(one.until)}." for one in self._paused(now)]
        if self._relief.get("trouble"):
            rows.append(f"Exceptions and pauses could not be renewed, those known stay: {self._relief['trouble']}.")
        if self.standing.expires and now > self.standing.expires and self._rules:
            rows.append(
                f"The policy's signatures expired on {format_instant(self.standing.expires)}; it stays in force."
            )
        return rows

    def _note(self, refresh: Refresh, now: Instant) -> None:
        """A refresh that brought nothing: confirmed as unchanged, refused, or nobody answered."""
        if refresh.confirmed:
            trust = Trust.VERIFIED.value if self._rules else Trust.NONE.value
            self.standing = self.standing._replace(trust=trust, confirmed_at=now, problem="", message="", advice="")
            return
        if refresh.status.value != self.standing.problem:
            event = Event.POLICY_UNREACHABLE if refresh.status is Status.UNREACHABLE else Event.POLICY_REFUSED
            self._log.write(event, code=refresh.status.value, message=refresh.message)
        trust = Trust.LAST_GOOD.value if self._rules else Trust.NONE.value
        self.standing = self.standing._replace(
            trust=trust, problem=refresh.status.value, message=refresh.message, advice=refresh.advice
        )

    def _standing_of(self, adopted: Adopted, refresh: Refresh, now: Instant, restored: bool) -> Standing:
        confirmed = refresh.confirmed and not restored
        problem = "" if refresh.confirmed else refresh.status.value
        known = max(Instant(adopted.signed_at), self.standing.confirmed_at)
        return Standing(
            (Trust.VERIFIED if confirmed or problem else Trust.LAST_GOOD).value,
            adopted.signers,
            adopted.solo,
            now if not restored else known,
            Instant(adopted.expires),
            problem,
            refresh.message if problem else "",
            refresh.advice if problem else "",
        )

    def _use(self, data: Mapping[str, object]) -> None:
        book = Rulebook(data)
        self._data = data
        self._rules = rules_of(book, self._settings.device(self._device_id()), self._relief)

    def _publish(self) -> None:
        standing = self.standing
        policy = {
            "trust": standing.trust,
            "signers": list(standing.signers),
            "solo": standing.solo,
            "confirmed_at": standing.confirmed_at,
            "expires": standing.expires,
            "kept": list(self._kept),
        }
        rulebook = json.loads(json.dumps(self._data))
        self._views.rules({"schema": 1, "policy": policy, "rulebook": rulebook, "relief": dict(self._relief)})


def _ends(name: str, ban: str, until: Instant) -> dict[str, object]:
    """An exception or a pause, with its end."""
    return {**({"id": name} if name else {}), "ban": ban, "until": format_instant(until)}


def rules_of(book: Rulebook, device: Device, relief: Mapping[str, object]) -> DeviceRules:
    """The rules of one device with what was granted to it.

    Raises:
        ValueError, KeyError, TypeError: the grants are not what the adopter gives.
    """
    exceptions, pauses = relief.get("exceptions") or [], relief.get("pauses") or []
    if not isinstance(exceptions, list) or not isinstance(pauses, list):
        raise ValueError("exceptions and pauses are lists")
    return book.for_device(
        device,
        [ExceptionGrant(str(one["id"]), str(one["ban"]), device.id, Instant(int(one["until"]))) for one in exceptions],
        [Pause(str(one["ban"]), Instant(int(one["until"]))) for one in pauses],
    )
