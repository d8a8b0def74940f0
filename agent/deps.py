"""Builds everything the agent is made of: the only place that chooses real parts. Nothing here decides anything."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import NamedTuple

from agent import brake as braking
from agent.actors import Actors
from agent.administrator import Administrator
from agent.cases import Kind
from agent.configured import first_trust, load_settings, settings_mark
from agent.console_link import ConsoleLink
from agent.daemon import FLOOR, Daemon, Parts
from agent.decider import Decider
from agent.deps_looking import examiner, homes, owners
from agent.desk import Desk, spoken
from agent.device_key import DeviceKey, ensure_key
from agent.enforce.interface import Actor, Intent, Words
from agent.enforce.ledger import Ledger
from agent.enforce.making import actor_makers
from agent.errors import InterdictError, StateBroken
from agent.events import Event, EventLog
from agent.examiner import Examiner
from agent.file_content import FileContent
from agent.guardian import Doors, Guardian
from agent.host import processes
from agent.host.child import weaknesses
from agent.host.clock import BUILD_TIME, Clock, SystemClock, ahead_of_utc, wall
from agent.host.files import take_lock
from agent.host.person_socket import NAME as SOCKET
from agent.host.person_socket import listen
from agent.host.service_manager import ServiceManager
from agent.host.sessions import is_console, sessions, terminal_of, write_terminal_of
from agent.host.state_folder import make_state_folder
from agent.host.users import person_of
from agent.inbox import GateSaid, Inbox
from agent.inventory import SOURCES
from agent.inventory.interface import Look
from agent.inventory.machine import open_machine
from agent.inventory.runner import look
from agent.ipc.gate_messages import Refused
from agent.ipc.gate_start import Gate, open_gate
from agent.ipc.people import PeopleDoor
from agent.looker import Looker, Order
from agent.memory import Memory
from agent.messenger import Messenger, PolicyDoor
from agent.notice_answers import NoticeAnswers
from agent.policy import children
from agent.policy.refresh import Adopted, Place, Refresh, refresh, restore
from agent.policy.store import Store
from agent.policy_in_force import PolicyInForce
from agent.quiet_hours import quiet_until
from agent.report.journal import Journal
from agent.report.mending import SecondCopy, open_journal
from agent.report.outbox import Outbox
from agent.report.views import Views
from agent.reporter import Reporter, Sources
from agent.settings import Settings
from agent.supervise import Part, Supervisor
from agent.version import VERSION
from agent.watch.choose import choose_watcher
from agent.watch.files import FilesWatcher
from agent.watch.interface import ProcessWatcher
from agent.watch.sight import Sight
from agent.wording import Wording
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Observation

_BOOT = "boot"


class _Base(NamedTuple):
    """What nearly every part needs."""

    settings: Settings
    log: EventLog
    inbox: Inbox
    journal: Journal
    clock: Clock
    memory: Memory
    views: Views
    key: DeviceKey
    policy: PolicyInForce
    unlock: Callable[[], None]

    def now(self) -> Instant:
        """The instant that decisions are made with."""
        return self.clock.now().instant


class _Watching(NamedTuple):
    """What sees starts and changes."""

    sight: Sight
    content: FileContent
    examiner: Examiner
    looker: Looker
    processes: ProcessWatcher
    folders: FilesWatcher


def build_daemon(settings: Settings) -> Daemon:
    """The daemon with everything that belongs to it.

    Raises:
        StateBroken: the state folder cannot be made or used.
    """
    base = _base(settings)
    watching = _watching(base)
    watching.sight.recall_all(base.memory.running())
    decider, outbox = _deciding(base)
    messenger = _messenger(base)
    supervisor = Supervisor(base.log)
    people = _people(base)
    actors = Actors(
        make=_actors(base, watching.sight, people),
        inbox=base.inbox,
        log=base.log,
        now=base.now,
        policy_version=functools.partial(_version_acted_by, base),
    )
    gate = open_gate(settings, lambda event: base.inbox.put(GateSaid(event)))
    guardian = _guardian(base, watching, decider, actors, gate)
    parts = Parts(
        settings=settings,
        clock=base.clock,
        log=base.log,
        inbox=base.inbox,
        journal=base.journal,
        memory=base.memory,
        decider=decider,
        policy=base.policy,
        outbox=outbox,
        reporter=Reporter(
            _sources(base, watching, decider, outbox, messenger, supervisor, guardian), started_at=base.now()
        ),
        actors=actors,
        administrator=_administrator(base),
        second_copy=SecondCopy(base.journal, settings.state_dir),
        looker=watching.looker,
        examiner=watching.examiner,
        messenger=messenger,
        desk=_desk(base, decider, outbox),
        guardian=guardian,
        supervisor=supervisor,
        service=ServiceManager(),
        ledger=Ledger(state_dir=settings.state_dir, now=base.now, vault_dir=settings.vault_dir),
        content=watching.content,
        watch_folders=watching.folders.watch,
        recover=functools.partial(_recover, base),
        settings_mark=lambda: settings_mark(settings),
        reload=lambda: load_settings(settings.file),
        threads=(
            *_threads(settings, watching, messenger, actors),
            Part("people", people.run),
            *guardian.parts(gate.run),
        ),
        unlock=base.unlock,
    )
    return Daemon(parts)


def _administrator(base: _Base) -> Administrator:
    return Administrator(
        state_dir=base.settings.state_dir,
        memory=base.memory,
        journal=base.journal,
        log=base.log,
        clock=base.clock,
        wall=wall,
    )


def _version_acted_by(base: _Base) -> int:
    """Of the policy in force; while the agent is paused that of none: what still waits to be done is asked for anew."""
    rules = base.policy.rules
    return rules.book.version if rules and not braking.paused_until(base.memory.brake, base.now()) else 0


def _base(settings: Settings) -> _Base:
    make_state_folder(settings.state_dir)
    unlock = take_lock(os.path.join(settings.state_dir, "lock"))
    if unlock is None:
        raise StateBroken(f"{settings.state_dir}: another agent uses it", "Stop that one first, or set state_dir.")
    log, inbox, views = EventLog(), Inbox(), Views(settings.state_dir)
    journal = open_journal(os.path.join(settings.state_dir, "journal.db"), lambda why: _journal_lost(log, why))
    _same_start_times(journal)
    clock = SystemClock(Instant(int(journal.meta(FLOOR) or BUILD_TIME)))
    key = ensure_key(settings.state_dir, children.signer(settings.adopter_user))
    policy = PolicyInForce(
        settings=settings, journal=journal, views=views, clock=clock, log=log, device_id=lambda: key.device
    )
    return _Base(settings, log, inbox, journal, clock, Memory(journal), views, key, policy, unlock)


def _journal_lost(log: EventLog, why: str) -> None:
    log.write(Event.JOURNAL, what="set-aside", why=why)


def _deciding(base: _Base) -> tuple[Decider, Outbox]:
    outbox = Outbox(base.journal, lambda: decider.whole())
    decider = Decider(
        journal=base.journal,
        memory=base.memory,
        log=base.log,
        compose=_wording(base, lambda: decider),
        queue=outbox.queue if base.settings.server else lambda lines: None,
        observe=base.settings.mode == "observe",
        pseudonym=functools.partial(_pseudonym, base),
        cover=functools.partial(_cover, base.key.private.encode()[:64]),
        quiet=quiet_until(base.settings.quiet_hours, ahead_of_utc),
    )
    return decider, outbox


def _cover(key: bytes, name: str) -> str:
    """An id as it is reported, under the device's own key."""
    return name[:2] + blake2b(name.encode(), key=key, digest_size=5).hexdigest()


def _pseudonym(base: _Base, uid: int) -> str:
    """A person in reports: made with the device's own key, so nobody else can tell who it is; empty unless the policy
    says that reports may speak of persons at all."""
    if not base.policy.person_level or uid < 0:
        return ""
    return "p-" + blake2b(str(uid).encode(), key=base.key.private.encode()[:64], digest_size=8).hexdigest()


def _watching(base: _Base) -> _Watching:
    content, sight = FileContent(), Sight()
    return _Watching(
        sight=sight,
        content=content,
        examiner=examiner(base.settings, base.inbox, sight, content),
        looker=Looker(inbox=base.inbox, run=_look_run(base.settings), sources=SOURCES),
        processes=choose_watcher(sight.glance, interval=base.settings.process_poll),
        folders=FilesWatcher(),
    )


def _messenger(base: _Base) -> Messenger:
    return Messenger(
        settings=base.settings,
        inbox=base.inbox,
        door=_policy_door(base),
        link=_console_link(base.settings),
        key=base.key,
        now=base.now,
    )


def _sources(
    base: _Base,
    watching: _Watching,
    decider: Decider,
    outbox: Outbox,
    messenger: Messenger,
    supervisor: Supervisor,
    guardian: Guardian,
) -> Sources:
    """What reports and views are made of."""
    settings = base.settings
    return Sources(
        settings=settings,
        decider=decider,
        policy=base.policy,
        memory=base.memory,
        journal=base.journal,
        outbox=outbox,
        supervisor=supervisor,
        messenger=messenger,
        inbox=base.inbox,
        views=base.views,
        log=base.log,
        watch_health=lambda: [*_health(settings, watching, supervisor), *guardian.health()],
        guardian=guardian,
        answers=NoticeAnswers(base.journal, lambda: base.policy.counts_answers),
        homes=functools.partial(owners, settings),
    )


def _desk(base: _Base, decider: Decider, outbox: Outbox) -> Desk:
    return Desk(
        decider=decider,
        memory=base.memory,
        journal=base.journal,
        log=base.log,
        clock=base.clock.monotonic,
        here=lambda: (one.uid for one in sessions()),
        queue=outbox.queue if base.settings.server else lambda lines: None,
        pseudonym=functools.partial(_pseudonym, base),
        cover=functools.partial(_cover, base.key.private.encode()[:64]),
        answers=NoticeAnswers(base.journal, lambda: base.policy.counts_answers),
    )


def _people(base: _Base) -> PeopleDoor:
    path = os.path.join(base.settings.state_dir, SOCKET)
    return PeopleDoor(listen=lambda: listen(path), say=base.inbox.put, version=VERSION)


def _guardian(base: _Base, watching: _Watching, decider: Decider, actors: Actors, gate: Gate) -> Guardian:
    words = Wording(
        settings=base.settings,
        rules=lambda: base.policy.rules,
        told=lambda *_: None,
        places=lambda *_: 1,
        languages=functools.partial(spoken, base.journal),
    )
    doors = Doors(
        keeper=gate.keeper,
        write=gate.write,
        terminal=_on_terminal,
        words=words.refused,
        act=actors.do,
        look_at=watching.examiner.look_at,
        looker=watching.looker,
        homes=functools.partial(owners, base.settings),
    )
    return Guardian(
        doors=doors,
        decider=decider,
        memory=base.memory,
        journal=base.journal,
        inbox=base.inbox,
        log=base.log,
        clock=base.clock.monotonic,
    )


def _on_terminal(event: Refused, words: Words) -> bool:
    text = words.plain if is_console(terminal_of(event.tty)) else words.brief
    return write_terminal_of(event.tty, event.pid, event.uid, text)


def _threads(settings: Settings, watching: _Watching, messenger: Messenger, actors: Actors) -> tuple[Part, ...]:
    seen, changed = watching.examiner.event, watching.looker.event
    starts, folders = watching.processes, watching.folders
    return (
        Part("examiner", watching.examiner.run, watching.examiner.wake),
        Part("examiner-through", watching.examiner.look_through),
        Part("looker", watching.looker.run, watching.looker.wake),
        Part("policy", messenger.poll, messenger.wake),
        *((Part("console", messenger.carry),) if settings.server else ()),
        Part("processes", lambda stop: _keep_watching(starts.start, starts.stop, seen, stop)),
        Part("folders", lambda stop: _keep_watching(folders.start, folders.stop, changed, stop)),
        *actors.parts(),
    )


def _same_start_times(journal: Journal) -> None:
    """Start times are counted from one boot time for the whole boot, so that a restart knows the same processes."""
    boot, _, counted_from = journal.meta(_BOOT).partition(" ")
    if not boot or not processes.pin(processes.BootMark(boot, float(counted_from))):
        mark = processes.boot_mark()
        journal.set_meta(_BOOT, f"{mark.boot} {mark.time!r}")


def _wording(base: _Base, decider: Callable[[], Decider]) -> Wording:
    def told(ban: str, tool: str, uid: int) -> Instant | None:
        return min(base.memory.person(ban, tool, uid).told.values(), default=None)

    def places(ban: str, tool: str) -> int:
        rows = (row.subject for row in decider().current.values())
        return sum(1 for subject in rows if (subject.ban, subject.tool, subject.pid) == (ban, tool, None))

    return Wording(
        settings=base.settings,
        rules=lambda: base.policy.rules,
        told=told,
        places=places,
        languages=functools.partial(spoken, base.journal),
    )


def _policy_door(base: _Base) -> PolicyDoor:
    settings, journal = base.settings, base.journal
    store = Store(settings.state_dir)
    courier, adopter = children.courier(settings.courier_user), children.adopter(settings.adopter_user)

    def place() -> Place:
        return Place(settings.policy_url, _first_trust(settings), access_of(settings), base.key.device)

    def ask(in_force: Adopted | None) -> Refresh:
        now, seen = base.now(), journal.highest()
        return refresh(place(), store, courier=courier, adopter=adopter, now=now, seen=seen, in_force=in_force)

    return PolicyDoor(lambda: restore(place(), store, adopter=adopter, seen=journal.highest()), ask)


def access_of(settings: Settings) -> Mapping[str, object]:
    """How servers are reached, for the courier."""
    return {"proxy": settings.proxy, "ca_file": settings.ca_file}


def _first_trust(settings: Settings) -> bytes:
    """The first root; empty when there is none: then no policy can be trusted, and `status` says so."""
    try:
        return first_trust(settings)
    except InterdictError:
        return b""


def _console_link(settings: Settings) -> ConsoleLink | None:
    if not settings.server:
        return None
    courier, signer = children.courier(settings.courier_user), children.signer(settings.adopter_user)
    return ConsoleLink(server=settings.server, access=access_of(settings), courier=courier, signer=signer)


def _look_run(settings: Settings) -> Callable[[Order], Look]:
    def run(order: Order) -> Look:
        with open_machine(
            homes=settings.homes,
            path_folders=settings.path_folders,
            project_roots=settings.roots,
            hints=order.hints,
            wanted=order.wanted,
            system=settings.system,
            cache=order.cache,
            recall=order.recall,
            stopped=order.stopped,
        ) as machine:
            found = look(machine, (order.source,), changed=order.changed)
        seen = {name: tuple(map(_of_person, rows)) for name, rows in found.observations.items()}
        return found._replace(observations=seen)

    return run


def _of_person(seen: Observation) -> Observation:
    """What belongs to a subordinate user id belongs to the person who was given it."""
    person = person_of(seen.uid)
    return seen if person == seen.uid else seen._replace(uid=person)


def _actors(base: _Base, sight: Sight, people: PeopleDoor) -> Mapping[Kind, Callable[[], Actor]]:
    return actor_makers(
        base.settings,
        base.now,
        functools.partial(homes, base.settings),
        functools.partial(_still_runs, sight),
        people,
    )


def _still_runs(sight: Sight, intent: Intent) -> bool:
    """Whether the process still runs what was found: it may have called exec since."""
    return sight.still_runs(intent.pid or 0, intent.started or 0.0, intent.path, intent.identity)


def _recover(base: _Base) -> None:
    """At a start: what a kill or a full disk interrupted in a vault is finished or undone."""
    from agent.enforce.recovery import recover
    from agent.host.vault import find_vaults

    for vault in find_vaults(base.settings.state_dir, base.settings.vault_dir):
        with vault:
            for row in recover(vault, base.now):
                now = row.now.value if row.now else "undone"
                base.log.write(
                    Event.RECOVERED, quarantine=row.id, was=row.was.value, now=now, path=row.path, error=row.error
                )


def _health(settings: Settings, watching: _Watching, supervisor: Supervisor) -> list[tuple[str, str]]:
    """What makes the agent see or do less than it should, as (what, advice)."""
    rows = [(one.message, one.advice) for one in weaknesses(settings.courier_user, settings.adopter_user)]
    rows += [
        (f"the part {name} fails and is started again ({why})", "The agent's log says where; tell its makers.")
        for name, why in supervisor.troubles(time.monotonic())
    ]
    problem = watching.processes.health()
    if problem is not None:
        rows.append((f"{problem.where}: {problem.reason}", "Run the agent as root to be told of every start."))
    unwatched = Counter(place.reason for place in watching.folders.health())
    # Their number only: everybody may read this, and folders in homes have names.
    rows += [
        (f"{count} folders cannot be watched: {reason}", "They are looked at now and then instead.")
        for reason, count in unwatched.items()
    ]
    return rows


def _keep_watching(
    start: Callable[..., None], end: Callable[[], None], sink: Callable[..., None], stop: threading.Event
) -> None:
    start(sink)
    stop.wait()
    end()
