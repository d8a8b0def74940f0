"""Settings and residue as findings: told about once a person, sent without the model's name, never acted on."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agent import welcome
from agent.cases import Kind
from agent.decider import Decider
from agent.enforce.interface import Detail, Outcome, OutcomeCode
from agent.events import EventLog
from agent.findings import sign_findings
from agent.host.clock import Now
from agent.memory import Memory
from agent.persons import Person
from agent.report.journal import Journal
from agent.settings import Settings
from agent.wording import Wording
from policy_schema.messages.report import FindingLine, MoveLine
from policy_schema.rules.instant import Instant, format_instant
from policy_schema.rules.observation import Face, Observation, Unknown
from policy_schema.rules.rulebook import Device
from tests.fakes.policies import NOTIFY, REMOVE, ban, rulebook

MODELS: dict[str, object] = {
    "id": "anthropic-models",
    "families": ["claude-sonnet", "claude"],
    "reason": {"en": "No model of this family."},
    "stages": [{"from": format_instant(NOTIFY), "action": "notify"}],
    "scope": {"regions": [], "groups": [], "except_groups": [], "kinds": ["workstation"], "ownership": ["company"]},
}
RULES = rulebook(ban(), model_bans=[MODELS]).for_device(Device("d-1"))
AIDER = Observation(
    "model-settings", Face.SETTING, "/home/li/.aider.conf.yml", owner="li", uid=1000, name="aider", home="/home/li",
    setting="model:anthropic/claude-sonnet-4-5",
)  # fmt: skip
WEAK_MODEL = AIDER._replace(setting="model:claude-3-haiku")
CURSOR = AIDER._replace(
    source="mcp", path="/home/li/.cursor/mcp.json", name="cursor", setting="mcp:pkg:npm/%40anthropic-ai/claude-code"
)
RESIDUE = Observation("residue", Face.RESIDUE, "/home/li/.claude.json", owner="li", uid=1000, name="~/.claude.json")


class Machine:
    """A decider with a journal on disk and the real words."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(str(folder / "journal.db"))
        self.lines: list[FindingLine | MoveLine] = []
        self.log = io.StringIO()
        wording = Wording(
            settings=Settings(language="en"), rules=lambda: RULES, told=lambda *_: None, places=lambda *_: 1
        )
        memory = Memory(self.journal)
        memory.keep_person(*welcome.key(1000), welcome.shown(Person(), Instant(1)))
        self.decider = Decider(
            journal=self.journal,
            memory=memory,
            log=EventLog(self.log),
            compose=wording,
            queue=self.lines.extend,
            observe=False,
        )
        self.decider.adopt(RULES)

    def live(self, at: int) -> list[tuple[Kind, str, str]]:
        """Judges, carries everything out, and judges again: kind, ban and title of what was done."""
        made = []
        for _ in range(2):
            for intent in self.decider.judge(Now(Instant(at), True), looked_everywhere=True):
                made.append((intent.kind, intent.ban, intent.title))
                self.decider.outcome(Outcome(intent, OutcomeCode.TOLD, Detail.NONE, Instant(at)), Instant(at))
        return made


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    one = Machine(tmp_path)
    yield one
    one.journal.close()


def _see(machine: Machine, *seen: Observation, unknown: tuple[Unknown, ...] = ()) -> None:
    machine.decider.looked({"settings": seen}, {"settings": unknown})


def test_at_the_removal_a_person_is_told_once_and_nothing_else_happens(machine: Machine) -> None:
    _see(machine, AIDER, WEAK_MODEL, CURSOR, RESIDUE)
    assert sorted(machine.live(REMOVE)) == [
        (Kind.NOTIFY, "anthropic-models", "aider is configured with a model that is not allowed"),
        (Kind.NOTIFY, "claude-code", "Claude Code is set up in another program"),
    ]
    assert machine.live(REMOVE + 86_400) == []


def test_two_models_in_one_file_are_one_finding(machine: Machine) -> None:
    _see(machine, AIDER, WEAK_MODEL)
    machine.live(REMOVE)
    assert [row.subject.setting for row in machine.decider.current.values()] == ["model:anthropic/claude-sonnet-4-5"]


def test_a_report_says_that_a_tool_is_configured_and_not_with_what(machine: Machine) -> None:
    _see(machine, AIDER, CURSOR, RESIDUE)
    machine.live(REMOVE)
    sent = msgspec.json.encode(machine.lines).decode()
    assert not [word for word in ("sonnet", "cursor", "/home", ".aider", 'li"') if word in sent]
    rows = {line.face + line.tool: line for line in machine.lines if isinstance(line, FindingLine)}
    aider = rows["settingaider"]
    assert (aider.ban, aider.installation, aider.action, aider.matches) == (
        "anthropic-models", "", "notify", ("setting",),
    )  # fmt: skip
    assert (aider.purl, aider.version, aider.scope_of_path, aider.confidence) == ("", "", "home", "strong")
    assert (rows["residueclaude-code"].state, rows["residueclaude-code"].action) == ("weak", "report")


def test_a_setting_that_was_changed_is_gone(machine: Machine) -> None:
    _see(machine, AIDER)
    machine.live(REMOVE)
    _see(machine)
    assert machine.live(REMOVE + 60) == []
    last = machine.lines[-1]
    assert isinstance(last, FindingLine)
    assert (last.gone, last.outcome) == (True, "gone")


def test_a_setting_that_cannot_be_read_any_more_is_not_gone(machine: Machine) -> None:
    _see(machine, AIDER)
    machine.live(REMOVE)
    _see(machine, unknown=(Unknown(AIDER.path, "permission denied"),))
    machine.live(REMOVE + 60)
    assert not any(isinstance(line, FindingLine) and line.gone for line in machine.lines)


PROGRAM = Observation(
    "executables", Face.EXECUTABLE, "/home/li/.local/share/claude/versions", uid=1000, home="/home/li"
)


@pytest.mark.parametrize(("seen", "held"), [(CURSOR, False), (PROGRAM, True)], ids=["settings", "programs"])
def test_the_brake_counts_what_could_be_taken_away(machine: Machine, seen: Observation, held: bool) -> None:
    """A ban that newly matches many things is held; of settings nothing is taken, so that they hold none."""
    machine.decider.adopt(rulebook(ban(targets=[])).for_device(Device("d-1")))
    hundred = [seen._replace(path=f"{seen.path}/{number}") for number in range(100)]
    _see(machine, *hundred)
    machine.decider.judge(Now(Instant(NOTIFY), True), looked_everywhere=True)
    machine.decider.adopt(RULES)
    machine.decider.judge(Now(Instant(REMOVE), True), looked_everywhere=True)
    assert ('"event": "brake"' in machine.log.getvalue().replace('":"', '": "')) == held


def test_only_settings_and_residue_are_signs() -> None:
    package = Observation("npm", Face.PACKAGE, "/x", purl="pkg:npm/%40anthropic-ai/claude-code@2.1.197")
    assert [subject.path for subject, _ in sign_findings(RULES, [package, AIDER], Instant(REMOVE))] == [AIDER.path]


def test_the_words_name_the_model_on_the_machine_only(machine: Machine) -> None:
    _see(machine, AIDER)
    (intent,) = machine.decider.judge(Now(Instant(REMOVE), True))
    assert "Configured: anthropic/claude-sonnet-4-5 in /home/li/.aider.conf.yml." in intent.body
    assert "sonnet" not in intent.brief
