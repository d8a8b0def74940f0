"""`interdict-policy simulate`: whom a policy hits, counted on small fleets whose answer is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_schema.authoring.cli.main import main
from policy_schema.authoring.simulation.distinct import Distinct
from policy_schema.authoring.simulation.records import read_records
from policy_schema.authoring.simulation.simulate import Simulation
from policy_schema.authoring.simulation.spread import Reach
from policy_schema.errors import BadFile
from policy_schema.rules.decision import Action, State
from policy_schema.rules.instant import Instant
from policy_schema.rules.rulebook import Rulebook
from tests.fakes.policies import BLOCK, NOTIFY, REMOVE, ban, rulebook, stages

CODE = {
    "source": "npm",
    "face": "package",
    "purl": "pkg:npm/%40anthropic-ai/claude-code@2.1.197",
    "path": "/home/li/.npm-global/lib/node_modules/@anthropic-ai/claude-code",
    "owner": "li",
}
RUNNING = {**CODE, "face": "process", "pid": 7}
NPM = {"source": "npm", "face": "package", "purl": "pkg:npm/npm@11.19.1", "path": "/usr/lib/node_modules/npm"}
NAMED = {"source": "executables", "face": "executable", "path": "/home/li/bin/claude", "owner": "li"}


def device(name: str, *items: Mapping[str, object], **about: object) -> dict[str, object]:
    return {"device": {"id": name, **about}, "items": list(items)}


def simulate(
    folder: Path, rows: list[dict[str, object]], book: Rulebook, old: Rulebook | None = None, at: int | None = None
) -> Simulation:
    file = folder / "records.ndjson"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = Simulation(book, old, None if at is None else Instant(at))
    for record in read_records(file):
        made.take(record)
    return made


def test_each_stage_counts_devices_people_and_what_runs(tmp_path: Path) -> None:
    rows = [
        device("d-1", CODE, RUNNING, NPM),
        device("d-2", {**CODE, "person": "e7"}, {**CODE, "owner": "wang", "person": "e8"}),
        device("d-3", {**CODE, "person": "e7"}),
        device("d-4", NPM),
    ]
    found = simulate(tmp_path, rows, rulebook(), at=BLOCK).outcome()
    everything = Reach(devices=3, people=3, people_exact=True, packages=4, processes=1)
    assert [(rung.action, rung.total, rung.dates) for rung in found.rungs] == [
        (Action.NOTIFY, everything, {NOTIFY: everything}),
        (Action.BLOCK, everything, {BLOCK: everything}),
        (Action.REMOVE, everything, {REMOVE: everything}),
    ]
    assert (found.devices, found.now) == (4, {("claude-code", Action.BLOCK): 3})
    assert [(row.tool, row.version, row.devices) for row in found.versions] == [("claude-code", "2.1.197", 3)]


RING = [{"from": "2026-07-05T01:00:00Z", "groups": ["it"]}, {"from": "2026-07-12T01:00:00Z", "percent": 100}]
NEVER = {
    "a server": (device("d", CODE, kind="server"), rulebook(), State.OUT_OF_SCOPE),
    "a region that is not set": (
        device("d", CODE),
        rulebook(ban(scope={"regions": ["CN"], "kinds": ["workstation"], "ownership": ["company"]})),
        State.OUT_OF_SCOPE,
    ),
    "a name alone": (device("d", NAMED), rulebook(), State.WEAK),
    "no step of the rollout": (device("d", CODE), rulebook(ban(rollout=RING[:1])), State.NOT_IN_ROLLOUT),
}


@pytest.mark.parametrize(("row", "book", "state"), NEVER.values(), ids=NEVER.keys())
def test_who_has_it_and_is_never_acted_on_is_counted_apart(
    row: dict[str, object], book: Rulebook, state: State, tmp_path: Path
) -> None:
    found = simulate(tmp_path, [row], book).outcome()
    assert found.never == {("claude-code", state): 1}
    assert found.rungs == ()


def test_a_rollout_spreads_over_the_days(tmp_path: Path) -> None:
    """Of each day: devices, people, packages, and what runs. Who has a device in two rings counts once in all."""
    mine, yours = {**CODE, "person": "e7"}, {**CODE, "person": "e8"}
    rows = [device("d-1", mine, RUNNING, groups=["it"]), device("d-2", mine, yours, groups=[]), device("d-3", yours)]
    found = simulate(tmp_path, rows, rulebook(ban(rollout=RING, stages=stages((NOTIFY, "notify"))))).outcome()
    (rung,) = found.rungs
    assert dict(rung.dates) == {1_783_213_200: Reach(1, 2, True, 1, 1), 1_783_818_000: Reach(2, 2, True, 3, 0)}
    assert rung.total == Reach(3, 3, True, 4, 1)


DAY = 86_400
AGAINST = {
    "the same policy": (rulebook(), rulebook(), 0, 0),
    "no ban before": (rulebook(), rulebook(ban(targets=[{"tool": "qoder", "versions": None}])), 1, 0),
    "notified before, blocked now": (rulebook(), rulebook(ban(stages=stages((NOTIFY, "notify")))), 1, 0),
    "blocked earlier": (
        rulebook(ban(stages=stages((NOTIFY, "notify"), (BLOCK - DAY, "block"), (REMOVE, "remove")))),
        rulebook(),
        0,
        1,
    ),
    "blocked later": (
        rulebook(),
        rulebook(ban(stages=stages((NOTIFY, "notify"), (BLOCK - DAY, "block"), (REMOVE, "remove")))),
        0,
        0,
    ),
    "a range that leaves the device out": (
        rulebook(ban(targets=[{"tool": "claude-code", "versions": "<2.0.0"}])),
        rulebook(),
        0,
        0,
    ),
}


@pytest.mark.parametrize(("new", "old", "newly", "sooner"), AGAINST.values(), ids=AGAINST.keys())
def test_against_the_policy_in_force(new: Rulebook, old: Rulebook, newly: int, sooner: int, tmp_path: Path) -> None:
    found = simulate(tmp_path, [device("d", CODE), device("e", NPM)], new, old).outcome()
    assert (sum(found.newly.values()), sum(found.sooner.values())) == (newly, sooner)


def test_a_target_that_nobody_has_is_named(tmp_path: Path) -> None:
    both = ban(targets=[{"tool": "claude-code", "versions": None}, {"tool": "qoder", "versions": None}])
    found = simulate(tmp_path, [device("d", CODE)], rulebook(both)).outcome()
    assert found.idle == ("claude-code: qoder",)


def test_what_no_policy_may_touch_is_named(tmp_path: Path) -> None:
    shell = {**NAMED, "path": "/usr/bin/bash", "sha256": "0" * 64}
    tools = {
        "acme/shell": {
            "id": "acme/shell",
            "name": "Shell",
            "version_scheme": "dotted",
            "faces": {"hashes": [{"sha256": "0" * 64}]},
        }
    }
    book = rulebook(ban(targets=[{"tool": "acme/shell", "versions": None}], alternatives=[]), tools=tools)
    found = simulate(tmp_path, [device("d", shell)], book).outcome()
    assert found.protected == (("claude-code", "d", "/usr/bin/bash", "a protected program"),)


@given(st.sets(st.text(max_size=6), max_size=60), st.integers(1, 60))
def test_distinct_is_exact_up_to_its_limit_and_near_beyond(texts: set[str], limit: int) -> None:
    counted = Distinct(limit)
    for text in [*texts, *texts]:
        counted.add(text)
    assert counted.exact == (len(texts) <= limit)
    assert abs(len(counted) - len(texts)) <= (0 if counted.exact else 1)


BROKEN = {
    "no JSON": (b'{"device": ', ":1: is not a recorded device"),
    "no device": (b'{"items": []}\n', ":1: is not a recorded device"),
    "a number for a name": (b'{"device": {"id": 7}}\n', "Expected `str`, got `int`"),
    "the second line": (b'{"device": {}}\n{"device"\n', ":2: is not a recorded device"),
    "bytes that are no text": (b'{"device": {"id": "\xff"}}\n', ":1: is not a recorded device"),
    "nested without end": (b"[" * 200_000 + b"\n", ":1: is not a recorded device"),
}


@pytest.mark.parametrize(("data", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_record_is_named_with_its_line(data: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "r.ndjson"
    file.write_bytes(data)
    with pytest.raises(BadFile) as error:
        list(read_records(file))
    assert said in str(error.value)


# ------------------------------------------------------------------------------------------------------ the command

EXAMPLE = Path(__file__).parents[3] / "examples" / "claude-code-ban" / "policy.yaml"


def run(folder: Path, *options: str, policy: Path = EXAMPLE) -> int:
    file = folder / "records.ndjson"
    rows = [device("d-1", CODE, region="CN", groups=[]), device("d-2", NPM)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return main(["simulate", str(policy), str(file), *options])


def test_the_command_says_it_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--against", str(EXAMPLE), "--at", "2026-07-12 09:00") == 0
    out = capsys.readouterr().out
    for said in (
        "2 devices were simulated.",
        "block   from 2026-07-10 09:00: 1 device, 1 person, 1 package",
        "0 devices newly hit",
        "at 2026-07-12 09:00: 1 block",
        "claude-code 2.1.197: 1 device",
        "no proof of use",
    ):
        assert said in out


def test_the_command_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--json") == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert {row["action"]: row["devices"] for row in document["stages"]} == {"notify": 1, "block": 1, "remove": 1}


def test_one_device_as_a_timeline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--device", "d-1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == ["notify", "block", "remove"]
    assert lines[1].startswith("2026-07-10 09:00  block   claude-code: pkg:npm/")


def test_an_inventory_is_a_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inventory = {
        "schema": 1,
        "complete": False,
        "device": {"os": "linux", "kind": "workstation", "region": "CN", "groups": []},
        "items": [{**CODE, "name": "@anthropic-ai/claude-code", "version": "2.1.197", "project": False}],
    }
    file = tmp_path / "inventory.json"
    file.write_text(json.dumps(inventory, indent=1))
    assert main(["simulate", str(EXAMPLE), str(file)]) == 0
    assert "1 device was simulated, 1 of them not looked at everywhere" in capsys.readouterr().out


WRONG = {
    "a device that is not there": (("--device", "d-9"), "no record is of the device 'd-9'"),
    "a time that is none": (("--at", "tomorrow"), "--at: "),
    "a policy that is not there": (("--against", "/nowhere.yaml"), "/nowhere.yaml: cannot be read"),
}


@pytest.mark.parametrize(("options", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_option_is_one_line(
    options: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, *options) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
