"""A real agent and a real console: what is found reaches the report once, whatever goes wrong in between."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from agent.cli.main import main
from console.reports import compliance
from console.reports.interface import DeviceLine
from console.settings import Settings
from console.state import DeviceState
from console.store.db import Database
from console.store.queries.fleet import Silence, Wanted
from console.store.tables import coverage, finding, finding_event, report, request
from policy_schema.messages.fields import undeclared
from policy_schema.rules.identity import finding_id, installation_id
from policy_schema.rules.instant import Instant
from tests.fakes.console_door import ConsoleDoor
from tests.fakes.other_person import give_to, person
from tests.fakes.running_console import SECRET, RunningConsole, running
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import TAKEN, Workstation, has

NAME, VERSION = "@anthropic-ai/claude-code", "2.1.197"
QODER, QODER_VERSION = "@qoder-ai/qodercli", "1.1.52"
REPORTS = "/api/v1/reports"
ENROL = "/api/v1/enrol"
DAY = 86_400
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")


class Place:
    """A workstation, a door, and the folder of the console behind it."""

    def __init__(self, folder: Path, door: ConsoleDoor) -> None:
        self.door = door
        self.data = folder / "console"
        self.data.mkdir(mode=0o700)
        (folder / "station").mkdir()
        self.agent = Workstation(folder / "station", server=door.address, secret=SECRET)

    @contextmanager
    def console(self) -> Iterator[RunningConsole]:
        """A console with this machine's time."""
        with running(self.data) as console:
            console.now = Instant(int(time.time()))
            self.door.lead_to(console.address)
            yield console

    def install(self) -> Path:
        return synthetic_npm_install(self.agent.prefix, NAME, VERSION, "native")

    def move(self) -> Path:
        return synthetic_npm_install(self.agent.prefix, QODER, QODER_VERSION, "plain")

    def until(self, holds: Callable[[], bool], event: str = "report-sent") -> None:
        """Waits for the next report and the next, until the console's store shows what is wanted."""
        while True:
            mark = self.agent.mark()
            if holds():
                return
            self.agent.wait_for(mark, event=event)

    # What the console holds

    def rows(self, table: object) -> list[dict[str, object]]:
        database = Database(Settings(data=self.data).database)
        try:
            with database.read() as connection:
                return [dict(row) for row in connection.execute(select(table)).mappings()]  # type: ignore[call-overload]
        finally:
            database.close()

    def line(self, now: int | None = None) -> DeviceLine:
        """The one device as the compliance report shows it; fails if it stands there twice."""
        database = Database(Settings(data=self.data).database)
        try:
            with database.read() as connection:
                silence = Silence(Instant(now or int(time.time())), DAY)
                overview = compliance.overview(connection, silence)
                (line,) = compliance.all_lines(connection, silence, Wanted())
        finally:
            database.close()
        assert sum(number for _, number in overview.totals) == 1, "a device is in exactly one state"
        assert dict(overview.totals)[line.state] == 1
        return line

    def state(self) -> DeviceState | None:
        return self.line().state if self.rows(report) else None

    def is_stored(self, **wanted: object) -> bool:
        """Whether a finding with these values is the console's present view of it."""
        return any(has(row, wanted) for row in self.rows(finding))

    def stored_reports(self) -> list[dict[str, object]]:
        rows = sorted(self.rows(report), key=lambda row: (row["received_at"], row["sequence"]))
        return [json.loads(gzip.decompress(row["body"])) for row in rows]  # type: ignore[arg-type]


def assert_nothing_lost_or_doubled(place: Place, *, epochs: int = 1, seen_before_it_went: bool = True) -> None:
    """Every finding came once, every line of every report is one event, and the last event is the state now."""
    events = place.rows(finding_event)
    reports = place.stored_reports()
    assert [field for one in reports for field in undeclared(one)] == []
    assert str(place.agent.folder) not in json.dumps(reports), "no path leaves the machine"
    told = {
        (r["epoch"], r["sequence"], line["id"])
        for r in reports
        for line in r.get("findings", [])  # type: ignore[attr-defined]
        if epochs == 1 or r["sequence"] != 1  # the whole state of a later epoch repeats what is known
    }
    listed = [(row["epoch"], row["sequence"], row["finding_id"]) for row in events]
    assert set(listed) >= told and len(listed) == len(set(listed))
    assert len({event["epoch"] for event in events}) == epochs
    for epoch in {r["epoch"] for r in reports}:
        numbers = sorted(r["sequence"] for r in reports if r["epoch"] == epoch)  # type: ignore[type-var]
        assert numbers == list(range(1, len(numbers) + 1)), "no report is missing, none is there twice"
    for row in place.rows(finding):
        own = sorted(
            (e for e in events if e["finding_id"] == row["finding_id"]),
            key=lambda e: (e["at"], e["sequence"]),  # type: ignore[arg-type]
        )
        changes = Counter(str(event["change"]) for event in own)
        assert own[0]["change"] == ("new" if seen_before_it_went else "gone"), own
        assert changes["new"] == seen_before_it_went, own
        assert changes["gone"] == (1 if row["gone_at"] is not None else 0), own
        assert (own[-1]["state"], own[-1]["outcome"]) == (row["state"], row["outcome"])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ConsoleDoor() as door:
        made = Place(tmp_path, door)
        with made.agent:
            yield made


def test_one_device_through_its_whole_life(place: Place) -> None:
    """Partial, clean, open, clean again, held, clean and moved, silent: one state at a time, on page and in CSV."""
    agent = place.agent
    odd = agent.prefix / "lib" / "node_modules" / "odd" / "package.json"
    odd.parent.mkdir(parents=True)
    os.mkfifo(odd)
    agent.publish("notify")
    with place.console() as console:
        agent.start()
        agent.wait_for(event="enrolled")
        place.until(lambda: place.state() is DeviceState.PARTIAL)
        (unknown,) = [row for row in place.rows(coverage) if row["unknown"]]
        assert (unknown["source"], unknown["unknown"], unknown["reasons"]) == ("npm", 1, '["not-regular"]')
        assert "npm: 1 place could not be looked at (not-regular)" in place.line().why

        shutil.rmtree(odd.parent)
        place.until(lambda: place.state() is DeviceState.CLEAN, event="report-sent")

        installed = place.install()
        place.until(lambda: place.is_stored(face="package", outcome="told"))
        line = place.line()
        (tool,) = line.tools
        assert (line.state, tool.tool, tool.version, tool.action, tool.gone) == (
            DeviceState.OPEN,
            "claude-code",
            VERSION,
            "notify",
            False,
        )
        policy = line.policy
        shown = agent.view("machine.json")["policy"]
        assert policy is not None and isinstance(shown, dict)
        assert (policy.id, policy.version, policy.trust) == (shown["id"], shown["version"], "verified")
        assert list(policy.signers) == shown["signers"] != []

        agent.publish("notify", "block", "remove")
        place.until(lambda: place.is_stored(face="package", outcome=TAKEN) and place.line().tools[0].gone)
        place.until(lambda: place.state() is DeviceState.CLEAN)
        assert not installed.exists()
        (tool,) = place.line().tools
        assert (set(tool.outcomes) <= set(TAKEN), tool.gone) == (True, True)

        taken = agent.wait_for(event="outcome", result=TAKEN)
        assert agent.command("quarantine", "restore", str(taken["quarantine"])).returncode == 0
        place.until(lambda: place.state() is DeviceState.HELD)

        agent.publish("notify", "block", "remove", min_notice=1)
        place.until(lambda: place.state() is DeviceState.CLEAN)
        place.move()
        place.until(lambda: bool(place.line().moves))
        line = place.line()
        assert (line.state, [(move.tool, move.version) for move in line.moves]) == (
            DeviceState.CLEAN,
            [("qoder", QODER_VERSION)],
        )
        agent.stop()
        _page_and_file_say(console, line.device_id, "clean", "qoder 1.1.52", policy.signers)
        console.pass_time(DAY + 1)
        _page_and_file_say(console, line.device_id, "silent", "qoder 1.1.52", policy.signers)


def _page_and_file_say(console: RunningConsole, device: str, state: str, moved: str, signers: tuple[str, ...]) -> None:
    with console.signed_in() as client:
        rows = list(csv.DictReader(client.get("/export/compliance.csv").text.splitlines()))
        assert {(row["device_id"], row["state"], row["moved_to"]) for row in rows} == {(device, state, moved)}
        assert {row["policy_trust"] for row in rows} == {"verified"}
        page = client.get(f"/devices/{device}").text
        assert all(signer in page for signer in signers) and "qoder" in page
        assert device in client.get("/devices").text


def test_what_was_found_and_removed_before_the_console_came_reaches_it_too(place: Place) -> None:
    place.agent.publish("notify", "block", "remove")
    place.install()
    place.door.close()
    place.agent.start()
    place.agent.wait_for(event="finding-gone", outcome=TAKEN)
    with place.console():
        place.door.open()
        place.until(lambda: place.is_stored(face="package", outcome=TAKEN))
        place.until(lambda: place.state() is DeviceState.CLEAN)
        place.agent.stop()
    assert_nothing_lost_or_doubled(place, seen_before_it_went=False)


def test_the_console_holds_what_sent_shows_word_for_word(place: Place) -> None:
    place.agent.publish("notify", "block", "remove")
    place.install()
    with place.console():
        place.agent.start()
        place.until(lambda: place.is_stored(face="package", outcome=TAKEN) and place.line().tools[0].gone)
        place.agent.stop()
    assert_nothing_lost_or_doubled(
        place, seen_before_it_went="told" in {e["outcome"] for e in place.rows(finding_event)}
    )
    sent = json.loads(place.agent.command("sent", "--json").stdout)["reports"]
    assert [row["report"] for row in sent] == place.stored_reports() != []
    spoken = place.agent.command("sent").stdout
    assert all(json.dumps(row["report"], indent=2, ensure_ascii=False) in spoken for row in sent)


# What goes wrong in between: each gets what is to be reported meanwhile, and ends when all is well again

Happen = Callable[[], object]


def _closed_for_a_while(place: Place, happen: Happen) -> None:
    mark = place.agent.mark()
    place.door.close()
    happen()
    place.agent.wait_for(mark, event="report-refused", status=0)
    place.door.open()


def _answers(status: int, **headers: str) -> Callable[[Place, Happen], None]:
    def trouble(place: Place, happen: Happen) -> None:
        mark = place.agent.mark()
        place.door.answer(status, **headers)
        happen()
        place.agent.wait_for(mark, event="report-refused", status=status)
        place.door.behave()

    return trouble


def _hangs(place: Place, happen: Happen) -> None:
    mark = place.agent.mark()
    place.door.hang()
    happen()
    place.agent.wait_for(mark, event="report-refused", status=0)
    place.door.behave()


def _answer_lost(place: Place, happen: Happen) -> None:
    place.door.keep_answers_back()
    happen()
    place.door.wait_for_a_kept_answer()
    place.door.behave()


def _killed_with_the_answer_under_way(place: Place, happen: Happen) -> None:
    place.door.keep_answers_back()
    happen()
    place.door.wait_for_a_kept_answer()
    place.agent.stop(signal.SIGKILL)
    place.door.behave()
    place.agent.start()


def _killed_before_the_report_arrives(place: Place, happen: Happen) -> None:
    place.door.hang()
    happen()
    place.door.wait_for_a_knock()
    place.agent.stop(signal.SIGKILL)
    place.door.behave()
    place.agent.start()


TROUBLES: dict[str, Callable[[Place, Happen], None]] = {
    "the console is away for a while": _closed_for_a_while,
    "the console answers 500": _answers(500),
    "the console answers 429": _answers(429, Retry_After="1"),
    "the console hangs": _hangs,
    "an answer is lost": _answer_lost,
    "the agent is killed between send and answer": _killed_with_the_answer_under_way,
    "the agent is killed before its report arrives": _killed_before_the_report_arrives,
}


def _removed(place: Place) -> None:
    """The ban's last stage comes, and its end reaches the console."""
    mark = place.agent.mark()
    place.agent.publish("notify", "block", "remove")
    place.agent.wait_for(mark, event="outcome", result=TAKEN)
    place.until(lambda: place.state() is DeviceState.CLEAN)


LONG = {"the console hangs", "the console answers 500", "the agent is killed before its report arrives"}


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(trouble, id=name, marks=[pytest.mark.slow] if name in LONG else [])
        for name, trouble in TROUBLES.items()
    ],
)
def test_nothing_is_lost_or_counted_twice_when(place: Place, trouble: Callable[[Place, Happen], None]) -> None:
    place.agent.publish("notify")
    with place.console():
        place.agent.start()
        place.until(lambda: place.state() is DeviceState.CLEAN)
        trouble(place, place.install)
        place.until(lambda: place.is_stored(face="package", outcome="told"))
        _removed(place)
        place.agent.stop()
    assert_nothing_lost_or_doubled(place)
    (row,) = place.rows(finding)
    assert (row["outcome"] in TAKEN, row["gone_at"] is not None) == (True, True)
    assert "told" in {event["outcome"] for event in place.rows(finding_event)}


@pytest.mark.parametrize("away", [pytest.param("closed", marks=pytest.mark.slow), "answers 503"])
def test_a_device_enrols_by_itself_when_the_console_comes_at_last(place: Place, away: str) -> None:
    place.agent.publish("notify")
    place.install()
    if away == "closed":
        place.door.close()
    else:
        place.door.answer(503)
    place.agent.start()
    place.agent.wait_for(event="enrol-refused")
    place.agent.wait_for(event="outcome", kind="notify", result="told")
    with place.console():
        if away == "closed":
            place.door.open()
        else:
            place.door.behave()
        place.until(lambda: place.is_stored(face="package", outcome="told"), event="report-sent")
        _removed(place)
        place.agent.stop()
    assert_nothing_lost_or_doubled(place)


@pytest.mark.parametrize("moment", [pytest.param("before-commit", marks=pytest.mark.slow), "after-commit"])
def test_a_console_killed_around_the_commit_of_a_report_has_it_once(place: Place, moment: str) -> None:
    place.agent.publish("notify")
    with place.console():
        place.agent.start()
        place.until(lambda: place.state() is DeviceState.CLEAN)
    with _console_that_dies(place, moment) as console:
        place.install()
        assert console.wait(60) == -signal.SIGKILL
    with place.console():
        place.until(lambda: place.is_stored(face="package", outcome="told"))
        _removed(place)
        place.agent.stop()
    assert_nothing_lost_or_doubled(place)


@contextmanager
def _console_that_dies(place: Place, moment: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.fakes.console_that_dies", str(place.data), moment]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as console:
        assert console.stdout is not None
        try:
            place.door.lead_to(console.stdout.readline().strip())
            yield console
        finally:
            console.kill()


@pytest.mark.parametrize(
    "gone",
    [
        pytest.param("restored from an older copy", marks=pytest.mark.slow),
        pytest.param("restored from a copy that knew it", marks=pytest.mark.slow),
        "lost",
    ],
)
def test_a_console_whose_database_was(place: Place, gone: str, tmp_path: Path) -> None:
    """It is told the whole state anew under a new epoch: what is there, what is over, who has moved."""
    agent = place.agent
    agent.publish("notify")
    with place.console():
        agent.start()
        place.until(lambda: place.state() is DeviceState.CLEAN)
        if "knew" in gone:
            place.install()
            place.until(lambda: place.is_stored(face="package", outcome="told"))
    if gone == "lost":
        (tmp_path / "copy").mkdir()
    else:
        shutil.copytree(place.data, tmp_path / "copy")
    with place.console():
        if "knew" not in gone:
            place.install()
        place.move()
        place.until(lambda: place.is_stored(face="package", outcome="told") and bool(place.line().moves))
        device = place.line().device_id
    shutil.rmtree(place.data)
    (tmp_path / "copy").rename(place.data)
    with place.console():
        mark = agent.mark()
        agent.publish("notify", "block")
        agent.wait_for(mark, event="report-refused", status=401 if gone == "lost" else 409)
        if gone == "lost":
            agent.wait_for(mark, event="enrolled", device=device)
        place.until(lambda: place.is_stored(face="package", action="block") and bool(place.line().moves))
        line = place.line()
        assert (line.device_id, line.state, line.moves[0].tool) == (device, DeviceState.OPEN, "qoder")
        _removed(place)
        agent.stop()
    assert_nothing_lost_or_doubled(place, epochs=2 if "knew" in gone else 1)
    said = [(row["change"], row["state"], row["action"], row["outcome"]) for row in place.rows(finding_event)]
    assert len(said) == len(set(said)), "what a whole state repeats is no event"
    assert {row["outcome"] for row in place.rows(finding)} <= set(TAKEN)


@pytest.mark.slow
def test_what_was_removed_while_the_console_was_restored_is_not_forgotten(place: Place, tmp_path: Path) -> None:
    """The copy knows the installation as present; its end and how it ended reach the console all the same."""
    agent = place.agent
    agent.publish("notify")
    with place.console():
        agent.start()
        place.install()
        place.until(lambda: place.is_stored(face="package", outcome="told"))
    shutil.copytree(place.data, tmp_path / "copy")
    with place.console():
        _removed(place)
    shutil.rmtree(place.data)
    (tmp_path / "copy").rename(place.data)
    with place.console():
        mark = agent.mark()
        agent.publish("notify", "block", "remove", min_notice=1)
        place.move()
        agent.wait_for(mark, event="report-refused", status=409)
        place.until(lambda: place.state() is DeviceState.CLEAN)
        agent.stop()
    assert_nothing_lost_or_doubled(place, epochs=2)
    (row,) = place.rows(finding)
    assert (row["outcome"] in TAKEN, row["gone_at"] is not None) == (True, True)


@pytest.mark.parametrize("hours", [2, -2], ids=["behind", "ahead"])
def test_a_device_whose_clock_is_two_hours(place: Place, hours: int) -> None:
    """It signs by the console's time, and waits as long as the console says: it does not report without a pause."""
    agent = place.agent
    agent.publish("notify")
    with place.console() as console:
        console.pass_time(hours * 3600)
        agent.start()
        agent.wait_for(event="enrolled")
        place.install()
        place.until(lambda: place.is_stored(face="package", outcome="told"))
        before = len(place.stored_reports())
        mark = agent.mark()
        place.move()
        agent.wait_for(mark, event="moved")
        agent.wait_for(mark, event="report-sent")
        agent.stop()
        now = console.now
    assert place.line(now).state is DeviceState.OPEN
    assert agent.events(event="report-refused") == []
    reports = place.stored_reports()
    assert len(reports) == before + 1 and reports[-1]["moves"]
    assert_nothing_lost_or_doubled(place)


@pytest.mark.root
def test_another_person_sees_their_own_lines_only() -> None:
    with tempfile.TemporaryDirectory(prefix="interdict-persons-") as name, ConsoleDoor() as door:
        folder = Path(name)
        folder.chmod(0o755)
        place = Place(folder, door)
        theirs = place.agent.folder / "their-home"
        other = synthetic_npm_install(theirs / ".npm-global", NAME, "2.1.112", "js")
        give_to(theirs)
        mine = place.install()
        with place.agent as agent, place.console():
            agent.publish("notify")
            agent.start(homes=[str(agent.home), str(theirs)])
            agent.settings_file.chmod(0o644)
            place.until(lambda: [row["outcome"] for row in place.rows(finding)] == ["told", "told"])
            agent.stop()
            with person(lambda: None, lambda: _says(agent, "status", "sent")) as someone:
                said = someone.act()
        status, sent = json.loads(said["status"]), json.loads(said["sent"])
        ids = {row["version"]: row["finding_id"] for row in place.rows(finding)}
        assert [row["path"] for row in status["findings"]] == [str(other)]
        assert {line["id"] for row in sent["reports"] for line in row["report"]["findings"]} == {ids["2.1.112"]}
        assert str(mine) not in said["status"] + said["sent"]
        assert ids[VERSION] not in said["status"] + said["sent"]
        assert agent.command("sent", "--json").stdout.count(ids[VERSION]) > 0


def _says(agent: Workstation, *commands: str) -> dict[str, str]:
    """What a person reads who runs these commands, in their own process."""
    said = {}
    for name in commands:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            main([name, "--config", str(agent.settings_file), "--json"])
        said[name] = out.getvalue()
    return said


def test_what_a_person_asks_for_reaches_the_console_once_with_their_words(place: Place) -> None:
    place.install()
    with place.console() as console:
        place.agent.publish("notify")
        place.agent.start()
        place.until(lambda: bool(place.rows(finding)))
        for _ in range(2):
            command = ["request-exception", "claude-code", "--reason", "a customer <b>needs</b> it"]
            assert main([*command, "--config", str(place.agent.settings_file)]) == 0
        place.until(lambda: len(place.rows(request)) == 2)
        row, _ = place.rows(request)
        assert (row["kind"], row["ban"], row["reason"]) == ("exception", "claude-code", "a customer <b>needs</b> it")
        with console.signed_in() as client:
            page = client.get("/").text
        assert "asks for an exception" in page and "&lt;b&gt;needs" in page


def test_nobody_can_find_out_from_an_id_under_which_path_something_lies(place: Place) -> None:
    """The ids of the inventory are hashes of paths; with them a guessed name of a person could be confirmed."""
    package = place.install()
    with place.console():
        place.agent.publish("notify")
        place.agent.start()
        place.until(lambda: bool(place.rows(finding)))
    row, *_ = place.rows(finding)
    assert row["installation"] != installation_id("claude-code", str(package))
    assert row["finding_id"] != finding_id("claude-code", "claude-code", str(row["face"]), str(package), None, None)
