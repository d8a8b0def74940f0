"""What `agent.cases` reckons with: cases, the things they are about, what is wished for, what a step answers."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from agent.persons import About, Person
from policy_schema.messages.report import FindingLine
from policy_schema.rules.decision import Action, Decision, State
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Face

CAME_BACK_LIMIT = 3
"""What comes back this often is no longer removed: somebody's dotfiles or settings sync wins every time."""
NOTICE_RETRY = 300
"""Seconds until a notice that could not be shown is tried again."""


class Kind(StrEnum):
    """What an intent asks an actor to do."""

    NOTIFY = "notify"
    UNINSTALL = "uninstall"
    QUARANTINE = "quarantine"
    RESTORE = "restore"
    STOP = "stop"


class Subject(NamedTuple):
    """What a finding is about: one installation, or one process."""

    finding: str
    installation: str
    ban: str
    tool: str
    face: Face
    path: str
    uid: int
    owner: str = ""
    purl: str = ""
    version: str = ""
    project: bool = False
    pid: int | None = None
    started: float | None = None
    manager: str = ""
    links: tuple[str, ...] = ()
    parts: tuple[tuple[str, tuple[int, int] | None], ...] = ()
    """What an act on the installation takes: each path with its (device, inode); its own path comes last."""
    setting: str = ""
    """What a settings file says (`model:…`, `mcp:…`); stays here. `tool` is whose model it is, or what runs."""
    prefix: str = ""
    """Its manager's prefix or environment."""
    home: str = ""
    """The home below which it lies; empty elsewhere."""
    extension: str = ""
    """The key of an extension, such as `vscode:publisher.name`."""


class Case(NamedTuple):
    """What this machine remembers of one finding."""

    subject: Subject
    first_seen: Instant
    state: State = State.ANNOUNCED
    action: Action = Action.REPORT
    outcome: str = ""
    outcome_at: Instant = Instant(0)
    tries: int = 0
    came_back: int = 0
    gone_at: Instant | None = None
    held_until: Instant = Instant(0)
    finish_until: Instant | None = None
    counted_down: tuple[int, ...] = ()
    policy_version: int = 0
    settled: bool = False
    """Nothing more is done about it under this policy version (left in a project, refused by the guard)."""
    line: FindingLine | None = None
    """The last line that was queued for the console, that it is gone included."""
    by_hand: bool = False
    """Its manager could not uninstall it: it is quarantined."""
    brought_by: str = ""
    """What likely brings it back, as a sentence for the person at the machine; it stays there."""
    wished: bool = False
    """Its owner asked to have it removed now."""


class Wish(NamedTuple):
    """One thing to do now, as the case sees it; the daemon makes an Intent of it for the actor."""

    kind: Kind
    subject: Subject
    action: Action
    finish_until: Instant | None = None
    kill_after: int = 30
    countdown: int = 0
    came_back: int = 0
    about: About = About.STAGE
    """Of a notice: what it is about."""
    after: About = About.STAGE
    """Of a stage's notice: what is over that held the ban."""
    presses: bool = False
    """Of a notice: it is about what happens now or within the hour, so it waits for no quiet hours."""
    beside: tuple[tuple[str, str], ...] = ()
    """Of a reminder: (ban, tool) of what else is said with it."""


class Conditions(NamedTuple):
    """What `step` must know of the moment beside the decision."""

    now: Instant
    believable: bool = True
    """Whether the clock can be believed for `remove`."""
    observe: bool = False
    running: bool = False
    """Whether processes of this installation still run."""
    hold: str = ""
    """Why the brake holds acts of this ban, or nothing."""
    restored: bool = False
    """Whether an administrator restored it under this policy version."""
    pending_hold: int = 0
    """For how long, in seconds, a request for an exception holds everything."""
    quiet_until: Instant | None = None
    """The end of this machine's quiet hours, within them."""
    spread: int = 0
    """Seconds by which this device tells of a stage after its beginning, so that a fleet does not all at once."""


class Standing(NamedTuple):
    """How a finding stands now; what reports, notices and `status` show."""

    state: State
    action: Action
    why: tuple[str, ...]


class Step(NamedTuple):
    """The result of one step."""

    case: Case
    person: Person
    standing: Standing
    wishes: tuple[Wish, ...]
    wake: Instant | None
    """When the same question can have another answer although nothing happens."""


class Current(NamedTuple):
    """One finding as it is now: everything that a view, a notice or a report needs."""

    subject: Subject
    decision: Decision
    standing: Standing
    case: Case
