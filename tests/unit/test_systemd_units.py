"""The systemd units say what the code relies on. That the gate works so is shown in tests/integration."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from agent.host.child import GATE_RIGHTS
from agent.ipc.gate_start import FOLDER, ORDERS, SOCKET, UNIT_SAYS
from agent.settings import Settings
from policy_schema.trust.layout import TIMESTAMP_PATH
from policy_schema.trust.metadata import Lifetimes
from tests.architecture.source import ROOT
from tests.fakes.author import Author
from tests.fakes.caged import read_unit

UNITS = ROOT / "installers" / "systemd"
AGENT, GATE = read_unit(UNITS / "interdict.service"), read_unit(UNITS / "interdict-gate.service")
HANDOVER = read_unit(UNITS / "interdict-gate-handover.service")
OWN_MOUNTS = ("Protect", "Private", "ReadOnly", "Inaccessible", "RootDirectory", "TemporaryFileSystem", "BindPaths")


def test_the_gate_has_the_four_rights_that_the_agent_gives_it_too() -> None:
    named = {right.removeprefix("CAP_").lower() for right in GATE["AmbientCapabilities"].split()}
    assert named == set(GATE_RIGHTS) and len(named) == 4
    assert GATE["CapabilityBoundingSet"] == GATE["AmbientCapabilities"]


def test_gate_and_agent_meet_where_the_code_makes_the_folder() -> None:
    folder = os.path.join(Settings().state_dir, FOLDER)
    assert f"--socket {folder}/{SOCKET} --orders {folder}/{ORDERS}" in GATE["ExecStart"]
    assert AGENT["StateDirectory"] == "interdict"
    assert GATE["User"] == Settings().gate_user


def test_the_users_that_the_settings_name_are_made() -> None:
    rows = (UNITS / "interdict.sysusers.conf").read_text().splitlines()
    made = {row.split()[1] for row in rows if row.startswith("u ")}
    assert made == {Settings().gate_user, Settings().courier_user, Settings().adopter_user}


@pytest.mark.parametrize("line", ["CPUQuota", "MemoryMax", "MemoryHigh", "CPUWeight"])
def test_nothing_slows_the_gate_down_or_ends_it_for_its_size(line: str) -> None:
    assert line not in GATE


@pytest.mark.parametrize("unit", [GATE, HANDOVER], ids=["the gate", "the one that takes over"])
def test_the_gate_can_open_names(unit: dict[str, str]) -> None:
    """systemd 252 answers openat2(2) with ENOSYS under this line, and the gate opens every name by it."""
    assert "RestrictSUIDSGID" not in unit


def test_the_gate_that_takes_over_follows_the_same_orders_with_the_same_rights_and_stays_no_longer() -> None:
    own = {"ExecStart", "Description", "Restart", "RestartSec", "RestartPreventExitStatus", "RuntimeMaxSec"}
    own |= {"StartLimitIntervalSec", "WantedBy"}
    differing = {key for key in GATE.keys() | HANDOVER.keys() if GATE.get(key) != HANDOVER.get(key)}
    assert differing <= own
    assert "--socket" not in HANDOVER["ExecStart"]
    assert HANDOVER["ExecStart"].split("--orders")[1] == GATE["ExecStart"].split("--orders")[1]
    assert HANDOVER["Restart"] == "no" and int(HANDOVER["RuntimeMaxSec"]) <= 300


def test_a_gate_is_ready_when_it_answers_and_is_not_started_again_where_the_kernel_has_no_door() -> None:
    assert GATE["Type"] == "notify" and GATE["RestartPreventExitStatus"] == "3"
    assert AGENT["Environment"] == f"{UNIT_SAYS}=systemd", "or the agent would start a second one"


def test_names_of_users_are_as_systemd_takes_them() -> None:
    """sysusers.d(5): a GECOS field has no colon; with one no user is made at all."""
    rows = [row for path in UNITS.glob("*.sysusers.conf") for row in path.read_text().splitlines() if row[:2] == "u "]
    assert len(rows) == 4 and [row for row in rows if ":" in row] == []


@pytest.mark.parametrize("unit", [AGENT, GATE], ids=["the agent", "the gate"])
def test_neither_has_mounts_of_its_own(unit: dict[str, str]) -> None:
    """Terminals, homes and events of the kernel are those of the people's own mounts."""
    assert [key for key in unit if key.startswith(OWN_MOUNTS)] == []


def test_the_agent_tells_that_it_is_ready_and_lives() -> None:
    assert AGENT["Type"] == "notify" and int(AGENT["WatchdogSec"]) >= 60
    assert GATE["Restart"] == AGENT["Restart"] == "always"
    assert int(GATE["OOMScoreAdjust"]) < int(AGENT["OOMScoreAdjust"]) < 0


def test_a_session_starts_the_notifier_once() -> None:
    unit = read_unit(UNITS / "user" / "interdict-notifier.service")
    entry = (ROOT / "installers" / "desktop" / "interdict-notifier.desktop").read_text(encoding="utf-8").splitlines()
    assert unit["ExecStart"] == "/usr/bin/interdict notifier"
    assert "Exec=/usr/bin/interdict notifier" in entry
    assert "X-systemd-skip=true" in entry, "systemd would start it a second time from its own generator"


RENEW, TIMER = read_unit(UNITS / "interdict-policy-renew.service"), read_unit(UNITS / "interdict-policy-renew.timer")


def test_the_timer_renews_long_before_the_signatures_end(tmp_path: Path) -> None:
    """The unit's own command over a real repository, with the passphrase as systemd hands it over."""
    author = Author(tmp_path, None)
    assert author.init("--solo", "--signer", "Li Wei").code == 0
    assert author.sign(str(author.policy)).code == 0
    assert author.do("publish").code == 0
    before = (author.dir / "repository" / TIMESTAMP_PATH).read_bytes()
    given = tmp_path / "credentials"
    given.mkdir()
    shutil.copy(author.phrase, given / "phrase")
    (given / "phrase").chmod(0o440)
    places = {"/srv/policy": str(author.dir), "/etc/interdict-policy/keys": str(author.dir / "keys"), "%d": str(given)}
    command = RENEW["ExecStart"]
    for name, place in places.items():
        command = command.replace(name, place)
    program, *words = command.split()
    assert program == "/usr/bin/interdict-policy"
    assert author.run(*words).code == 2, "a passphrase that others may read"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDENTIALS_DIRECTORY", str(given))
        assert author.run(*words).code == 0
    assert (author.dir / "repository" / TIMESTAMP_PATH).read_bytes() != before
    assert TIMER["OnCalendar"] == "daily" and Lifetimes().online >= 7 * 86_400
    assert TIMER["Persistent"] == "yes", "a machine that was off renews when it is on again"


def test_renewing_writes_the_policy_and_reaches_nobody() -> None:
    assert RENEW["ReadWritePaths"] == "/srv/policy" and RENEW["PrivateNetwork"] == "yes"
    users = (UNITS / "interdict-policy.sysusers.conf").read_text().splitlines()
    assert f"u {RENEW['User']} " in " ".join(users)
