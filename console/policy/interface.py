"""What the console's pages, reports and decisions know of a policy. Instants and durations in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Stage(NamedTuple):
    """From an instant on, one rung: `notify`, `block` or `remove`."""

    start: int
    action: str
    let_finish: int
    kill_after: int


class Ring(NamedTuple):
    """From an instant on, these groups or this share of all devices are in."""

    start: int
    groups: tuple[str, ...]
    percent: int
    """0: the groups alone."""


class Claim(NamedTuple):
    """What a ban rests on, and how sure anybody is."""

    claim: str
    standing: str
    """`alleged`, `confirmed` or `withdrawn`."""
    disputed_by: str
    says: str
    dispute_source: str
    fixed_in: str
    source: str
    checkable: bool
    """`interdict-policy evidence` can look at it again."""


class Decision(NamedTuple):
    """Who decided the ban, on what paper, and when it is looked at again. All empty where it is not said."""

    by: str = ""
    date: str = ""
    reference: str = ""
    review_by: str = ""


class Target(NamedTuple):
    """One banned tool, in all versions (empty) or a range."""

    tool: str
    name: str
    vendor: str
    versions: str


class Alternative(NamedTuple):
    """What to use instead."""

    name: str
    tool: str
    url: str


class Ban(NamedTuple):
    """One ban of a policy. A model ban has families in place of targets and ends at `notify`."""

    id: str
    targets: tuple[Target, ...]
    families: tuple[str, ...]
    classification: str
    decision: Decision
    reasons: Mapping[str, str]
    """Language (BCP 47) to text."""
    claims: tuple[Claim, ...]
    alternatives: tuple[Alternative, ...]
    links: tuple[tuple[str, str], ...]
    """Title and address."""
    stages: tuple[Stage, ...]
    """By time."""
    rings: tuple[Ring, ...]
    """By time; none: everybody from the first stage on."""
    scope: Mapping[str, tuple[str, ...]]
    min_notice: int
    no_later_than: int | None
    cure: str
    needs: tuple[str, ...]

    @property
    def name(self) -> str:
        """What people call it: the names of its tools, or the families of models."""
        names = tuple(dict.fromkeys(target.name for target in self.targets)) or self.families
        return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") if names else self.id

    @property
    def is_of_models(self) -> bool:
        """Whether it bans models, not tools."""
        return bool(self.families)

    @property
    def deadline(self) -> int | None:
        """When the first stage begins that acts; None where none does."""
        return next((stage.start for stage in self.stages if stage.action in ("block", "remove")), None)

    def stage(self, now: int) -> Stage | None:
        """The stage in force; None before the first."""
        return next((stage for stage in reversed(self.stages) if stage.start <= now), None)

    def next_stage(self, now: int) -> Stage | None:
        """The stage that comes next; None after the last."""
        return next((stage for stage in self.stages if stage.start > now), None)

    def percent(self, now: int) -> int:
        """The share of all devices that the rollout reaches now, its groups aside."""
        if not self.rings:
            return 100 if self.stage(now) else 0
        return max((ring.percent for ring in self.rings if ring.start <= now), default=0)

    def reason(self, language: str, otherwise: str = "en") -> str:
        """The reason in a language, in the policy's own, or in any."""
        return self.reasons.get(language) or self.reasons.get(otherwise) or next(iter(self.reasons.values()), "")


class Lifted(NamedTuple):
    """A ban that is over."""

    id: str
    date: str
    reasons: Mapping[str, str]
    quarantine: str


class Version(NamedTuple):
    """One policy that the console adopted, without its bans."""

    serial: int
    """Counts what this console adopted; the highest is in force."""
    version: int
    """That of the signed file: what devices report."""
    policy_id: str
    organisation: str
    signers: tuple[str, ...]
    threshold: int
    solo: bool
    """One person alone decides."""
    signed_at: int
    adopted_at: int
    confirmed_at: int
    """When a server last showed that it was the newest."""
    expires: Mapping[str, int]
    """Role (root, timestamp, snapshot, targets) to the end of its signatures."""
    expires_at: int
    """The first of these."""
    granted_version: int
    """The version of the exceptions and pauses beside it; 0: there are none."""


class Policy(NamedTuple):
    """A policy with everything in it."""

    version: Version
    bans: tuple[Ban, ...]
    """Bans of tools, then bans of models, each in the order of the document."""
    lifted: tuple[Lifted, ...]
    approved: tuple[str, ...]
    contacts: Mapping[str, str]
    time_zone: str
    default_language: str
    max_days: int
    """The longest exception, in days."""
    pending_hold: int
    pause_max: int
    """The longest pause."""
    pause_automatic: int
    """The longest pause that the brake of the fleet may set by itself; 0: none."""
    tools: Mapping[str, str]
    """Id to name, of every tool in the document."""
    document: bytes
    """The closed policy, word for word."""

    def ban(self, name: str) -> Ban | None:
        """The ban of this id."""
        return next((ban for ban in self.bans if ban.id == name), None)


class Trouble(NamedTuple):
    """Something that is wrong with the policy as this console sees it, for the page Health."""

    code: str
    """Of the closed list of refusals; beside it `not-set-up`, `never-asked`, `expires-soon`, `exceptions-refused`, and
    of what was decided: `not-published`, `alarm`, `paused`."""
    message: str
    advice: str
    since: int | None
    source: str
