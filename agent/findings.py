"""Findings as everybody shows them: from an installation or process and its decision to one line. Pure.

`scan`, `explain`, `status`, the views and the reports all use these functions, so that they cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from agent.cases import Case, Kind, Standing, Subject, Wish
from agent.enforce.interface import Intent, Words
from agent.inventory.installations import Installation
from policy_schema.messages.codes import ScopeOfPath
from policy_schema.messages.report import FindingLine, MoveLine, NextLine
from policy_schema.messages.wire import clean
from policy_schema.rules.decision import Action, Decision, Identity, State
from policy_schema.rules.identity import finding_id, installation_id, parse_purl
from policy_schema.rules.instant import Instant, format_instant
from policy_schema.rules.observation import Confidence, Face, Match, Observation
from policy_schema.rules.rulebook import DeviceRules

_SYSTEM = ("/usr/", "/opt/", "/bin/", "/sbin/", "/lib", "/var/", "/srv/", "/snap/", "/Applications/", "/Library/")


def identity_of(installation: Installation) -> Identity:
    """What the installation as a whole was recognised as."""
    return Identity(installation.tool, installation.version, installation.matches, installation.confidence)


def primary(installation: Installation) -> Observation:
    """The observation that stands for the installation where one is needed: its own path first."""
    at_path = [seen for seen in installation.observations if seen.path == installation.path]
    return (at_path or list(installation.observations))[0]


def subject_of(installation: Installation, ban: str) -> Subject:
    """An installation as the subject of a case."""
    seen = primary(installation)
    tool = installation.tool
    return Subject(
        finding=finding_id(ban, tool, seen.face, installation.path, None, None),
        installation=installation.id,
        ban=ban,
        tool=tool,
        face=seen.face,
        path=installation.path,
        uid=installation.uid,
        owner=installation.owner,
        purl=installation.purl,
        version=installation.version,
        project=installation.project,
        manager=seen.manager,
        links=tuple(sorted({link for one in installation.observations for link in one.links})),
        parts=_parts(installation),
        prefix=seen.prefix,
        home=seen.home,
        extension=seen.extension,
    )


def _parts(installation: Installation) -> tuple[tuple[str, tuple[int, int] | None], ...]:
    """Platform packages and launchers beside the package go first: while it stands, it can be found again."""
    inodes = {seen.path: seen.inode for seen in installation.observations}
    own, *beside = installation.parts
    return tuple((path, inodes.get(path)) for path in (*beside, own))


def intent_of(wish: Wish, words: Words, path: str, inode: tuple[int, int] | None, policy_version: int) -> Intent:
    """What an actor is asked to do for a wish, at one path of its subject."""
    subject = wish.subject
    return Intent(
        kind=wish.kind,
        finding_id=subject.finding,
        installation_id=subject.installation,
        case=subject.finding,
        action=wish.action,
        ban=subject.ban,
        tool=subject.tool,
        path=path,
        identity=inode,
        pid=subject.pid,
        started=subject.started,
        uid=subject.uid,
        links=subject.links if path == subject.path else (),
        purl=subject.purl,
        package=subject.face in (Face.PACKAGE, Face.EXTENSION, Face.APP),
        project=subject.project,
        reason=words.body,
        policy_version=policy_version,
        let_finish_until=wish.finish_until,
        kill_after=wish.kill_after,
        title=words.title,
        body=words.body,
        brief=words.brief,
        plain=words.plain,
        countdown=wish.countdown,
        manager=subject.manager,
        prefix=subject.prefix,
        home=subject.home,
        extension=subject.extension,
        parts=subject.parts if wish.kind is Kind.UNINSTALL else (),
        signpost=words.signpost,
        came_back=wish.came_back,
        about=wish.about,
        buttons=words.buttons,
        presses=wish.presses,
        beside=wish.beside,
    )


def notice_key(intent: Intent) -> str:
    """One notice a person, ban, tool and stage, however many installations there are."""
    of_one_process = intent.pid if intent.countdown else ""
    parts = (intent.ban, intent.tool, intent.uid, intent.action, intent.countdown, of_one_process, intent.about)
    return "\0".join(str(part) for part in parts)


def is_still_taken(rules: DeviceRules, ban: str, tool: str, seen: Observation, now: Instant) -> bool:
    """Whether what was taken for a ban would be taken today: the ban was neither lifted nor narrowed to others since.

    Without a version (a program that no package brought) only whether the ban still names the tool is known.
    """
    if not any(one.id == ban and any(target.tool == tool for target in one.targets) for one in rules.book.bans):
        return False
    try:
        version = parse_purl(seen.purl).version if seen.purl else ""
    except ValueError:
        version = ""
    if not version:
        return True
    decision = rules.decide(seen, now, Identity(tool, version, (Match.PACKAGE_IDENTITY,), Confidence.EXACT))
    return decision is not None and decision.action.rung >= Action.BLOCK.rung


def process_subject(seen: Observation, identity: Identity, ban: str, installation: str) -> Subject:
    """A running process as the subject of a case. `installation` is empty when it runs from none that is known."""
    return Subject(
        finding=finding_id(ban, identity.tool, Face.PROCESS, seen.path, seen.pid, seen.started),
        installation=installation or installation_id(identity.tool, seen.path),
        ban=ban,
        tool=identity.tool,
        face=Face.PROCESS,
        path=seen.path,
        uid=seen.uid,
        owner=seen.owner,
        purl=seen.purl,
        version=identity.version,
        pid=seen.pid,
        started=seen.started,
        parts=((seen.path, seen.inode),),
    )


def is_sign(seen: Observation) -> bool:
    """Whether something seen is no software but speaks of some: a setting, or what a program left behind."""
    return seen.face in (Face.SETTING, Face.RESIDUE)


def sign_subject(seen: Observation, identity: Identity, ban: str) -> Subject:
    """A setting or residue as the subject of a case: no installation, and nothing is ever done to it."""
    return Subject(
        finding=finding_id(ban, identity.tool, seen.face, seen.path, None, None),
        installation="",
        ban=ban,
        tool=identity.tool,
        face=seen.face,
        path=seen.path,
        uid=seen.uid,
        owner=seen.owner,
        project=seen.project,
        setting=seen.setting,
    )


def sign_findings(
    rules: DeviceRules, observations: Iterable[Observation], now: Instant
) -> list[tuple[Subject, Decision]]:
    """What the rules say about settings and residue: one finding for a file, tool and ban, however often it says so."""
    found: dict[str, tuple[Subject, Decision]] = {}
    for seen in observations:
        decision = rules.decide(seen, now) if is_sign(seen) else None
        if decision is not None:
            subject = sign_subject(seen, decision.identity, decision.ban)
            found.setdefault(subject.finding, (subject, decision))
    return list(found.values())


def matched_things(candidates: Sequence[tuple[Subject, Decision]]) -> dict[str, dict[int, int]]:
    """Ban to owner to how many different things of theirs match: what the brake compares.

    A package is one thing however often it lies in caches: a bad rule matches many different ones.
    """
    things: dict[str, dict[int, set[str]]] = {}
    for subject, decision in candidates:
        if subject.pid is None and subject.face is not Face.SETTING and decision.state is not State.WEAK:
            thing = subject.purl.partition("@")[0] or subject.path
            things.setdefault(subject.ban, {}).setdefault(subject.uid, set()).add(thing)
    return {ban: {uid: len(them) for uid, them in owners.items()} for ban, owners in things.items()}


def finding_json(
    subject: Subject,
    decision: Decision,
    standing: Standing,
    ban_text: Mapping[str, object],
    since: int,
    outcome: str = "",
) -> dict[str, object]:
    """A finding as `scan --json` and the views show it, to the person at the machine: with paths."""
    stage, following = decision.stage, decision.next_stage
    return {
        "id": subject.finding,
        "installation": subject.installation,
        "ban": subject.ban,
        "tool": subject.tool,
        "face": subject.face.value,
        "purl": subject.purl or None,
        "version": subject.version or None,
        "path": shown(subject.path),
        "owner": subject.owner,
        "pid": subject.pid,
        "confidence": decision.identity.confidence.value,
        "matches": [match.value for match in decision.identity.matches],
        "state": standing.state.value,
        "action": standing.action.value,
        "since": format_instant(since),
        "effective_from": format_instant(stage.start) if stage else None,
        "next": {"action": following.action.value, "from": format_instant(following.start)} if following else None,
        "exception": decision.exception,
        "alternatives": _pick(ban_text.get("alternatives"), ("name", "url")),
        "links": _pick(ban_text.get("links"), ("title", "url")),
        "outcome": outcome or None,
        "why": list(standing.why),
        "exception_until": format_instant(decision.exception_until) if decision.exception_until else None,
        "setting": subject.setting or None,
    }


def ends_json(case: Case, person_held: int = 0) -> dict[str, object]:
    """Until when something that runs may finish, and until when it is held (by a request of the person's, or by what
    they said of this finding), behind what `finding_json` says."""
    finishing = case.outcome == "finishing" and case.finish_until is not None
    until = max(case.held_until, person_held) if case.state is State.HELD else 0
    return {
        "finish_until": format_instant(case.finish_until) if finishing and case.finish_until else None,
        "held_until": format_instant(until) if until else None,
    }


def finding_line(
    subject: Subject,
    decision: Decision,
    case: Case,
    home: str = "",
    person: str = "",
    cover: Callable[[str], str] = lambda name: name,
) -> FindingLine:
    """A finding as it leaves the machine: no path, no command line, a process's time by the day.

    `cover` makes an id of another: ours are hashes of paths, and whoever holds a report could try paths against them.
    """
    stage, following = decision.stage, decision.next_stage
    since = format_instant(case.first_seen)
    return FindingLine(
        id=cover(subject.finding),
        installation=cover(subject.installation) if subject.installation else "",
        ban=subject.ban,
        tool=subject.tool,
        face=subject.face.value,
        purl=clean(subject.purl, 500),
        version=clean(subject.version, 100),
        confidence=decision.identity.confidence.value,
        matches=tuple(match.value for match in decision.identity.matches),
        state=case.state.value,
        action=case.action.value,
        outcome=case.outcome,
        effective_from=format_instant(stage.start) if stage else None,
        next=NextLine(action=following.action.value, start=format_instant(following.start)) if following else None,
        exception=decision.exception,
        since=since[:10] if subject.face is Face.PROCESS else since,
        scope_of_path=scope_of_path(subject, home),
        person=person,
    )


def gone_line(last: FindingLine, case: Case) -> FindingLine:
    """The last word about a finding: what was said before, with how it ended."""
    return msgspec.structs.replace(
        last, state=case.state.value, action=case.action.value, outcome=case.outcome, next=None, gone=True
    )


def move_line(installation: Installation, from_tools: Sequence[str], first_seen: int, gone: bool = False) -> MoveLine:
    """An alternative that was seen; `from_tool` only when exactly one banned tool offers it."""
    return MoveLine(
        tool=installation.tool,
        from_tool=from_tools[0] if len(from_tools) == 1 else "",
        version=clean(installation.version, 100),
        seen_at=format_instant(first_seen)[:10],
        gone=gone,
    )


def scope_of_path(subject: Subject, home: str = "") -> ScopeOfPath:
    """Where it lies, without saying the path."""
    if subject.project:
        return ScopeOfPath.PROJECT
    if home and subject.path.startswith(home.rstrip("/") + "/"):
        return ScopeOfPath.HOME
    if subject.path.startswith(("/home/", "/root/", "/Users/")):
        return ScopeOfPath.HOME
    return ScopeOfPath.SYSTEM if subject.path.startswith(_SYSTEM) else ScopeOfPath.OTHER


def pure_standing(decision: Decision) -> Standing:
    """How a finding stands where no history is known: `scan` without a daemon."""
    return Standing(decision.state, decision.action, decision.why)


def shown(path: str) -> str:
    """A path as text that can be printed and encoded: bytes that are not UTF-8 are escaped."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def exceeds(action: str, limit: Action) -> bool:
    """Whether a finding's action is at least the limit (`scan --fail-on`)."""
    return Action(action).rung >= limit.rung


def day(instant: Instant) -> str:
    """The day of an instant in UTC."""
    return format_instant(instant)[:10]


def _pick(rows: object, keys: tuple[str, ...]) -> list[dict[str, object]]:
    if not isinstance(rows, (list, tuple)):
        return []
    return [{key: row.get(key) for key in keys} for row in rows if isinstance(row, Mapping)]
