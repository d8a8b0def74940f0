"""One look at the policy repository: ask, verify, keep. The last good policy stays whatever happens.

The daemon calls `refresh` at its interval and `restore` once at its start. Both take the children as functions, so
that everything here can be run without processes, and answer with a `Refresh`, never with an exception about the
repository: what went wrong is a code of the closed list `Status`, with a sentence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple

from agent.errors import InterdictError
from agent.policy.store import Store, Stored
from agent.policy.wire import BadAnswer, mapping, number, pack, parsed, raise_refusal, text, together, unpack
from policy_schema.rules.relief import bin_of
from policy_schema.trust.highest import Highest, Versions, merged, read_highest
from policy_schema.trust.layout import POLICY, Files
from policy_schema.trust.refusal import ADVICE, Refusal, Refused, sentence

Ask = Callable[[Mapping[str, object]], Mapping[str, object]]
"""A child: question in, answer out. Raises InterdictError when the child itself failed."""


class Status(StrEnum):
    """How a look ended: two good ways, three about ourselves, and every refusal of what a server can bring.

    A ban that vanished is none: the agent adopts the rest and keeps the ban (`policy_schema.rules.vanished`).
    """

    ADOPTED = "adopted"
    UNCHANGED = "unchanged"
    NOTHING_STORED = "nothing-stored"
    NOT_KEPT = "not-kept"
    CHILD_FAILED = "child-failed"
    UNREACHABLE = "unreachable"
    NOT_A_REPOSITORY = "not-a-repository"
    FIRST_TRUST_MISSING = "first-trust-missing"
    TOO_BIG = "too-big"
    HALF_UPLOADED = "half-uploaded"
    UNSIGNED = "unsigned"
    WRONGLY_SIGNED = "wrongly-signed"
    BELOW_THRESHOLD = "below-threshold"
    TAMPERED = "tampered"
    OLDER = "older"
    EXPIRED = "expired"
    BAD_DOCUMENT = "bad-document"


class Adopted(NamedTuple):
    """A policy that was verified and compiled. Instants in seconds."""

    rulebook: Mapping[str, object]
    policy: bytes
    versions: Versions
    signers: tuple[str, ...]
    threshold: int
    solo: bool
    signed_at: int
    expires: int
    highest: Highest
    relief: Mapping[str, object] = {}
    """The exceptions and pauses that hold on this device: `exceptions`, `pauses`, `version`, `trouble`;
    and `answers` to requests, which are sentences for people."""

    @property
    def version(self) -> int:
        """The version of the policy."""
        return self.versions.targets


class Refresh(NamedTuple):
    """What one look came to. `adopted` is None unless there is a policy to take up now."""

    status: Status
    message: str
    advice: str
    adopted: Adopted | None = None

    @property
    def confirmed(self) -> bool:
        """Did a server show, just now, that this is still the newest policy? Then its age begins anew."""
        return self.status in (Status.ADOPTED, Status.UNCHANGED)


class Place(NamedTuple):
    """Where the policy comes from: the address, the bytes of the first root, how servers are reached."""

    url: str
    trust: bytes
    access: Mapping[str, object] = {}
    device: str = ""
    """Which device asks: its exceptions are fetched. The server learns one of 256 bins."""


def refresh(
    place: Place, store: Store, *, courier: Ask, adopter: Ask, now: int, seen: Highest, in_force: Adopted | None
) -> Refresh:
    """Asks the repository. `seen` are the journal's highest versions, `in_force` what was adopted last.

    With nothing in force, what is stored could not be restored: then everything is fetched anew.
    """
    kept = store.load()
    stored = kept if in_force else Stored({}, kept.seen)
    try:
        fetched = _fetch(place, stored, courier)
        looked = _adopt(place, store, stored, fetched, adopter, now=now, seen=seen) if fetched is not None else None
        return looked or _still_good(now, in_force.expires if in_force else 0)
    except Refused as error:
        return refused(error.code, error.detail)
    except (InterdictError, BadAnswer) as error:
        return _failed(error)


def restore(place: Place, store: Store, *, adopter: Ask, seen: Highest) -> Refresh:
    """Verifies and compiles again what is stored: at a start, with or without a network. No date refuses here.

    Nor does a number of the journal (`seen`): only root writes the store, and after a full disk it can be one version
    behind. That version stays in force until the next poll, which no older repository passes.
    """
    stored = store.load()
    if not stored.files:
        return Refresh(Status.NOTHING_STORED, "No policy was adopted on this device yet.", "Wait for the first poll.")
    try:
        looked = _adopt(place, store, stored._replace(seen={}), {}, adopter, now=None, seen={})
    except Refused as error:
        return refused(error.code, error.detail)
    except (InterdictError, BadAnswer) as error:
        return _failed(error)
    if looked is None:
        return _failed(BadAnswer("the adopter did not answer as agreed"))
    behind = looked.adopted and any(number < seen.get(name, 0) for name, number in looked.adopted.highest.items())
    return looked._replace(message="The stored policy was verified; a newer one was seen.") if behind else looked


def refused(code: Refusal, detail: str = "") -> Refresh:
    """The refresh for a refusal."""
    return Refresh(Status(code.value), sentence(code, detail) + ".", ADVICE[code])


def _fetch(place: Place, stored: Stored, courier: Ask) -> dict[str, bytes] | None:
    """What is new, None for nothing."""
    if not place.url:
        raise Refused(Refusal.UNREACHABLE, "no address is set")
    if not place.trust:
        raise Refused(Refusal.FIRST_TRUST_MISSING)
    whole = stored.timestamp is not None and bool(stored.policies)
    answer = courier(
        {
            "op": "refresh",
            "url": place.url,
            "root": max(stored.root, _number_of(place.trust)),
            "stored": pack(stored.metadata) if whole else {},
            "held": list(stored.targets),
            "bin": bin_of(place.device) if place.device else "",
            "access": dict(place.access),
        }
    )
    raise_refusal(answer)
    return None if answer.get("result") == "unchanged" else unpack(answer.get("files"))


def _adopt(
    place: Place,
    store: Store,
    stored: Stored,
    fetched: Files,
    adopter: Ask,
    *,
    now: int | None,
    seen: Highest,
) -> Refresh | None:
    """None: what came is nothing newer than what is stored."""
    if not place.trust:
        raise Refused(Refusal.FIRST_TRUST_MISSING)
    answer = adopter(
        {
            "op": "adopt",
            "trust": place.trust,
            "stored": _beside(stored, fetched),
            "fetched": fetched,
            "seen": merged(stored.seen, seen),
            "now": now,
            "device": place.device,
        }
    )
    raise_refusal(answer)
    if answer.get("result") == "unchanged":
        return None
    files = together(stored.files, fetched)
    adopted, paths = _read(answer, files)
    if fetched:
        try:
            store.save({path: files[path] for path in paths}, adopted.highest)
        except InterdictError as error:
            # In force for as long as we run; after a restart the older one is, and this one is fetched again.
            return Refresh(
                Status.NOT_KEPT, f"The policy is in force but could not be kept: {error}", error.advice(), adopted
            )
    return Refresh(Status.ADOPTED, "The policy was verified.", "", adopted)


def _beside(stored: Stored, fetched: Files) -> Files:
    """What is stored, without the policy before when another one came: it may have many megabytes."""
    newer = any(path.endswith(f".{POLICY}") for path in fetched)
    return {path: content for path, content in stored.files.items() if not (newer and path in stored.policies)}


def _read(answer: Mapping[str, object], files: Files) -> tuple[Adopted, list[str]]:
    """The adopter's answer, and the files to keep."""
    paths, signers = answer.get("paths"), answer.get("signers")
    if answer.get("result") != "adopted" or not isinstance(paths, list) or not isinstance(signers, list):
        raise BadAnswer("the adopter did not answer as agreed")
    if not set(map(text, paths)) <= set(files) or answer.get("policy") not in files:
        raise BadAnswer("the adopter names files that it was not given")
    versions, expires = mapping(answer.get("versions")), mapping(answer.get("expires"))
    adopted = Adopted(
        rulebook=parsed(answer.get("rulebook")),
        policy=files[text(answer.get("policy"))],
        versions=Versions(*(number(versions.get(role)) for role in Versions._fields)),
        signers=tuple(map(text, signers)),
        threshold=number(answer.get("threshold")),
        solo=answer.get("solo") is not False,
        signed_at=number(answer.get("signed_at")),
        expires=min(map(number, expires.values())),
        highest=read_highest(answer.get("highest")),
        relief=_relief(answer.get("relief")),
    )
    return adopted, [text(path) for path in paths]


def _relief(value: object) -> dict[str, object]:
    """The adopter's words on exceptions, checked; an answer of an earlier adopter has none."""
    given = mapping(value or {})
    rows = {
        key: [mapping(row) for row in found] if isinstance(found := given.get(key), list) else []
        for key in ("exceptions", "pauses", "answers")
    }
    for row in (*rows["exceptions"], *rows["pauses"]):
        text(row.get("ban"))
        number(row.get("until"))
    for row in rows["answers"]:
        for key in ("request", "ban", "because"):
            text(row.get(key))
        number(row.get("at"))
    return {**rows, "version": number(given.get("version") or 0), "trouble": text(given.get("trouble"), "")}


def _still_good(now: int, expires: int) -> Refresh:
    """The same files as before: good, unless the date has passed meanwhile."""
    if expires and now >= expires:
        return refused(Refusal.EXPIRED, "nothing new was published in time")
    return Refresh(Status.UNCHANGED, "The policy is the newest.", "")


def _failed(error: Exception) -> Refresh:
    advice = error.advice() if isinstance(error, InterdictError) else "Run `interdict doctor`."
    return Refresh(Status.CHILD_FAILED, f"Looking for a new policy failed: {error}.", advice)


def _number_of(trust: bytes) -> int:
    """The version that the first root says it has; wrong numbers cost a request, nothing else."""
    try:
        version = json.loads(trust)["signed"]["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0
    return version if type(version) is int and version > 0 else 0
