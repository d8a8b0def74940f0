"""What shall be done (`Intent`), what came of it (`Outcome`), and who does it (`Actor`).

Pure values: no file, no clock. `agent.cases` makes intents, the brake may lower them, an actor carries one out,
the daemon writes the outcome into the journal. To report is not an act; there is no actor for it.
To add an action: one file beside this one with `KIND` and an actor, one line in `agent.enforce.ACTIONS`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol

from agent.cases import Kind
from agent.persons import About
from policy_schema.messages.codes import OutcomeCode
from policy_schema.rules.decision import Action
from policy_schema.rules.instant import Instant

__all__ = ["Actor", "Detail", "Intent", "Kind", "Occupant", "Outcome", "OutcomeCode", "Words"]


class Detail(StrEnum):
    """Why a result is what it is: a closed list, since free text never leaves a machine."""

    NONE = ""
    # where it is, or was
    ALREADY_GONE = "already-gone"
    CHANGED_SINCE_FOUND = "changed-since-found"
    CHANGED_WHILE_MOVING = "changed-while-moving"
    IN_PROJECT = "in-project"
    # what the guard at the door refuses
    HOME_FOLDER = "home-folder"
    MOUNT_POINT = "mount-point"
    MOUNT_INSIDE = "mount-inside"
    NOT_LOCAL = "not-local"
    OWN_FILES = "own-files"
    PROTECTED_PROCESS = "protected-process"
    SYSTEM_FOLDER = "system-folder"
    TOO_MANY_ENTRIES = "too-many-entries"
    # what the machine refuses
    DO_NOT_DISTURB = "do-not-disturb"
    """The person does not want to be disturbed, or others see their screen: tried again later."""
    COPY_DIFFERS = "copy-differs"
    DENIED = "denied"
    DISK_FULL = "disk-full"
    IMMUTABLE = "immutable"
    NO_DESKTOP = "no-desktop"
    NO_MANAGER = "no-manager"
    """Nobody is known who could uninstall it, or their program is not there: it is quarantined instead."""
    MANAGER_FAILED = "manager-failed"
    """The manager could not, or did not say what it would do."""
    TAKES_OTHERS = "takes-others"
    """The manager would have taken, or brought in, something else as well."""
    UNSAFE_PREFIX = "unsafe-prefix"
    """Root would have run something that others can change."""
    NEEDS_UNINSTALL = "needs-uninstall"
    """Its files lie among those of others (a PyPI package, one of the system): only its own manager can take it out."""
    NO_VAULT = "no-vault"
    POLICY_CHANGED = "policy-changed"
    """Not begun: another policy came into force while it waited, and is asked first."""
    READ_ONLY = "read-only"
    SPECIAL_FILE = "special-file"
    STILL_RUNNING = "still-running"
    SYSTEM_ERROR = "system-error"
    # what came of it
    ALREADY_RESTORED = "already-restored"
    ATTRIBUTES_LOST = "attributes-lost"
    """Restored by a copy that could not keep every owner or extended attribute; the manifest has them."""
    BESIDE_ORIGINAL = "beside-original"
    """Restored as `NAME.restored-ID`: the old place is occupied, or its folder is another one."""
    CONTENT_CHANGED = "content-changed"
    """Restored, but a file differs from its recorded sha256: somebody still had it open for writing."""
    OTHER_NAMES_REMAIN = "other-names-remain"
    """Quarantined, but a hard link outside the tree still leads to one of its files."""
    UNFINISHED = "unfinished"
    """Taken, and safe in the vault; the last steps failed and the next start finishes them."""
    UNKNOWN_ID = "unknown-id"


class Occupant(NamedTuple):
    """A process whose program or working directory lies inside a quarantined tree; `started` in epoch seconds."""

    pid: int
    started: float


class Intent(NamedTuple):
    """One thing to do now. Empty text, None and 0 mean "does not apply to this kind"."""

    kind: Kind
    finding_id: str
    installation_id: str
    case: str
    """Key of the case this belongs to."""
    action: Action
    """The rung that asks for it."""
    ban: str
    tool: str
    path: str = ""
    """Absolute, canonical: the folder or file to take, or the file that a process runs."""
    identity: tuple[int, int] | None = None
    """(st_dev, st_ino) of `path` when it was found; another thing at that path is left alone."""
    pid: int | None = None
    started: float | None = None
    uid: int = -1
    """Owner of the installation or process, or the person to tell."""
    links: tuple[str, ...] = ()
    """Other names to take along: links in PATH folders that lead into the tree, hard links of its files."""
    purl: str = ""
    package: bool = False
    """True when `path` is the folder of one package, extension or app: it may hold many files."""
    project: bool = False
    """True inside a project folder: nothing is removed there, the person is told file and line."""
    reason: str = ""
    """The policy's sentence for the person, in the language of that person; kept beside what was taken."""
    policy_version: int = 0
    quarantine_id: str = ""
    """For `restore`: which quarantine (`q-…`)."""
    let_finish_until: Instant | None = None
    kill_after: int = 30
    """Seconds between TERM and KILL."""
    title: str = ""
    """For `notify`: the notice, composed from the signed policy, in the language of that person."""
    body: str = ""
    brief: str = ""
    """For `notify`: the same in at most two lines, for a terminal."""
    plain: str = ""
    """For `notify`: these in English and ASCII, for a console that has no other glyphs."""
    countdown: int = 0
    """For `notify`: which mark of the countdown this is, in seconds before the end; 0 for a stage's own notice."""
    manager: str = ""
    """For `uninstall`: who installed it (`npm`, `pip`, …)."""
    prefix: str = ""
    """For `uninstall`: the manager's prefix or environment that holds it."""
    home: str = ""
    """For `uninstall`: the home below which it lies; empty elsewhere."""
    extension: str = ""
    """For `uninstall`: the key of an extension (`vscode:publisher.name`)."""
    parts: tuple[tuple[str, tuple[int, int] | None], ...] = ()
    """For `uninstall`: every path of the installation with its (device, inode); its own comes last."""
    signpost: str = ""
    """What to leave in the place of its commands; empty: nothing."""
    came_back: int = 0
    """How often it was removed and came back."""
    about: About = About.STAGE
    """For `notify`: what it is about, if it is no stage's own."""
    buttons: tuple[tuple[str, str, str], ...] = ()
    """For `notify`: what can be pressed, as in `Words`."""
    presses: bool = False
    """For `notify`: it is about what happens now or within the hour, and stays on the screen."""
    beside: tuple[tuple[str, str], ...] = ()
    """For `notify`: (ban, tool) of what else is said with it."""


class Words(NamedTuple):
    """What a person reads: a notice's title and body, and the same in two lines for a terminal."""

    title: str = ""
    body: str = ""
    brief: str = ""
    signpost: str = ""
    """What stands in the place of its commands when it is gone."""
    buttons: tuple[tuple[str, str, str], ...] = ()
    """For desktops that show them: key (`policy_schema.messages.local.KEYS`), label, and what it opens or nothing."""
    plain: str = ""
    """`brief` in English and ASCII, for a console that has no other glyphs."""


class Outcome(NamedTuple):
    """What came of an intent."""

    intent: Intent
    result: OutcomeCode
    detail: Detail
    at: Instant
    look_again: tuple[str, ...] = ()
    """Folders to look at anew: absence there closes the case."""
    where: str = ""
    """For the person at the machine only: where it was restored to, or `FILE:LINE` of a project's manifest."""
    quarantine_id: str = ""
    source: str = ""
    """What likely brings it back: a code of `agent.enforce.comeback.Source`."""
    brought_by: str = ""
    """The same as a sentence with the place, for the person at the machine only."""
    occupants: tuple[Occupant, ...] = ()
    """Processes that live inside what was quarantined; the daemon ends them."""


class Actor(Protocol):
    """Carries out intents of one kind."""

    def act(self, intent: Intent) -> Outcome:
        """Does it and says what came of it; a refusal of the machine is an outcome, never an exception."""
        ...
