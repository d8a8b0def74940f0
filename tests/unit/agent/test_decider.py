"""The deciding part on a virtual clock: from observations to intents, report lines and what a restart remembers."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import welcome
from agent.cases import Kind
from agent.decider import Decider, Process
from agent.enforce.interface import Detail, Intent, Outcome, OutcomeCode, Words
from agent.events import EventLog
from agent.host.clock import Now
from agent.memory import KEEP_ENDED, MOST_GONE, Memory
from agent.persons import DAY, Person
from agent.reminders import HOUR, spread_of
from agent.report.journal import Journal
from policy_schema.messages.report import FindingLine, MoveLine
from policy_schema.rules.decision import Identity
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Confidence, Face, Match, Observation, Unknown
from policy_schema.rules.rulebook import Device
from tests.fakes.policies import BLOCK, NOTIFY, REMOVE, ban, rulebook

PATH = "/home/li/.npm-global/lib/node_modules/@anthropic-ai/claude-code"
PACKAGE = Observation(
    "npm", Face.PACKAGE, PATH, owner="li", uid=1000, name="@anthropic-ai/claude-code", version="2.1.112",
    purl="pkg:npm/%40anthropic-ai/claude-code@2.1.112", home="/home/li", manager="npm",
)  # fmt: skip
QODER = PACKAGE._replace(
    path="/home/li/.npm-global/lib/node_modules/@qoder-ai/qodercli", name="@qoder-ai/qodercli", version="1.1.52",
    purl="pkg:npm/%40qoder-ai/qodercli@1.1.52",
)  # fmt: skip
PROGRAM = PACKAGE._replace(face=Face.EXECUTABLE, path=f"{PATH}/bin/claude.exe", name="claude", purl="", manager="")
SPREAD = spread_of("d-1", "claude-code")


class Workstation:
    """A decider with a journal on disk, a clock that is moved, and a person who sees every notice."""

    def __init__(self, folder: Path, **policy: object) -> None:
        self.folder = folder
        self.now = NOTIFY
        self.lines: list[FindingLine | MoveLine] = []
        self.log = io.StringIO()
        self.policy = policy
        self.start()

    def start(self) -> None:
        self.journal = Journal(str(self.folder / "journal.db"))
        self.memory = Memory(self.journal)
        self.decider = Decider(
            journal=self.journal,
            memory=self.memory,
            log=EventLog(self.log),
            compose=lambda row, wish, now: Words(f"{row.subject.tool} {wish.action}", "body", "brief"),
            queue=self.lines.extend,
            observe=False,
        )
        self.memory.keep_person(*welcome.key(1000), welcome.shown(Person(), Instant(1)))
        self.adopt()

    def adopt(self, version: int = 1, **policy: object) -> None:
        self.policy.update(policy)
        self.decider.adopt(rulebook(ban(**self.policy), version=version).for_device(Device("d-1")))

    def see(self, *observations: Observation, unknown: tuple[Unknown, ...] = ()) -> None:
        self.decider.looked({"npm": observations}, {"npm": unknown})

    def judge(self, believable: bool = True) -> list[Intent]:
        return self.decider.judge(Now(Instant(self.now), believable), looked_everywhere=True)

    def done(self, intent: Intent, result: OutcomeCode, detail: Detail = Detail.NONE) -> None:
        self.decider.outcome(Outcome(intent, result, detail, Instant(self.now)), Instant(self.now))

    def live(self, until: int) -> list[tuple[int, str]]:
        """Lets time pass, carrying out everything at once; returns (when, kind) of each act."""
        acts: list[tuple[int, str]] = []
        while self.now <= until:
            for intent in self.judge():
                acts.append((self.now, intent.kind.value))
                worked = {
                    Kind.NOTIFY: OutcomeCode.TOLD,
                    Kind.STOP: OutcomeCode.STOPPED,
                    Kind.UNINSTALL: OutcomeCode.UNINSTALLED,
                }
                self.done(intent, worked[intent.kind])
            wake = self.decider.wake
            if wake is None or wake <= self.now:
                return acts
            self.now = wake
        return acts

    def events(self, name: str) -> list[dict[str, object]]:
        rows = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [row for row in rows if row["event"] == name]


@pytest.fixture
def workstation(tmp_path: Path) -> Iterator[Workstation]:
    one = Workstation(tmp_path)
    yield one
    one.journal.close()


def test_the_whole_life_of_a_ban(workstation: Workstation) -> None:
    """Told at each stage, once; removed at the second of the last one; nothing afterwards."""
    workstation.see(PACKAGE)
    assert workstation.live(REMOVE + 1000) == [
        (NOTIFY, "notify"),
        (BLOCK - DAY + SPREAD, "notify"),
        (BLOCK - HOUR, "notify"),
        (BLOCK, "notify"),
        (REMOVE - 7 * DAY + SPREAD, "notify"),
        (REMOVE - DAY + SPREAD, "notify"),
        (REMOVE - HOUR, "notify"),
        (REMOVE, "notify"),
        (REMOVE, "uninstall"),
    ]
    assert [line.gone for line in workstation.lines if isinstance(line, FindingLine)][-1] is True


def test_a_notice_that_was_not_shown_is_tried_again_after_five_minutes(workstation: Workstation) -> None:
    workstation.see(PACKAGE)
    (first,) = workstation.judge()
    workstation.done(first, OutcomeCode.NOT_SHOWN)
    assert workstation.judge() == []
    workstation.now += 300
    assert [intent.kind for intent in workstation.judge()] == [Kind.NOTIFY]


def test_one_notice_for_several_installations(workstation: Workstation) -> None:
    workstation.see(PACKAGE, PACKAGE._replace(path=PATH.replace(".npm-global", ".n")))
    assert [intent.kind for intent in workstation.judge()] == [Kind.NOTIFY]
    assert len(workstation.decider.current) == 2


def test_what_is_under_way_is_not_asked_for_twice(workstation: Workstation) -> None:
    workstation.now = REMOVE
    workstation.see(PACKAGE)
    assert sorted(intent.kind.value for intent in workstation.judge()) == ["notify", "uninstall"]
    assert workstation.judge() == []


@pytest.mark.parametrize(
    ("left", "result", "said"),
    [
        pytest.param((), OutcomeCode.QUARANTINED, "quarantined", id="all of it"),
        pytest.param((PROGRAM,), OutcomeCode.QUARANTINED, "quarantined", id="all but what another source last saw"),
        pytest.param((), OutcomeCode.GONE, "gone", id="all of it, and it was not the act"),
    ],
)
def test_what_a_look_misses_while_an_act_takes_it_away_is_reported_as_taken(
    workstation: Workstation, left: tuple[Observation, ...], result: OutcomeCode, said: str
) -> None:
    workstation.now = REMOVE
    workstation.see(PACKAGE)
    acts = [intent for intent in workstation.judge() if intent.kind is Kind.UNINSTALL]
    workstation.see(*left)
    workstation.judge()
    assert workstation.events("finding-gone") == []
    for intent in acts:
        workstation.done(intent, result)
    workstation.see()
    workstation.judge()
    assert [row["outcome"] for row in workstation.events("finding-gone")] == [said]
    assert {line.id for line in workstation.lines if isinstance(line, FindingLine)} == {acts[0].finding_id}
    assert [(line.gone, line.outcome) for line in workstation.lines if isinstance(line, FindingLine)][-1] == (
        True,
        said,
    )


def test_a_failed_act_is_tried_again_later(workstation: Workstation) -> None:
    workstation.now = REMOVE
    workstation.see(PACKAGE._replace(manager=""))
    for intent in workstation.judge():
        workstation.done(intent, OutcomeCode.TOLD if intent.kind is Kind.NOTIFY else OutcomeCode.FAILED)
    assert workstation.judge() == []
    workstation.now += 60
    assert [intent.kind for intent in workstation.judge()] == [Kind.QUARANTINE]


def test_what_the_guard_refused_is_left_alone_until_the_policy_changes(workstation: Workstation) -> None:
    workstation.now = REMOVE
    workstation.see(PACKAGE)
    for intent in workstation.judge():
        workstation.done(intent, OutcomeCode.TOLD if intent.kind is Kind.NOTIFY else OutcomeCode.REFUSED_BY_GUARD)
    workstation.now += 7200
    assert workstation.judge() == []
    workstation.adopt(version=2)
    assert [intent.kind for intent in workstation.judge()] == [Kind.UNINSTALL]


def test_not_looked_is_not_gone(workstation: Workstation) -> None:
    workstation.see(PACKAGE)
    workstation.judge()
    workstation.see(unknown=(Unknown("/home/li/.npm-global", "permission denied"),))
    workstation.judge()
    assert workstation.events("finding-gone") == []
    workstation.see()
    workstation.judge()
    assert len(workstation.events("finding-gone")) == 1


def test_a_restart_remembers_what_was_told_and_reports_nothing_again(workstation: Workstation) -> None:
    workstation.see(PACKAGE)
    for intent in workstation.judge():
        workstation.done(intent, OutcomeCode.TOLD)
    workstation.journal.close()
    workstation.lines.clear()
    workstation.start()
    workstation.see(PACKAGE)
    assert workstation.judge() == []
    assert workstation.lines == []


@pytest.mark.parametrize(
    ("manager", "project", "first", "then"),
    [
        pytest.param(
            "npm", False, Kind.UNINSTALL, Kind.QUARANTINE, id="by its manager, which fails: moved away at once"
        ),
        pytest.param("", False, Kind.QUARANTINE, None, id="without one it is moved away; that failed, so it waits"),
        pytest.param("npm", True, Kind.QUARANTINE, None, id="in a project its manager is not asked"),
    ],
)
def test_who_removes(workstation: Workstation, manager: str, project: bool, first: Kind, then: Kind | None) -> None:
    workstation.now = REMOVE
    workstation.see(PACKAGE._replace(manager=manager, project=project))
    (act,) = [intent for intent in workstation.judge() if intent.kind is not Kind.NOTIFY]
    assert (act.kind, act.manager, bool(act.parts)) == (first, manager, first is Kind.UNINSTALL)
    workstation.done(act, OutcomeCode.FAILED, Detail.TAKES_OTHERS)
    assert [i.kind for i in workstation.judge() if i.kind is not Kind.NOTIFY] == ([then] if then else [])


def test_what_comes_back_three_times_is_no_longer_removed(workstation: Workstation) -> None:
    workstation.now = REMOVE
    removed, backs = 0, []
    for _ in range(6):
        workstation.see(PACKAGE)
        for intent in workstation.judge():
            removed += intent.kind is Kind.UNINSTALL
            backs += [intent.came_back] if intent.kind is Kind.UNINSTALL else []
            result = OutcomeCode.UNINSTALLED if intent.kind is Kind.UNINSTALL else OutcomeCode.TOLD
            outcome = Outcome(intent, result, Detail.NONE, Instant(workstation.now), brought_by="It is cron: /etc/x.")
            workstation.decider.outcome(outcome, Instant(workstation.now))
        workstation.judge()
        workstation.now += 60
    assert removed == 3
    (row,) = workstation.decider.findings()
    assert "came back 3 times" in str(row[1]["why"])
    assert "It is cron: /etc/x." in str(row[1]["why"])
    assert backs == [0, 1, 2]


def test_a_restored_installation_is_held(workstation: Workstation) -> None:
    workstation.now = REMOVE
    workstation.decider.restored = frozenset({PATH})
    workstation.see(PACKAGE)
    intents = workstation.judge()
    assert [intent.kind for intent in intents] == [Kind.NOTIFY]
    assert workstation.decider.findings()[0][1]["state"] == "held"


def test_the_alternative_counts_as_moved_once(workstation: Workstation) -> None:
    workstation.see(PACKAGE, QODER)
    workstation.judge()
    workstation.judge()
    moves = [line for line in workstation.lines if isinstance(line, MoveLine)]
    assert [(line.tool, line.from_tool, line.version, line.gone) for line in moves] == [
        ("qoder", "claude-code", "1.1.52", False)
    ]
    workstation.see(PACKAGE)
    workstation.judge()
    moves = [line for line in workstation.lines if isinstance(line, MoveLine)]
    assert [line.gone for line in moves] == [False, True]


def test_a_running_process_holds_the_removal_until_it_ended(workstation: Workstation) -> None:
    workstation.now = REMOVE
    workstation.see(PACKAGE)
    seen = PACKAGE._replace(
        source="processes", face=Face.PROCESS, path=PATH + "/cli.js", pid=42, started=REMOVE - 100.0
    )
    identity, installation = workstation.decider.identify_running(seen) or pytest.fail("not recognised")
    workstation.decider.running((42, REMOVE - 100.0), Process(seen, identity, installation))
    assert Kind.UNINSTALL not in [intent.kind for intent in workstation.judge()]
    workstation.now += 4 * 3600
    intents = workstation.judge()
    assert [intent.kind for intent in intents] == [Kind.STOP]
    workstation.done(intents[0], OutcomeCode.STOPPED)
    assert [intent.kind for intent in workstation.judge()] == [Kind.UNINSTALL]


def test_a_flood_of_matches_under_a_new_policy_is_held_and_reported(workstation: Workstation) -> None:
    workstation.now = REMOVE
    copy = PACKAGE._replace(face=Face.EXECUTABLE, purl="", content="claude-code/0")
    workstation.see(*(copy._replace(path=f"/home/li/bin/p{i}", name=f"p{i}") for i in range(50)))
    workstation.judge()
    assert Kind.UNINSTALL not in [intent.kind for intent in workstation.judge()]
    assert len(workstation.events("brake")) == 1
    assert len([line for line in workstation.lines if isinstance(line, FindingLine)]) >= 50


def test_many_copies_of_one_package_are_no_flood(workstation: Workstation) -> None:
    """Caches of `npx` hold one for each version that ever ran."""
    workstation.now = REMOVE
    cache = "/home/li/.npm/_npx"
    workstation.see(*(PACKAGE._replace(path=f"{cache}/{i}/node_modules/@anthropic-ai/claude-code") for i in range(15)))
    workstation.judge()
    assert [intent.kind for intent in workstation.judge()].count(Kind.UNINSTALL) == 15 or workstation.events(
        "brake"
    ) == []


def test_what_comes_and_goes_all_day_is_not_remembered_without_end(workstation: Workstation) -> None:
    running = Observation("processes", Face.PROCESS, PATH + "/cli.js", owner="li", uid=1000)
    identity = Identity("claude-code", "2.1.112", (Match.PACKAGE_IDENTITY,), Confidence.EXACT)
    for pid in range(3 * MOST_GONE):
        key = (pid + 2, 1.0)
        workstation.decider.running(key, Process(running._replace(pid=key[0], started=1.0), identity, ""))
        if pid % 500 == 499:
            workstation.judge()
            workstation.decider.ended(list(workstation.decider.processes))
            workstation.judge()
    rows = workstation.journal.bodies("cases")
    assert len(workstation.memory.cases) == len(list(rows)) == MOST_GONE
    workstation.now += KEEP_ENDED + 1
    workstation.judge()
    assert workstation.memory.cases == {}


def test_the_guard_holds_a_ban(workstation: Workstation) -> None:
    workstation.now = REMOVE
    workstation.decider.guarded = {"claude-code": "The guard holds it: it would hit /bin/sh."}
    workstation.see(PACKAGE)
    assert workstation.judge() == []


def test_the_line_that_leaves_the_machine_has_no_path_and_no_name(workstation: Workstation) -> None:
    workstation.see(PACKAGE)
    workstation.judge()
    text = json.dumps([str(line) for line in workstation.lines])
    assert "/home" not in text
    assert "li" not in [getattr(line, "person", "") for line in workstation.lines]


def test_what_lies_in_our_own_vault_is_no_installation(workstation: Workstation) -> None:
    workstation.decider.is_ours = lambda path: path.startswith("/home/li/.npm-global")
    workstation.see(PACKAGE)
    workstation.judge()
    assert workstation.decider.current == {}


def test_an_act_that_waited_through_a_change_of_policy_is_asked_for_anew(workstation: Workstation) -> None:
    workstation.now = REMOVE
    workstation.see(PACKAGE)
    intents = workstation.judge()
    for intent in intents:
        waited = intent.kind is Kind.UNINSTALL
        workstation.done(
            intent,
            OutcomeCode.FAILED if waited else OutcomeCode.TOLD,
            Detail.POLICY_CHANGED if waited else Detail.NONE,
        )
    assert [intent.kind for intent in workstation.judge()] == [Kind.UNINSTALL]
