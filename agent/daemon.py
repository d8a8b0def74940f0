"""The daemon: refresh the policy, look, decide, act, report. One thread decides; everything else sends it messages.

The loop below is all there is to it. Parts run on threads of their own (`agent.deps` builds them, `agent.supervise`
keeps them running) and know nothing of each other. Whatever does not fit into the inbox becomes a whole look.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import NamedTuple, assert_never

from agent import brake as braking
from agent import inbox as box
from agent.actors import Actors
from agent.administrator import Administrator
from agent.decider import Decider
from agent.desk import Desk
from agent.enforce.interface import Detail, Intent, Kind, Outcome, OutcomeCode
from agent.enforce.ledger import Ledger, Ours
from agent.enforce.manifest import Record
from agent.enforce.restore import restore_intent
from agent.errors import BadSettings, InterdictError, StateDamaged
from agent.events import Event, EventLog
from agent.examiner import Examiner
from agent.file_content import FileContent
from agent.findings import is_still_taken
from agent.guardian import Guardian
from agent.host import processes
from agent.host.asked_to import tell_signals
from agent.host.clock import Clock
from agent.host.essentials import find_essentials, own_folders
from agent.host.service_manager import ServiceManager
from agent.inbox import Inbox
from agent.ipc.people import PersonSaid
from agent.lifting import given_back, version_of
from agent.looker import Looker
from agent.memory import Memory
from agent.messenger import Messenger
from agent.persons import About
from agent.policy_in_force import PolicyInForce
from agent.protected import protected_hits
from agent.report.journal import Journal
from agent.report.mending import SecondCopy
from agent.report.outbox import Outbox
from agent.reporter import Reporter
from agent.settings import Settings
from agent.supervise import Part, Supervisor
from agent.version import VERSION
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Confidence, Face, Observation
from policy_schema.rules.rulebook import DeviceRules

_VIEW_EVERY = 1.0
"""Seconds between two writings of the views at the most."""
_SETTINGS_EVERY = 30.0
"""Seconds between two looks at the settings file's times."""
_STUCK_WAIT = 1.0
"""Seconds until the next try when the state folder cannot be written."""
_START_TIME = 300
"""Seconds that a service manager is asked for: what a kill interrupted in a vault may be gigabytes."""
_CLEAN = "clean-end"
FLOOR = "clock-floor"


class Parts(NamedTuple):
    """What the daemon is made of; built in `agent.deps`."""

    settings: Settings
    clock: Clock
    log: EventLog
    inbox: Inbox
    journal: Journal
    memory: Memory
    decider: Decider
    policy: PolicyInForce
    outbox: Outbox
    reporter: Reporter
    actors: Actors
    administrator: Administrator
    second_copy: SecondCopy
    looker: Looker
    examiner: Examiner
    messenger: Messenger
    desk: Desk
    guardian: Guardian
    supervisor: Supervisor
    service: ServiceManager
    ledger: Ledger
    content: FileContent
    watch_folders: Callable[[frozenset[str]], None]
    recover: Callable[[], None]
    """Finishes or undoes what was interrupted in the vaults."""
    settings_mark: Callable[[], object]
    """Changes when the settings file does."""
    reload: Callable[[], Settings]
    threads: tuple[Part, ...]
    unlock: Callable[[], None]
    """Lets another agent have the state folder."""


class Daemon:
    """Runs until it is told to stop."""

    def __init__(self, parts: Parts) -> None:
        self._p = parts
        self._going = True
        self._dirty = True
        self._views_at = 0.0
        self._report_at = 0.0
        self._look_at = 0.0
        self._looked_everywhere = False
        self._settings_mark = parts.settings_mark()
        self._settings_at = 0.0
        self._given_back_under: tuple[str, int] | None = None
        """The policy under which the vaults were last asked what is to be put back."""
        self._not_given_back = False
        """Something could not be put back: it is tried again with the next whole look."""
        self._unhandled: box.Message | None = None
        """What could not be handled to its end: it is the next thing to be handled."""
        self._stuck = False
        self._asked_to_stop = False
        self._anew = False
        self._deaf: Callable[[], None] = lambda: None
        """Ends listening to signals."""

    def run(self) -> int:
        """The loop. Returns the exit code."""
        self._start()
        try:
            while self._going:
                self._turn_or_wait()
        finally:
            self._end()
        return 0

    def stop(self) -> None:
        """Asks the loop to end; any thread, any signal handler."""
        self._asked_to_stop = True
        self._p.inbox.put(box.Stop())

    def _turn_or_wait(self) -> None:
        """A turn. When the journal or a view cannot be written (a full disk), nothing is done until it can: what is not
        remembered would be done twice, or never reported. Nobody can make the agent end by filling a disk."""
        try:
            if self._stuck:
                # What is remembered is what the journal says, and everything is judged anew.
                self._p.decider.remember_again()
            self._turn()
        except StateDamaged as error:
            # Set aside and begun anew at the next start, which is now.
            self._p.log.write(Event.JOURNAL, what="damaged", why=str(error))
            self._start_over()
            threading.Event().wait(_STUCK_WAIT)
        except InterdictError as error:
            self._hold(str(error), error.advice())
        except (OSError, MemoryError) as error:
            self._hold(f"the machine gives no more: {error!r}", "See what uses up its memory or open files.")
        else:
            if self._stuck:
                self._stuck = False
                self._p.log.write(Event.HEALTH, what="the agent can go on", advice="")

    def _hold(self, what: str, advice: str) -> None:
        """Nothing is done for a moment; then it is tried again."""
        if not self._stuck:
            self._stuck = True
            self._p.log.write(Event.HEALTH, what=what, advice=advice)
        self._p.service.status(f"waiting: {what}")
        # What cannot be handled stands before the wish to end.
        self._going = self._going and not self._asked_to_stop
        threading.Event().wait(_STUCK_WAIT)
        self._dirty = True
        self._p.reporter.views_due = True

    def _turn(self) -> None:
        """One turn: everything that waits in the inbox, then whatever is due."""
        self._p.service.alive()
        message = self._unhandled or self._p.inbox.get(self._patience())
        while message is not None:
            self._unhandled = message
            self._handle(message)
            self._unhandled = None
            message = self._p.inbox.get(0)
        if self._p.inbox.take_lost():
            self._p.log.write(Event.WATCH_LOST, dropped=self._p.inbox.dropped)
            self._p.looker.ask_everything()
            self._p.examiner.sweep()
        self._due()

    def _handle(self, message: box.Message) -> None:
        match message:
            case box.Looked():
                self._looked(message)
            case box.Recognised():
                self._recognised(message)
            case box.Ended():
                self._p.decider.ended(message.keys)
                self._dirty = True
            case box.Acted():
                self._acted(message)
            case box.Refreshed():
                self._refreshed(message)
            case box.Answered():
                self._report_at = self._p.reporter.answered(message, self._now(), self._p.clock.monotonic())
            case box.Enrolled():
                self._report_at = self._p.reporter.enrolled(message, self._p.clock.monotonic())
            case box.GateSaid():
                self._p.guardian.said(message, self._now())
                self._dirty = True
            case PersonSaid():
                self._dirty |= self._p.desk.said(message, self._now())
            case box.SettingsChanged():
                self._settings_changed()
                self._dirty |= self._p.administrator.take()
            case box.PolicyWanted():
                self._p.messenger.ask_refresh()
            case box.Stop():
                self._going = False
            case _:
                assert_never(message)

    def _due(self) -> None:
        clock, decider = self._p.clock, self._p.decider
        self._dirty |= self._p.administrator.look_at_clock()
        if self._dirty or (decider.wake is not None and self._now() >= decider.wake):
            self._judge()
        at = clock.monotonic()
        if at >= self._settings_at:
            self._settings_at = at + _SETTINGS_EVERY
            self._look_at_settings()
            self._dirty |= self._p.desk.look_who_is_here()
            self._dirty |= self._p.administrator.take()
        if at >= self._look_at:
            self._look_at = at + self._p.settings.scan_interval
            if self._not_given_back:
                self._not_given_back, self._given_back_under = False, None
            self._p.looker.ask_everything()
            self._p.examiner.sweep()
        self._p.second_copy.keep(at)
        if at >= self._report_at and self._p.reporter.ready():
            self._report_at = self._p.reporter.send(self._now(), at)
        if self._p.reporter.views_due and at >= self._views_at:
            self._views_at = at + _VIEW_EVERY
            self._p.reporter.write_views(self._now())
            self._p.service.status(self._p.reporter.sentence())

    def _patience(self) -> float:
        """Seconds until something is due by itself."""
        clock = self._p.clock
        at = clock.monotonic()
        waits = [self._look_at - at, self._p.service.patience, self._p.second_copy.patience(at), 60.0]
        if self._p.reporter.ready():
            waits.append(self._report_at - at)
        if self._p.reporter.views_due:
            waits.append(self._views_at - at)
        if self._p.decider.wake is not None:
            waits.append(float(self._p.decider.wake - self._now()))
        return 0.0 if self._dirty else max(0.0, min(waits))

    def _judge(self) -> None:
        self._dirty = False
        p = self._p
        intents = p.decider.judge(p.clock.now(), self._looked_everywhere)
        self._looked_everywhere = False
        p.examiner.know(p.decider.rules, tuple(p.decider.installations))
        p.guardian.give_orders(self._now(), p.clock.floor)
        restores = [] if braking.paused_until(p.memory.brake, self._now()) else self._restores()
        for intent in [*intents, *restores]:
            p.actors.do(intent)
        p.reporter.changed()
        if p.outbox.waiting():
            soon = max(p.clock.monotonic() + p.settings.report_delay, p.reporter.not_before)
            self._report_at = min(self._report_at, soon) if self._report_at else soon

    def _restores(self) -> list[Intent]:
        """What lifted and narrowed bans give back, once for each policy."""
        rules = self._p.policy.rules
        under = (rules.book.policy_id, rules.book.version) if rules else None
        if rules is None or under == self._given_back_under:
            return []
        self._given_back_under = under
        self._p.ledger.refresh(rules.book.version)
        intents: list[Intent] = []
        for record, why in given_back(rules, self._p.ledger.held(), self._now()):
            if why is About.NARROWED:
                self._p.decider.allow(record.ban, record.tool, record.uid, version_of(record))
            intents.append(restore_intent(record, rules.book.version))
        return intents

    def _looked(self, message: box.Looked) -> None:
        p = self._p
        self._look_at_vaults()
        p.decider.looked(message.observations, message.unknown)
        p.reporter.looked(message)
        p.watch_folders(p.looker.folders())
        self._looked_everywhere = self._looked_everywhere or message.everywhere
        self._dirty = True
        p.log.write(
            Event.LOOK,
            sources=sorted(message.observations),
            items=sum(len(rows) for rows in message.observations.values()),
            unknown=sum(len(rows) for rows in message.unknown.values()),
            ms=message.ms,
        )

    def _look_at_vaults(self) -> None:
        """What was given back is left alone, also by the gate: so this comes before the first orders."""
        p = self._p
        if p.policy.rules is not None:
            p.ledger.refresh(p.policy.rules.book.version)
            self._take_signposts_away(p.policy.rules)
            p.decider.restored = p.ledger.restored_paths()
            p.decider.is_ours = lambda path: p.ledger.ours(path) in (Ours.VAULT, Ours.SIGNPOST)

    def _take_signposts_away(self, rules: DeviceRules) -> None:
        """Of what would no longer be taken: its ban was lifted without giving it back, or made narrower."""
        now = self._now()

        def wanted(record: Record) -> bool:
            seen = Observation("vault", Face.PACKAGE, record.path, uid=record.uid, purl=record.purl)
            return is_still_taken(rules, record.ban, record.tool, seen, now)

        self._p.ledger.sweep_signposts(wanted)

    def _recognised(self, message: box.Recognised) -> None:
        """A process outside of every known installation shows a place that nobody looked at: it is looked at now."""
        seen, weak = message.process.seen.path, message.process.identity.confidence is Confidence.WEAK
        if weak and self._p.ledger.ours(seen) is Ours.SIGNPOST:
            return  # known by the command's name alone, and it is our own
        self._p.decider.running(message.key, message.process)
        if not message.process.installation and self._p.looker.hint(seen):
            self._p.looker.ask_everything()
        self._dirty = True

    def _acted(self, message: box.Acted) -> None:
        outcome = message.outcome
        self._p.decider.outcome(outcome, self._now())
        self._note_what_is_held(outcome)
        if outcome.look_again:
            self._p.looker.ask_everything()
        if outcome.detail is Detail.CHANGED_SINCE_FOUND and outcome.intent.pid is not None:
            # It called exec in the meantime: whatever it runs now is looked at now, not at the next sweep.
            self._p.examiner.look_at((outcome.intent.pid,))
        if outcome.occupants:
            self._p.examiner.look_at(tuple(one.pid for one in outcome.occupants))
        self._dirty = True

    def _note_what_is_held(self, outcome: Outcome) -> None:
        """What was taken just as a policy came that lifts its ban is put back all the same."""
        rules, intent = self._p.policy.rules, outcome.intent
        taken = outcome.result in (OutcomeCode.QUARANTINED, OutcomeCode.UNINSTALLED)
        if taken:
            # Whoever starts the command now starts a signpost.
            self._look_at_vaults()
        if taken and rules is not None and intent.policy_version != rules.book.version:
            self._given_back_under = None
        if intent.kind is Kind.RESTORE and outcome.result is OutcomeCode.FAILED:
            self._not_given_back = True

    def _refreshed(self, message: box.Refreshed) -> None:
        self._p.policy.take(message.refresh, self._now(), restored=message.restored)
        rules = self._p.policy.rules
        # Also one that was taken and could not be taken up, since the disk was full just then.
        if rules is not None and rules is not self._p.decider.rules:
            self._want(rules)
            self._p.examiner.know(rules, tuple(self._p.decider.installations))
            self._p.looker.ask_everything()
            self._p.examiner.sweep()
        self._dirty = True

    def _want(self, rules: DeviceRules) -> None:
        """Everybody who looks learns what to look for."""
        self._p.content.want(rules)
        self._ask_the_guard(rules)
        self._p.decider.sayings.answers = self._p.policy.answers
        self._p.decider.adopt(rules)
        self._p.looker.want(rules)

    def _ask_the_guard(self, rules: DeviceRules) -> None:
        """What the policy must not touch on this very machine: such bans are left out, and said to be."""
        p = self._p
        there = find_essentials()
        own = own_folders(p.settings.state_dir)
        hits = protected_hits(rules, p.content, there, own=own, signer=lambda path: p.content.signer(path).key)
        for ban, why in hits.items():
            p.log.write(Event.GUARD, ban=ban, why=why)
            if p.decider.guarded.get(ban) != why:
                p.journal.add_event(self._now(), -1, {"event": "guard", "ban": ban, "why": why})
        p.decider.guarded = hits
        p.memory.keep_brake(braking.under(p.memory.brake, VERSION, rules.book.policy_id))
        p.guardian.protect(there)

    def _look_at_settings(self) -> None:
        """Fleet management replaces the file and tells nobody."""
        mark = self._p.settings_mark()
        if mark != self._settings_mark:
            self._settings_mark = mark
            self._settings_changed()

    def _settings_changed(self) -> None:
        """A broken file keeps the old settings and says so; a good one needs the parts built anew: a restart."""
        try:
            fresh = self._p.reload()
        except BadSettings as error:
            self._p.log.write(Event.SETTINGS_KEPT, error=str(error), advice=error.advice())
            self._p.reporter.health("settings", f"{error}; the former settings stay in force", error.advice())
            self._p.reporter.changed()
            return
        self._p.reporter.healthy("settings")
        if fresh != self._p.settings:
            self._p.log.write(Event.SETTINGS_TAKEN, file=fresh.file)
            self._start_over()

    def _start_over(self) -> None:
        """Everything is built anew; the gate goes on meanwhile."""
        self._anew = True
        self._p.guardian.leave()
        self._going = False

    @property
    def restart_wanted(self) -> bool:
        """New settings ask for parts that are built anew: `interdict run` then starts over. Whoever asks it to end
        meanwhile is heard."""
        return self._anew and not self._asked_to_stop

    def _start(self) -> None:
        p = self._p
        self._handle_signals()
        # A machine that was switched off ended everything: only an end within this boot is the agent's own.
        running = f"no {processes.boot_mark().boot}"
        clean = p.journal.meta(_CLEAN) != running
        p.journal.set_meta(_CLEAN, running)
        p.memory.keep_brake(braking.started(p.memory.brake, clean, self._now()))
        p.log.write(Event.STARTED, settings=p.settings.file, clean=clean, mode=p.settings.mode)
        p.service.starting(_START_TIME)
        p.recover()
        p.administrator.take()
        kept = p.policy.last_good(self._now())
        if kept is not None:
            self._want(kept)
            self._look_at_vaults()
            p.examiner.know(kept, ())
        for part in p.threads:
            p.supervisor.start(part)
        p.service.ready()

    def _end(self) -> None:
        p = self._p
        if not self.restart_wanted:
            # Never for new settings: systemd would wait for an end that does not come, and then make one.
            p.service.stopping()
        late = p.supervisor.stop()
        try:
            p.reporter.write_views(self._now())
            p.journal.set_meta(_CLEAN, "yes")
            p.journal.set_meta(FLOOR, str(p.clock.floor))
            p.second_copy.keep(math.inf)
        except InterdictError as error:
            p.log.write(Event.HEALTH, what=str(error), advice=error.advice())
        p.log.write(Event.STOPPED, late=late)
        self._deaf()
        p.journal.close()
        p.unlock()

    def _handle_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        settings_changed, policy_wanted = box.SettingsChanged(), box.PolicyWanted()
        self._deaf = tell_signals(
            {
                "SIGTERM": self.stop,
                "SIGINT": self.stop,
                "SIGHUP": lambda: self._p.inbox.put(settings_changed),
                "SIGUSR1": lambda: self._p.inbox.put(policy_wanted),
            }
        )

    def _now(self) -> Instant:
        return self._p.clock.now().instant
