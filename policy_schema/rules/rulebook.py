"""A compiled policy, and what of it holds on one device.

Two steps, since scope, rollout and exceptions do not change with an observation:
`Rulebook` is one policy version, the same for every device; `DeviceRules` is what daemon, gate and `explain` hold.
Both are pure: no clock, no file, no network. The JSON form is made by `policy_schema.document.compile`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from policy_schema.rules.decision import Action, Decision, Identity, Stage, State
from policy_schema.rules.identity import rollout_bucket
from policy_schema.rules.instant import Instant, format_instant
from policy_schema.rules.match import Tables, ToolFaces, tool_faces
from policy_schema.rules.models import MODEL, FamilyTable
from policy_schema.rules.observation import MATCH_CONFIDENCE, Confidence, Face, Match, Observation
from policy_schema.rules.target import Allowed, Target, parse_allowed, parse_target, version_verdict

FORMAT = 2
"""Version of the JSON form; a rulebook of another format is compiled again from the verified policy."""

FEATURES = frozenset(
    {"packages", "extensions", "apps", "executables", "signers", "content", "hashes", "residue", "versions", "rollout"}
)
"""What a ban may `need`; a ban that needs anything else is not understood and left out, and said so."""


class Device(NamedTuple):
    """What fleet management says about this machine. A region or group that is not set is None: report, never act."""

    id: str
    os: str = "linux"
    kind: str = "workstation"
    ownership: str = "company"
    region: str | None = None
    groups: frozenset[str] | None = None


class ExceptionGrant(NamedTuple):
    """A ban waived for a device until an instant, decided by somebody and signed."""

    id: str
    ban: str
    device: str
    until: Instant


class Pause(NamedTuple):
    """A ban put to rest for everybody until an instant."""

    ban: str
    until: Instant


class RolloutStep(NamedTuple):
    """From this instant on, devices of these groups or this share of all devices are in."""

    start: Instant
    groups: frozenset[str]
    percent: int


class Ban(NamedTuple):
    """One ban in compiled form. `text` is the closed policy's own ban, for notices and reports."""

    id: str
    targets: tuple[Target, ...]
    allowed: Allowed
    stages: tuple[Stage, ...]
    rollout: tuple[RolloutStep, ...]
    scope: Mapping[str, tuple[str, ...]]
    min_notice: int
    no_later_than: Instant | None
    text: Mapping[str, object]
    families: tuple[str, ...] = ()
    """Of a model ban, which has no targets: the families whose models must not be configured."""


class Rulebook:
    """One policy version, compiled. Raises ValueError when the data is not of this format."""

    def __init__(self, data: Mapping[str, object]) -> None:
        if data.get("format") != FORMAT:
            raise ValueError(f"rulebook format {data.get('format')!r} is not {FORMAT}: compile the policy again")
        policy = _map(data["policy"])
        self.policy_id = str(policy["id"])
        self.version = _int(policy["version"])
        self.organisation = _map(data["organisation"])
        self.data = data
        self.tools: dict[str, ToolFaces] = {str(k): tool_faces(_map(v)) for k, v in _map(data["tools"]).items()}
        self.tool_entries: Mapping[str, object] = _map(data["tools"])
        self.tables = Tables(self.tools.values())
        texts = [_map(ban) for ban in _list(data["bans"])]
        self.not_understood = tuple(str(b["id"]) for b in texts if needs_more(b))
        model_bans = [_map(ban) for ban in _list(data.get("model_bans"))]
        self.bans = tuple(parse_ban(b, self.tools) for b in (*texts, *model_bans) if not needs_more(b))
        self.lifted: dict[str, Mapping[str, object]] = {str(_map(x)["id"]): _map(x) for x in _list(data.get("lifted"))}

    def for_device(
        self, device: Device, exceptions: Sequence[ExceptionGrant] = (), pauses: Sequence[Pause] = ()
    ) -> DeviceRules:
        """The rules that hold on this device."""
        return DeviceRules(self, device, exceptions, pauses)

    def alternatives(self) -> frozenset[str]:
        """Ids of the tools that any ban names as its alternative: having one of them is "moved"."""
        rows = (alt for ban in self.bans for alt in _list(ban.text.get("alternatives")))
        return frozenset(str(_map(alt)["tool"]) for alt in rows if _map(alt).get("tool"))


class _Standing(NamedTuple):
    """One ban as it stands on one device: settled once, compared with the time at each decision."""

    ban: Ban
    scope_why: str
    """Empty when in scope; otherwise the sentence that says why not."""
    admitted: Instant | None
    """When the rollout reaches this device; None when it never does."""
    exceptions: tuple[ExceptionGrant, ...]
    paused_until: Instant


class DeviceRules:
    """What one policy means on one device. `decide` does not grow with the number of bans."""

    def __init__(
        self, book: Rulebook, device: Device, exceptions: Sequence[ExceptionGrant], pauses: Sequence[Pause]
    ) -> None:
        self.book = book
        self.device = device
        self.exceptions = tuple(exceptions)
        self.pauses = tuple(pauses)
        self._standings: dict[str, _Standing] = {}
        self._by_tool: dict[str, list[tuple[_Standing, Target]]] = {}
        self._by_family = FamilyTable((family, ban.id) for ban in book.bans for family in ban.families)
        for ban in book.bans:
            standing = _standing(ban, device, exceptions, pauses)
            self._standings[ban.id] = standing
            for target in ban.targets:
                self._by_tool.setdefault(target.tool, []).append((standing, target))

    def identify(self, seen: Observation) -> Identity | None:
        """Which of the policy's tools this is, or None. Ties go to the first id in the alphabet."""
        identities = self.book.tables.identify(seen)
        return identities[0] if identities else None

    def decide(self, seen: Observation, now: Instant, identity: Identity | None = None) -> Decision | None:
        """What applies to this observation now: the strongest action of all bans that match, ties by ban id.

        `identity` is given when the installation around the observation has already said whose it is.
        """
        if identity is None and not self.book.tables.may_know(seen):
            return None
        return max(self.decisions(seen, now, identity), key=_strength, default=None)

    def decisions(self, seen: Observation, now: Instant, identity: Identity | None = None) -> list[Decision]:
        """What each ban that matches means for this observation now; `decide` gives the strongest of them."""
        return [decision for decision, _ in self._judge(seen, now, identity) if decision is not None]

    def explain(self, seen: Observation, now: Instant, identity: Identity | None = None) -> tuple[str, ...]:
        """One sentence for each ban that was looked at, also for those that do not match."""
        if seen.setting.startswith(MODEL):
            about = f"No ban of the policy names a family of the model {seen.setting[len(MODEL) :]}."
            return tuple(why for _, why in self._judge(seen, now, identity)) or (about,)
        identities = (identity,) if identity else self.book.tables.identify(seen)
        if not identities:
            return (f"No ban of the policy names a tool that this could be ({len(self.book.bans)} looked at).",)
        looked = [why for _, why in self._judge(seen, now, identity)]
        known = ", ".join(self.book.tools[i.tool].name for i in identities)
        return tuple(looked) or (f"This is {known}, which no ban of the policy names.",)

    def next_change(self, now: Instant) -> Instant | None:
        """The next instant at which any answer can change; caches made before it end with it."""
        later = [moment for standing in self._standings.values() for moment in _moments(standing) if moment > now]
        return min(later, default=None)

    def admitted(self, ban: str) -> Instant | None:
        """When the rollout of a ban reaches this device; None when it never does or there is no such ban."""
        standing = self._standings.get(ban)
        return standing.admitted if standing else None

    def standing(self, ban: str, now: Instant) -> tuple[State, Action]:
        """How a ban stands on this device now, whatever it meets; `report` where it does not act at all."""
        standing = self._standings.get(ban)
        if standing is None:
            return State.LIFTED, Action.REPORT
        stages = _effective_stages(standing)
        state, _, _, _ = _state(standing, stages, _CERTAIN, now)
        current = _last(stages, now) if state is State.ACTIVE else None
        return state, current.action if current else Action.REPORT

    def wanted_names(self) -> frozenset[str]:
        """Executable names worth a closer look."""
        return frozenset(n for tool in self.book.tools.values() for n in tool.names)

    def wanted_folders(self) -> tuple[str, ...]:
        """Folders of the tools' own, `~` for every home."""
        return tuple(sorted({f for tool in self.book.tools.values() for f in tool.folders}))

    def wanted_residue(self) -> tuple[str, ...]:
        """Files and folders that show that a tool once ran, `~` for every home."""
        return tuple(sorted({path for tool in self.book.tools.values() for path in tool.residue}))

    def signatures(self) -> tuple[tuple[str, Mapping[str, object]], ...]:
        """Every content signature in force as (id, fields), for `policy_schema.rules.content`."""
        rows = ((f"{t.id}/{i}", c) for t in self.book.tools.values() for i, c in enumerate(t.content))
        return tuple(sorted(rows, key=lambda row: row[0]))

    def _judge(
        self, seen: Observation, now: Instant, identity: Identity | None
    ) -> Iterable[tuple[Decision | None, str]]:
        if seen.setting.startswith(MODEL):
            configured = Identity(seen.name, "", (Match.SETTING,), MATCH_CONFIDENCE[Match.SETTING])
            for ban in self._by_family.find(seen.setting[len(MODEL) :], seen.name):
                yield _decided(self._standings[ban], seen, configured, seen.name, now)
            return
        identities = (identity,) if identity else self.book.tables.identify(seen)
        for one in identities:
            for standing, target in self._by_tool.get(one.tool, ()):
                yield _decide(self.book, standing, target, seen, one, now)


_CERTAIN = Identity("", "", (), Confidence.EXACT)
"""Stands for anything that is recognised for certain, where only the ban itself is asked about."""


def needs_more(ban: Mapping[str, object]) -> bool:
    """Whether a ban needs something that this version does not know."""
    return bool(set(_strings(ban.get("needs"))) - FEATURES)


def _decide(
    book: Rulebook, standing: _Standing, target: Target, seen: Observation, identity: Identity, now: Instant
) -> tuple[Decision | None, str]:
    ban = standing.ban
    name = book.tools[identity.tool].name
    verdict = version_verdict(target, book.tools[identity.tool].version_scheme, seen, identity)
    if not verdict.hit:
        return None, f"Ban {ban.id}: {name} {identity.version} is not in {target.versions}."
    allowed = ban.allowed.why(seen, identity)
    if allowed:
        return None, f"Ban {ban.id}: {allowed}"
    return _decided(standing, seen, identity._replace(confidence=verdict.confidence), name, now)


def _decided(
    standing: _Standing, seen: Observation, identity: Identity, name: str, now: Instant
) -> tuple[Decision, str]:
    """What a ban that matches means now. `name` is that of the tool."""
    ban, stages = standing.ban, _stages_towards(seen, standing)
    state, why, until, exception = _state(standing, stages, identity, now)
    current = _last(stages, now) if state is State.ACTIVE else None
    following = _first_after(stages, now)
    sentence = f"Ban {ban.id}: {_what(seen, identity, name)} ({identity.confidence}); {why}"
    decision = Decision(
        ban=ban.id,
        identity=identity,
        state=state,
        action=current.action if current else Action.REPORT,
        stage=current,
        next_stage=following,
        exception=exception,
        exception_until=until,
        min_notice=ban.min_notice,
        no_later_than=ban.no_later_than,
        why=(sentence,),
    )
    return decision, sentence


def _what(seen: Observation, identity: Identity, name: str) -> str:
    """What was seen, as a person may read it. A setting shows what is configured, never what is used."""
    if seen.setting.startswith(MODEL):
        return f"{name} is configured with the model {seen.setting[len(MODEL) :]}"
    if seen.face is Face.SETTING:
        return f"{seen.name} is configured to start {name}"
    return f"this is {name} {identity.version or '(version unknown)'}, by {', '.join(identity.matches)}"


def _state(
    standing: _Standing, stages: Sequence[Stage], identity: Identity, now: Instant
) -> tuple[State, str, Instant | None, str | None]:
    if identity.confidence is Confidence.WEAK:
        sign = "what it left behind" if Match.RESIDUE in identity.matches else "its name"
        return State.WEAK, f"only {sign} says so, which is reported and never acted on.", None, None
    if standing.scope_why:
        return State.OUT_OF_SCOPE, standing.scope_why, None, None
    grant = max((e for e in standing.exceptions if e.until > now), key=lambda e: e.until, default=None)
    if grant:
        return State.EXCEPTED, f"exception {grant.id} until {format_instant(grant.until)}.", grant.until, grant.id
    if standing.paused_until > now:
        return State.PAUSED, f"the ban is paused until {format_instant(standing.paused_until)}.", None, None
    if standing.admitted is None:
        return State.NOT_IN_ROLLOUT, "no step of the rollout takes this device in.", None, None
    current = _last(stages, now)
    if current:
        return State.ACTIVE, f"{current.action} since {format_instant(current.start)}.", None, None
    if standing.admitted > now:
        when = format_instant(standing.admitted)
        return State.NOT_IN_ROLLOUT, f"the rollout reaches this device at {when}.", None, None
    first = stages[0]
    return State.ANNOUNCED, f"{first.action} from {format_instant(first.start)} on.", None, None


def _effective_stages(standing: _Standing) -> list[Stage]:
    """The stages as this device meets them: none before the rollout reaches it."""
    admitted = standing.admitted
    if admitted is None:
        return []
    return [stage._replace(start=max(stage.start, admitted)) for stage in standing.ban.stages]


def _stages_towards(seen: Observation, standing: _Standing) -> list[Stage]:
    """The stages for what was seen. A setting is told about and never acted on, whatever the ban asks for."""
    stages = _effective_stages(standing)
    if seen.face is not Face.SETTING:
        return stages
    gentle = [s if s.action.rung <= Action.NOTIFY.rung else s._replace(action=Action.NOTIFY) for s in stages]
    return [s for n, s in enumerate(gentle) if not any(s.action is before.action for before in gentle[:n])]


def _last(stages: Sequence[Stage], now: Instant) -> Stage | None:
    begun = [stage for stage in stages if stage.start <= now]
    return begun[-1] if begun else None


def _first_after(stages: Sequence[Stage], now: Instant) -> Stage | None:
    later = [stage for stage in stages if stage.start > now]
    first = min((stage.start for stage in later), default=None)
    return max((s for s in later if s.start == first), key=lambda s: s.action.rung, default=None)


def _moments(standing: _Standing) -> Iterable[Instant]:
    yield from (stage.start for stage in _effective_stages(standing))
    yield from (grant.until for grant in standing.exceptions)
    if standing.admitted is not None:
        yield standing.admitted
    if standing.ban.no_later_than is not None:
        yield standing.ban.no_later_than
    yield standing.paused_until


def _standing(ban: Ban, device: Device, exceptions: Sequence[ExceptionGrant], pauses: Sequence[Pause]) -> _Standing:
    return _Standing(
        ban=ban,
        scope_why=_scope_why(ban.scope, device),
        admitted=_admission(ban, device),
        exceptions=tuple(e for e in exceptions if e.ban == ban.id and e.device == device.id),
        paused_until=max((p.until for p in pauses if p.ban == ban.id), default=Instant(0)),
    )


def _scope_why(scope: Mapping[str, tuple[str, ...]], device: Device) -> str:
    """Why this device is out of scope, or nothing. An attribute that is not set never lets the ban act."""
    checks: tuple[tuple[str, Callable[[], bool], str], ...] = (
        ("kinds", lambda: device.kind in scope["kinds"], f"it does not name devices of kind {device.kind}."),
        ("ownership", lambda: device.ownership in scope["ownership"], f"it does not name {device.ownership} devices."),
        ("regions", lambda: device.region in scope["regions"], f"it does not name region {device.region}."),
    )
    for field, inside, sentence in checks:
        if not scope.get(field):
            continue
        if field == "regions" and device.region is None:
            return "it names regions and this device's region is not set: reported only."
        if not inside():
            return sentence
    if (scope.get("groups") or scope.get("except_groups")) and device.groups is None:
        return "it names groups and this device's groups are not set: reported only."
    groups = device.groups or frozenset()
    if scope.get("groups") and not groups & set(scope["groups"]):
        return "this device is in none of the groups that it names."
    spared = groups & set(scope.get("except_groups", ()))
    return f"group {sorted(spared)[0]} is left out." if spared else ""


def _admission(ban: Ban, device: Device) -> Instant | None:
    """When the rollout takes the device in. A group step with groups not set waits for the percentages."""
    if not ban.rollout:
        return Instant(0)
    bucket = rollout_bucket(ban.id, device.id)
    groups = device.groups or frozenset()
    return min((step.start for step in ban.rollout if step.groups & groups or bucket < step.percent), default=None)


def _strength(decision: Decision) -> tuple[int, int, list[int]]:
    return decision.action.rung, decision.identity.confidence.rank, [-ord(char) for char in decision.ban]


def parse_ban(text: Mapping[str, object], tools: Mapping[str, ToolFaces]) -> Ban:
    """Reads one ban of a compiled policy; of its tools, the packages and the scheme of versions are looked at.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is not as `policy_schema.document.compile` writes it.
    """
    scope = _map(text.get("scope"))
    limit = text.get("no_later_than")
    return Ban(
        id=str(text["id"]),
        targets=tuple(parse_target(_map(t), tools) for t in _list(text.get("targets"))),
        allowed=parse_allowed([_map(e) for e in _list(text.get("except"))]),
        stages=tuple(sorted((_stage(_map(s)) for s in _list(text["stages"])), key=lambda s: s.start)),
        rollout=tuple(_step(_map(s)) for s in _list(text.get("rollout"))),
        scope={key: tuple(_strings(value)) for key, value in scope.items()},
        min_notice=_int(text.get("min_notice") or 0),
        no_later_than=Instant(_int(limit)) if limit is not None else None,
        text=text,
        families=tuple(_strings(text.get("families"))),
    )


def _stage(text: Mapping[str, object]) -> Stage:
    start, action = Instant(_int(text["from"])), Action(str(text["action"]))
    if action.rung <= Action.NOTIFY.rung:
        return Stage(start, action)  # of a model ban, which says no more
    return Stage(start, action, _int(text["let_finish"]), _int(text["kill_after"]))


def _step(text: Mapping[str, object]) -> RolloutStep:
    return RolloutStep(
        Instant(_int(text["from"])), frozenset(_strings(text.get("groups"))), _int(text.get("percent") or 0)
    )


def _int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} stands where a whole number is expected")
    return value


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _strings(value: object) -> list[str]:
    return [str(item) for item in _list(value)]
