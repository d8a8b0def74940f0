"""A policy as an author writes it. Times are local to the organisation; nothing is resolved yet."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, PrivateAttr

from policy_schema.document.base import Part
from policy_schema.document.problems import Places
from policy_schema.document.scalars import (
    Day,
    Duration,
    Exact,
    Identifier,
    Label,
    Language,
    Line,
    Link,
    Moment,
    Package,
    PackageMaybeVersion,
    Paragraph,
    Sha256,
    ToolId,
    ToolIds,
    Version,
    Zone,
)
from policy_schema.document.tool import Tool
from policy_schema.rules.decision import Action


class Standing(StrEnum):
    """How sure anybody is of a claim."""

    ALLEGED = "alleged"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


class Cure(StrEnum):
    """What ends a finding: the tool goes, or an allowed version comes."""

    REMOVE = "remove"
    UPDATE = "update"


class Kind(StrEnum):
    """What a device is for."""

    WORKSTATION = "workstation"
    SERVER = "server"
    CI = "ci"
    KIOSK = "kiosk"


class Ownership(StrEnum):
    """Whose a device is."""

    COMPANY = "company"
    PERSONAL = "personal"


class QuarantineAfter(StrEnum):
    """What happens to quarantined copies when a ban is lifted."""

    RESTORE = "restore"
    OFFER = "offer"
    KEEP = "keep"


class InventoryLevel(StrEnum):
    """What of a machine's inventory is sent."""

    MATCHES_ONLY = "matches-only"


class ModelAction(StrEnum):
    """The rungs of a model ban: a setting shows "configured", never "used", so nothing is stopped."""

    REPORT = "report"
    NOTIFY = "notify"


class Organisation(Part):
    """Whose policy this is. Times of the document are in its time zone."""

    name: Line
    time_zone: Zone
    default_language: Language
    contacts: dict[Identifier, Link] = Field(default_factory=dict)


class Target(Part):
    """One of tool, vendor and category; `except` leaves tools out of the two wide ones (`approved` = the list)."""

    tool: ToolId | None = None
    vendor: Line | None = None
    category: Line | None = None
    versions: Line | None = None
    spared: ToolIds = Field(default=(), alias="except")


class Spared(Part):
    """A package, file or folder that the ban does not mean."""

    purl: PackageMaybeVersion | None = None
    sha256: Sha256 | None = None
    path: Line | None = None


class DecisionRecord(Part):
    """Who decided this, on what paper, and when it is looked at again."""

    by: Line
    date: Day
    reference: Line | None = None
    review_by: Day | None = None


class Dispute(Part):
    """Who says otherwise, and what."""

    who: Line
    says: Line
    source: Link | None = None


class Check(Part):
    """How anybody can check a claim: texts that a version of a package contains or not."""

    package: Package
    contains_all: tuple[Exact, ...] = Field(min_length=1, max_length=16)
    expect: dict[Version, bool] = Field(min_length=1)


class Claim(Part):
    """What a ban rests on, and how sure anybody is."""

    claim: Line
    standing: Standing
    disputed_by: Dispute | None = None
    fixed_in: Version | None = None
    source: Link | None = None
    check: Check | None = None


class Alternative(Part):
    """What to use instead."""

    name: Line
    tool: ToolId | None = None
    url: Link


class NamedLink(Part):
    """A page that helps."""

    title: Line
    url: Link


class Stage(Part):
    """From a time on, one rung."""

    start: Moment = Field(alias="from")
    action: Action
    let_finish: Duration = 4 * 3600
    kill_after: Duration = 30


class ModelStage(Part):
    """From a time on, report or notify."""

    start: Moment = Field(alias="from")
    action: ModelAction


class RolloutStep(Part):
    """From a time on, these groups or this share of all devices are in."""

    start: Moment = Field(alias="from")
    groups: tuple[Label, ...] = ()
    percent: int | None = Field(default=None, ge=1, le=100)


class Scope(Part):
    """Which devices a ban acts on: company workstations unless named otherwise."""

    regions: tuple[Label, ...] = ()
    groups: tuple[Label, ...] = ()
    except_groups: tuple[Label, ...] = ()
    kinds: tuple[Kind, ...] = (Kind.WORKSTATION,)
    ownership: tuple[Ownership, ...] = (Ownership.COMPANY,)


class Ban(Part):
    """What is not allowed, why, from when, and what instead."""

    id: Identifier
    targets: tuple[Target, ...] = Field(min_length=1, max_length=200)
    spared: tuple[Spared, ...] = Field(default=(), alias="except", max_length=1000)
    classification: Line | None = None
    decision: DecisionRecord | None = None
    reason: dict[Language, Paragraph] = Field(min_length=1)
    claims: tuple[Claim, ...] = Field(default=(), max_length=20)
    alternatives: tuple[Alternative, ...] = Field(default=(), max_length=5)
    links: tuple[NamedLink, ...] = Field(default=(), max_length=10)
    stages: tuple[Stage, ...] = Field(min_length=1, max_length=4)
    min_notice: Duration = 24 * 3600
    no_later_than: Moment | None = None
    cure: Cure = Cure.REMOVE
    scope: Scope = Scope()
    rollout: tuple[RolloutStep, ...] = Field(default=(), max_length=50)
    needs: tuple[Identifier, ...] = ()


class Lifted(Part):
    """A ban that is over. Written, never just left out: a ban that merely vanished would look like a mistake."""

    id: Identifier
    date: Day
    reason: dict[Language, Paragraph] = Field(min_length=1)
    quarantine: QuarantineAfter = QuarantineAfter.OFFER


class ModelBan(Part):
    """Model families that must not be configured. Ends at notify."""

    id: Identifier
    families: tuple[Identifier, ...] = Field(min_length=1, max_length=50)
    reason: dict[Language, Paragraph] = Field(min_length=1)
    alternatives: tuple[Alternative, ...] = Field(default=(), max_length=5)
    links: tuple[NamedLink, ...] = Field(default=(), max_length=10)
    stages: tuple[ModelStage, ...] = Field(min_length=1, max_length=2)
    scope: Scope = Scope()


class Exceptions(Part):
    """How long an exception may last, and how long a request in time holds a block."""

    max_days: int = 90
    pending_hold: Duration = 24 * 3600


class PauseLimit(Part):
    """How long a pause may last; `automatic`: one that the console's brake sets without asking anybody, 0 for none."""

    max: Duration = 72 * 3600
    automatic: Duration = 0


class Privacy(Part):
    """What leaves a machine. `person_level`: `default` for everybody, or an answer for a region. `notice_answers`: how
    often people pressed each button of a notice, counted for the whole device."""

    inventory: InventoryLevel = InventoryLevel.MATCHES_ONLY
    person_level: dict[Label, bool] = Field(default_factory=lambda: {"default": False})
    notice_answers: bool = False


class Included(Part):
    """A file that a policy includes: rows that are added to those of the policy."""

    approved: tuple[ToolId, ...] = ()
    bans: tuple[Ban, ...] = ()
    lifted: tuple[Lifted, ...] = ()
    model_bans: tuple[ModelBan, ...] = ()
    define: tuple[Tool, ...] = ()


class Policy(Part):
    """The whole document."""

    format: int = Field(alias="schema", ge=1, le=1)
    organisation: Organisation
    include: tuple[Line, ...] = ()
    approved: tuple[ToolId, ...] = ()
    bans: tuple[Ban, ...] = Field(default=(), max_length=10_000)
    lifted: tuple[Lifted, ...] = ()
    model_bans: tuple[ModelBan, ...] = ()
    exceptions: Exceptions = Exceptions()
    pause: PauseLimit = PauseLimit()
    privacy: Privacy = Privacy()
    define: tuple[Tool, ...] = Field(default=(), max_length=10_000)

    _places: Places = PrivateAttr(default=Places())

    @property
    def places(self) -> Places:
        """Where each value stands in the file that this was loaded from."""
        return self._places

    def standing_at(self, places: Places) -> Policy:
        """The same policy, knowing where its values stand."""
        self._places = places
        return self
