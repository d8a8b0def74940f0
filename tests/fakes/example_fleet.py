"""A believable fleet: an organisation of several hundred devices that takes two tools off them within a month.

Every device enrols and reports with a key of its own; what it sends goes through the console's own functions, as if it
had come over the network on the days that it tells of. The same seed makes the same fleet.

    python -m tests.fakes.example_fleet FOLDER [--port 8600]     makes it and serves it as a trial
"""

from __future__ import annotations

import argparse
import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, insert

from console import app, server
from console.ingest.apply import store_report
from console.ingest.enrol import secret_digest, store_enrolment
from console.ingest.verify import Accepted, AcceptedEnrolment
from console.settings import Settings
from console.store.db import Database
from console.store.migrate import migrate
from console.store.queries import access
from console.store.tables import device as device_table
from console.store.tables import expected_device, host_key
from console.store.tables_decisions import exception_device, exception_grant
from policy_schema.messages import signature
from policy_schema.messages.enrol import DeviceFacts, EnrolRequest
from policy_schema.messages.report import CoverageLine, FindingLine, MoveLine, NextLine, PolicyLine, Report, RequestLine
from policy_schema.messages.wire import inflate
from policy_schema.rules.instant import Instant, format_instant, parse_instant
from tests.fakes.example_policy import VERSIONS, follow_versions
from tests.fakes.reporting_device import ReportingDevice, heartbeat

NOW: Final = parse_instant("2026-07-09T03:20:00Z")
DAY: Final = 86_400
SECRET: Final = "the secret of the example"
GROUPS: Final = (
    ("engineering", 150),
    ("research", 62),
    ("sales", 74),
    ("finance", 52),
    ("design", 38),
    ("it", 24),
    ("red-team", 6),
    ("legal", 3),
)
SYSTEMS: Final = (
    ("linux", "Debian GNU/Linux 12"),
    ("macos", "macOS 26.5"),
    ("windows", "Windows 11 24H2"),
    ("windows", "Windows 11 23H2"),
)
LIKES: Final = {"engineering": 0.55, "research": 0.5, "design": 0.22, "it": 0.4, "red-team": 0.8}
CLAUDE_VERSIONS: Final = ("2.1.197", "2.1.198", "2.1.184", "2.1.92", "2.1.201")
CURSOR_VERSIONS: Final = ("1.7.28", "1.6.45", "1.7.11")
SOURCES: Final = {
    "linux": ("npm", "pip", "dpkg", "vscode", "executables", "processes"),
    "macos": ("npm", "pip", "brew", "apps", "vscode", "processes"),
    "windows": ("npm", "pip", "registry", "vscode", "wsl", "processes"),
}
REASONS: Final = (
    "the contract with a customer names it until September",
    "my thesis uses it until August",
    "演示环境下周才能迁移",
    "",
)


class Event(NamedTuple):
    """What changes on a device at an instant: the fields of its next report."""

    at: int
    changes: dict[str, object]


class Machine:
    """One device, its facts, and what its life holds."""

    def __init__(self, dice: random.Random, number: int, group: str, ids: tuple[str, ...]) -> None:
        self.dice, self.group, self.ids = dice, group, ids
        system, version = dice.choice(SYSTEMS)
        self.system = system
        self.person = f"p-{hashlib.sha256(f'{group}{number}'.encode()).hexdigest()[:6]}"
        self.begins = parse_instant(VERSIONS[0][0]) + dice.randrange(3600, 9 * DAY)
        self.device = ReportingDevice(now=self.begins, epoch=f"e-{number:010x}")
        self.adopts = tuple(parse_instant(at) + dice.randrange(200, 30 * 3600) for at, _ in VERSIONS)
        # A few live on an old agent.
        self.agent = dice.choices(("0.4.2", "0.4.1", "0.3.9"), (70, 24, 6))[0]
        self.facts = DeviceFacts(
            os=system,
            os_version=version,
            kind="workstation",
            ownership="company" if dice.random() < 0.97 else "personal",
            region=dice.choices(("CN", "HK", "SG", None), (76, 14, 6, 4))[0],
            groups=(group, "developers") if group in ("engineering", "research") else (group,),
            host_name=f"{group[:3]}-{number:03d}",
            agent=self.agent,
        )
        self.ends = NOW - dice.randrange(60, 15 * 60)

    def policy(self, at: int) -> PolicyLine:
        """What it follows at an instant."""
        adopted = [place for place, when in enumerate(self.adopts) if when <= at]
        if not adopted:
            return PolicyLine(id="", version=0, trust="none", age_s=0, solo=False)
        place = adopted[-1]
        names = ("Li Wei", "Wang Fang") if place % 2 == 0 else ("Wang Fang", "Zhao Lei")
        age = self.dice.randrange(20, 280)
        return PolicyLine(id=self.ids[place], version=place + 1, trust="verified", age_s=age, solo=False, signers=names)

    def coverage(self) -> tuple[CoverageLine, ...]:
        """What it looks at; under Windows some have WSL, where nobody can look."""
        rows = []
        for source in SOURCES[self.system]:
            blind = (source == "wsl" and self.dice.random() < 0.35) or self.dice.random() < 0.008
            rows.append(
                CoverageLine(
                    source=source,
                    roots=self.dice.randrange(1, 6),
                    items=self.dice.randrange(3, 900),
                    unknown=self.dice.randrange(1, 3) if blind else 0,
                    reasons=(("other-system",) if source == "wsl" else ("denied",)) if blind else (),
                    ms=self.dice.randrange(4, 400),
                )
            )
        return tuple(rows)

    def life(self) -> Iterator[Event]:
        """Its events by time: the first look, what it has of each ban, the policies that it takes up, the last one."""
        events = [Event(self.begins, {"coverage": self.coverage(), "facts": self.facts})]
        events += [Event(when + 60, {}) for when in self.adopts if when > self.begins]
        liking = LIKES.get(self.group, 0.08)
        if self.dice.random() < liking * 0.6:
            events += self._cursor()
        if self.dice.random() < liking:
            events += self._claude()
        events.append(Event(self.ends, {}))
        yield from sorted((event for event in events if event.at <= self.ends), key=lambda event: event.at)

    def _cursor(self) -> list[Event]:
        """Told in June, blocked from the 22nd on; most are gone by themselves, a few wait to be removed."""
        told = max(self.begins + 120, parse_instant("2026-06-12T01:05:00Z") + self.dice.randrange(12 * 3600))
        version = self.dice.choice(CURSOR_VERSIONS)
        face = "app" if self.system != "linux" else "package"
        start = FindingLine(
            id=f"f-c{self.person[2:]}",
            installation=f"i-c{self.person[2:]}",
            ban="cursor",
            tool="cursor",
            face=face,
            version=version,
            confidence="exact",
            matches=("app-id", "signer") if face == "app" else ("package-identity",),
            state="active",
            action="notify",
            outcome="told",
            effective_from="2026-06-12T01:00:00Z",
            next=NextLine(action="block", start="2026-06-22T01:00:00Z"),
            since=format_instant(told),
            scope_of_path="system",
        )
        events = [Event(told, {"findings": (start,)})]
        blocked = msgspec.structs.replace(
            start, action="block", outcome="refused", next=NextLine(action="remove", start="2026-07-09T10:00:00Z")
        )
        # Most go in the days before the deadline, some after their first refused start.
        goes = parse_instant("2026-06-22T01:00:00Z") + int(self.dice.gauss(-2.0, 4.0) * DAY)
        stays = self.dice.random() < 0.14
        block = parse_instant("2026-06-22T01:10:00Z") + self.dice.randrange(3 * DAY)
        if stays or goes > block:
            events.append(Event(block, {"findings": (blocked,)}))
        if not stays:
            done = "uninstalled" if self.dice.random() < 0.6 else "gone"
            ended = msgspec.structs.replace(start, outcome=done, gone=True)
            events.append(Event(max(goes, told + 3600), {"findings": (ended,), "moves": self._moved(goes, "cursor")}))
        return events

    def _claude(self) -> list[Event]:
        """Told from the 4th of July on, to be blocked tomorrow: half are gone, some ask, some may keep it."""
        ring = self.dice.choices((0, 1, 2, 3), (0, 25, 55, 20))[0] if self.group != "it" else 0
        seen = max(self.begins + 240, parse_instant("2026-07-03T07:00:00Z") + self.dice.randrange(14 * 3600))
        told = max(seen + 60, parse_instant(f"2026-07-0{4 + min(ring, 2)}T01:00:00Z") + self.dice.randrange(8 * 3600))
        first = self._claude_line(seen)
        events = [Event(seen, {"findings": (first,)})]
        state = "out-of-scope" if self.facts.region not in ("CN", "HK") or self.group == "red-team" else "announced"
        if state == "out-of-scope" or ring == 3:
            waits = msgspec.structs.replace(first, state="not-in-rollout" if state == "announced" else state)
            return [Event(seen, {"findings": (waits,)})]
        announced = msgspec.structs.replace(first, state="active", action="notify", outcome="told")
        events.append(Event(told, {"findings": (announced, *self._running(told))}))
        fate = self.dice.random()
        if fate < 0.52:
            goes = told + int(self.dice.expovariate(1 / (1.3 * DAY))) + 1800
            ended = msgspec.structs.replace(announced, outcome=self.dice.choice(("uninstalled", "gone")), gone=True)
            events.append(Event(goes, {"findings": (ended,), "moves": self._moved(goes, "claude-code")}))
        elif fate < 0.62:
            asks = told + self.dice.randrange(3600, 3 * DAY)
            held = fate < 0.57
            until = format_instant(parse_instant("2026-07-11T01:00:00Z")) if held else None
            line = RequestLine(
                id=f"r-{self.person[2:]}00",
                kind="exception" if fate < 0.61 else "wrong",
                ban="claude-code",
                finding=first.id,
                at=format_instant(asks)[:10],
                reason=self.dice.choice(REASONS),
                held_until=until,
                person=self.person,
            )
            changed = msgspec.structs.replace(announced, state="held") if held else announced
            events.append(Event(asks, {"requests": (line,), "findings": (changed,)}))
        elif fate < 0.68:
            excepted = msgspec.structs.replace(announced, state="excepted", exception=f"x-{self.person[2:]}", next=None)
            events.append(Event(told + self.dice.randrange(7200, 2 * DAY), {"findings": (excepted,)}))
        return events

    def _claude_line(self, seen: int) -> FindingLine:
        version = self.dice.choices(CLAUDE_VERSIONS, (40, 25, 16, 7, 12))[0]
        return FindingLine(
            id=f"f-{self.person[2:]}",
            installation=f"i-{self.person[2:]}",
            ban="claude-code",
            tool="claude-code",
            face="package",
            purl=f"pkg:npm/%40anthropic-ai/claude-code@{version}",
            version=version,
            confidence="exact",
            matches=("package-identity", "content"),
            state="announced",
            action="report",
            outcome="",
            effective_from="2026-07-10T01:00:00Z",
            next=NextLine(action="block", start="2026-07-10T01:00:00Z"),
            since=format_instant(seen),
            scope_of_path=self.dice.choice(("home", "system")),
        )

    def _running(self, told: int) -> tuple[FindingLine, ...]:
        if self.dice.random() < 0.6:
            return ()
        line = FindingLine(
            id=f"f-p{self.person[2:]}",
            installation=f"i-{self.person[2:]}",
            ban="claude-code",
            tool="claude-code",
            face="process",
            confidence="exact",
            matches=("package-identity",),
            state="active",
            action="notify",
            outcome="told",
            since=format_instant(told)[:10],
            person=self.person,
        )
        return (line, msgspec.structs.replace(line, gone=True))[:1] if self.dice.random() < 0.3 else ()

    def _moved(self, at: int, tool: str) -> tuple[MoveLine, ...]:
        if self.dice.random() < 0.3:
            return ()
        version = self.dice.choice(("1.4.2", "1.4.0", "1.3.7"))
        return (MoveLine(tool="qoder", from_tool=tool, version=version, seen_at=format_instant(at)[:10]),)


def make_fleet(database: Database, folder: Path, *, scale: float = 1.0, seed: int = 7) -> None:
    """Makes everything: policies, devices, weeks of reports, exceptions, and what never came."""
    migrate(database)
    dice = random.Random(seed)
    ids = follow_versions(database, folder)
    began = parse_instant(VERSIONS[0][0]) - DAY
    with database.write() as connection:
        connection.execute(
            access.add_secret(
                digest=secret_digest(SECRET), uses=100_000, expires_at=2**40, now=began, who="the example"
            )
        )
        connection.execute(insert(expected_device), list(_expected(dice)))
    machines = [
        Machine(dice, number, group, ids)
        for group, size in GROUPS
        for number in range(1, max(2, round(size * scale)) + 1)
    ]
    _make_special(dice, machines)
    for machine in machines:
        with database.write() as connection:
            _live(connection, machine)
    _afterwards(database, machines)


def _make_special(dice: random.Random, machines: list[Machine]) -> None:
    """Some fell silent days ago."""
    for machine in dice.sample(machines, max(2, len(machines) // 28)):
        machine.ends = NOW - dice.randrange(2 * DAY, 20 * DAY)


def _live(connection: Connection, machine: Machine) -> None:
    device = machine.device
    request = EnrolRequest(
        secret=SECRET,
        public_key=signature.encode_public_key(device.raw_key),
        epoch=device.epoch,
        facts=machine.facts,
    )
    began = machine.begins - 30
    store_enrolment(connection, AcceptedEnrolment(request, device.id, device.raw_key), Instant(began))
    for event in machine.life():
        report(connection, machine, event.at, **event.changes)


def report(connection: Connection, machine: Machine, at: int, **changes: object) -> Report:
    """The machine's next report, at an instant."""
    device = machine.device
    device.now = Instant(at)
    fields = {
        "policy": machine.policy(at),
        "agent": machine.agent,
        "heartbeat": heartbeat(
            started_at=format_instant(Instant(at - 3 * 3600)),
            looks=machine.dice.randrange(1, 40),
            decisions=machine.dice.randrange(40, 900),
            gate="full" if machine.system == "linux" else "",
            rss_kb=machine.dice.randrange(20_000, 25_000),
        ),
    }
    made = device.report(**{**fields, **changes})
    body = device.send(made).body
    accepted = Accepted(made, body, hashlib.sha256(inflate(body)).hexdigest())
    store_report(connection, accepted, at)
    return made


def _afterwards(database: Database, machines: list[Machine]) -> None:
    """Troubles of single machines, on the last day; exceptions; devices that were taken out."""
    heard = [machine for machine in machines if NOW - machine.ends < DAY]
    troubles: tuple[Callable[[Machine], dict[str, object]], ...] = (
        lambda machine: {"heartbeat": heartbeat(mode="observe")},
        lambda machine: {"heartbeat": heartbeat(brake=True)},
        lambda machine: {"heartbeat": heartbeat(paused_until="2026-07-09T11:00:00Z")},
        lambda machine: {"heartbeat": heartbeat(gate="killed", gate_ends=3)},
        lambda machine: {"heartbeat": heartbeat(journals_lost=1)},
        lambda machine: {"policy": msgspec.structs.replace(machine.policy(NOW), trust="last-good", problem="expired")},
        lambda machine: {"not_understood": ("anthropic-models",)},
        lambda machine: {"not_understood": ("anthropic-models",)},
    )
    for number, trouble in enumerate(troubles):
        machine = heard[(number * 17 + 5) % len(heard)]
        with database.write() as connection:
            report(connection, machine, NOW - 50 + number, **trouble(machine))
    with database.write() as connection:
        _clone(connection, heard[2])
        for machine in heard[20:23]:
            row = device_table.c.device_id == machine.device.id
            connection.execute(device_table.update().where(row).values(removed_at=NOW - 2 * DAY))
        _exceptions(connection)


def _clone(connection: Connection, machine: Machine) -> None:
    """Another machine with the same disk reports under a number that was used."""
    sequence = machine.device.sequence
    made = machine.device.report_numbered(sequence, agent="0.4.2-clone", generated_at=format_instant(NOW))
    body = machine.device.send(made).body
    store_report(connection, Accepted(made, body, hashlib.sha256(inflate(body)).hexdigest()), NOW - 20)


def _exceptions(connection: Connection) -> None:
    """A grant behind each finding that is excepted; one of them ends within a day."""
    from console.store.tables import finding

    rows = connection.execute(finding.select().where(finding.c.state == "excepted", finding.c.gone_at.is_(None))).all()
    for number, row in enumerate(rows):
        connection.execute(
            insert(exception_grant).values(
                exception_id=row.exception,
                ban=row.ban,
                person="",
                asked_by="",
                reason=REASONS[number % 3],
                asked_at=row.first_reported_at + 3600,
                approved_by="chen",
                statement="until the move is done",
                approved_at=row.first_reported_at + 7200,
                until=NOW + (14 * 3600 if number == 0 else (20 + 7 * number) * DAY),
                withdrawn_by="",
                withdrawn_why="",
                published_at=row.first_reported_at + 7300,
            )
        )
        connection.execute(insert(exception_device).values(device_id=row.device_id, exception_id=row.exception))


def _expected(dice: random.Random) -> Iterator[dict[str, object]]:
    """Devices on the list of IT on which no agent ever enrolled."""
    for number in range(9):
        name = f"{dice.choice(('fin', 'sal', 'eng'))}-{400 + number}"
        yield {"host_key": host_key(name), "host_name": name, "imported_at": NOW - 20 * DAY, "groups": "[]"}


def main() -> None:
    """Makes the fleet in a folder, if it is not there, and serves it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=8600)
    parser.add_argument("--scale", type=float, default=1.0, help="1: about four hundred devices")
    parsed = parser.parse_args()
    parsed.folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(data=parsed.folder, trial=True, port=parsed.port)
    new = not (parsed.folder / "console.sqlite3").exists()
    database = Database(settings.database)
    if new:
        make_fleet(database, parsed.folder / "policy", scale=parsed.scale)
    with server.bind(settings) as bound:
        application = app.build(settings, database, clock=lambda: NOW)
        where = server.address(bound)
        server.server(application, lambda: print(where, flush=True)).run([bound])


if __name__ == "__main__":
    main()
