"""A real agent process on a workstation of its own: signed policy over HTTP, real files, processes and signals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from policy_schema.rules.instant import parse_instant
from policy_schema.trust.layout import Role
from tests.fakes.policies import ban, closed
from tests.fakes.policy_server import PolicyRepository
from tests.fakes.synthetic import synthetic_native, synthetic_npm_install
from tests.fakes.workstation import TAKEN, Workstation

Start = Callable[[], subprocess.Popen[bytes]]
NAME, VERSION = "@anthropic-ai/claude-code", "2.1.197"


@pytest.fixture
def workstation(tmp_path: Path) -> Iterator[Workstation]:
    with Workstation(tmp_path) as one:
        yield one


def _install(workstation: Workstation) -> Path:
    return synthetic_npm_install(workstation.prefix, NAME, VERSION, "native")


@pytest.fixture
def start_tool(workstation: Workstation) -> Iterator[Start]:
    """Starts the tool as a person would; what still runs at the end of the test is ended."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([str(workstation.prefix / "bin" / "claude")], start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def _digest(folder: Path) -> dict[str, object]:
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            path.lstat().st_size,
            path.is_symlink(),
        )
        for path in [folder, *folder.rglob("*")]
    }


def _explain_agrees(workstation: Workstation) -> int:
    """Asks `explain` about every finding that the daemon shows; answers with how many there were."""
    own = workstation.view(f"{os.geteuid()}.json")["findings"]
    assert isinstance(own, list)
    for finding in own:
        said = workstation.command("explain", str(finding["pid"] or finding["path"]), "--json")
        document = json.loads(said.stdout)
        assert (said.returncode, document["finding"]) == (1, finding), said.stderr
        assert document["why"], "there is a reason for everything"
    return len(own)


def test_a_ban_from_its_announcement_to_its_lifting(workstation: Workstation, start_tool: Start) -> None:
    workstation.publish("notify")
    workstation.start()
    workstation.wait_for(event="policy-adopted")
    workstation.wait_for(event="look")
    installed = _install(workstation)
    found = workstation.wait_for(event="finding", face="package")
    assert (found["tool"], found["version"], found["confidence"], found["action"]) == (
        "claude-code",
        VERSION,
        "exact",
        "notify",
    )
    workstation.wait_for(event="outcome", kind="notify", result="told")

    session = start_tool()
    workstation.wait_for(event="finding", face="process", pid=session.pid)
    workstation.wait_for_view(lambda view: len(view) == 2)
    assert _explain_agrees(workstation) == 2
    mark = workstation.mark()
    workstation.publish("notify", "block", let_finish=2)
    blocked = workstation.wait_for(mark, event="finding-changed", pid=session.pid, action="block")
    second = start_tool()
    workstation.wait_for(mark, event="outcome", kind="stop", pid=second.pid, result="stopped")
    ended = workstation.wait_for(mark, event="outcome", kind="stop", pid=session.pid, result="stopped")
    assert ended["at"] >= parse_instant(str(blocked["finish_until"])), "what ran before the block may finish first"
    assert (session.wait(), second.wait()) == (-signal.SIGTERM, -signal.SIGTERM)

    before = _digest(installed)
    workstation.publish("notify", "block", "remove")
    workstation.wait_for(mark, event="outcome", result=TAKEN)
    assert not installed.exists()
    command = workstation.prefix / "bin" / "claude"
    told = subprocess.run([command], capture_output=True, text=True, check=False)
    assert (told.returncode, "Example Group" in told.stderr, "https://qoder.com" in told.stderr) == (126, True, True)
    assert workstation.events(event="finding", path=str(command)) == [], "a signpost is no finding"

    lifted = [{"id": "claude-code", "date": "2026-11-21", "reason": {"en": "Answered."}, "quarantine": "restore"}]
    other = ban(id="sdk", targets=[{"tool": "claude-agent-sdk", "versions": None}])
    workstation.publish_document(closed(other, lifted=lifted))
    workstation.wait_for(mark, event="outcome", kind="restore", result="restored")
    assert _digest(installed) == before
    assert (workstation.prefix / "bin" / "claude").is_symlink()


def test_a_renamed_binary_is_found_by_content_and_a_namesake_is_left_alone(workstation: Workstation) -> None:
    workstation.publish("notify", "block", "remove")
    synthetic_native(workstation.prefix / "bin" / "notes-helper", VERSION)
    namesake = workstation.prefix / "bin" / "claude"
    namesake.write_text("#!/bin/sh\nsleep 60\n")
    namesake.chmod(0o755)
    workstation.start()
    found = workstation.wait_for(event="finding", path=str(workstation.prefix / "bin" / "notes-helper"))
    weak = workstation.wait_for(event="finding", path=str(namesake))
    assert (found["confidence"], found["version"]) == ("exact", VERSION)
    assert (weak["confidence"], weak["state"], weak["action"]) == ("weak", "weak", "report")
    workstation.wait_for(event="outcome", path=found["path"], result=TAKEN)
    assert namesake.exists()
    workstation.wait_for_view(lambda view: len(view) == 1)
    assert _explain_agrees(workstation) == 1
    assert [row["path"] for row in workstation.events(event="outcome", result=TAKEN)] == [found["path"]]


def _tamper(repository: PolicyRepository) -> None:
    repository.publish_something_new()
    repository.tamper_policy()


ATTACKS: dict[str, tuple[Callable[[PolicyRepository], object], str]] = {
    "a tampered policy": (_tamper, "tampered"),
    "an older repository": (PolicyRepository.roll_back, "older"),
    "a half-uploaded repository": (PolicyRepository.half_upload_without_snapshot, "half-uploaded"),
    "an unsigned repository": (lambda r: r.strip_signatures(Role.TARGETS), "unsigned"),
    "a repository signed by strangers": (lambda r: r.sign_with_wrong_key(Role.TARGETS), "wrongly-signed"),
    "a repository below its threshold": (PolicyRepository.below_threshold, "below-threshold"),
}


@pytest.mark.parametrize("wiped", [False, True], ids=["", "after the cache was wiped"])
@pytest.mark.parametrize(("attack", "code"), ATTACKS.values(), ids=ATTACKS.keys())
def test_is_refused_and_the_last_good_policy_stays(
    workstation: Workstation, attack: Callable[[PolicyRepository], object], code: str, wiped: bool
) -> None:
    workstation.publish("notify", "block")
    workstation.publish("notify", "block", let_finish=60)
    workstation.start()
    adopted = workstation.wait_for(event="policy-adopted")
    attack(workstation.repository)
    if wiped:
        workstation.stop()
        shutil.rmtree(workstation.state / "policy")
        workstation.start()
    else:
        workstation.poll()
    refused = workstation.wait_for(event="policy-refused")
    workstation.stop()
    policy = workstation.view("machine.json")["policy"]
    assert isinstance(policy, dict)
    assert (refused["code"], policy["problem"], policy["trust"]) == (code, code, "last-good")
    assert (policy["id"], policy["version"]) == (adopted["policy"], adopted["version"])
    said = workstation.command("status")
    assert str(policy["message"]) in said.stdout


def test_the_policy_holds_after_a_restart_without_a_network(workstation: Workstation) -> None:
    workstation.publish("notify", "block", "remove")
    workstation.start()
    workstation.wait_for(event="policy-adopted")
    workstation.stop()
    _install(workstation)
    workstation.start(policy_url="http://127.0.0.1:9/")
    workstation.wait_for(event="outcome", result=TAKEN)
    workstation.wait_for(event="policy-unreachable")
    assert not (workstation.prefix / "bin" / "claude").is_symlink()


def test_a_broken_settings_file_keeps_the_former_settings_and_says_so(workstation: Workstation) -> None:
    workstation.publish("notify")
    workstation.start()
    workstation.wait_for(event="policy-adopted")
    workstation.settings_file.write_text("state_dir = \n")
    workstation.reload()
    kept = workstation.wait_for(event="settings-kept")
    assert "settings.toml" in str(kept["error"])
    mark = workstation.mark()
    workstation.write_settings(mode="observe")
    workstation.reload()
    workstation.wait_for(mark, event="settings-taken")
    assert workstation.wait_for(mark, event="started")["mode"] == "observe"


def test_observing_stops_and_moves_nothing(workstation: Workstation, start_tool: Start) -> None:
    workstation.publish("notify", "block", "remove")
    installed = _install(workstation)
    workstation.start(mode="observe")
    found = workstation.wait_for(event="finding", face="package")
    workstation.wait_for(event="outcome", kind="notify")
    session = start_tool()
    workstation.wait_for(event="finding", face="process", pid=session.pid)
    workstation.stop()
    assert (found["action"], session.poll(), installed.exists()) == ("notify", None, True)
    session.kill()
    session.wait()


def test_what_an_administrator_restores_is_left_alone_until_the_policy_changes(workstation: Workstation) -> None:
    workstation.publish("notify", "block", "remove")
    installed = _install(workstation)
    workstation.start()
    taken = workstation.wait_for(event="outcome", result=TAKEN)
    workstation.wait_for(event="finding-gone", finding=taken["finding"])
    mark = workstation.mark()
    back = workstation.command("quarantine", "restore", str(taken["quarantine"]))
    assert back.returncode == 0, back.stderr
    held = workstation.wait_for(mark, event="finding", path=str(installed))
    assert (held["state"], installed.exists()) == ("held", True)
    workstation.publish("notify", "block", "remove", min_notice=1)
    workstation.wait_for(mark, event="outcome", result=TAKEN)


def test_explain_says_what_the_daemon_acts_on(workstation: Workstation, start_tool: Start) -> None:
    workstation.publish("notify", "block", let_finish=3600)
    installed = _install(workstation)
    workstation.start()
    workstation.wait_for(event="outcome", kind="notify")
    session = start_tool()
    workstation.wait_for(event="outcome", kind="stop", pid=session.pid)
    session.wait()
    workstation.stop()
    assert _explain_agrees(workstation) == 1
    nothing = json.loads(workstation.command("explain", "/usr/bin/env", "--json").stdout)
    assert (nothing["finding"], nothing["why"]) == (
        None,
        ["No ban of the policy names a tool that this could be (1 looked at)."],
    )
    assert str(installed) in workstation.command("explain", str(installed)).stdout


def test_status_scan_and_sent_answer_in_the_shapes_of_the_contract(workstation: Workstation) -> None:
    workstation.publish("notify")
    _install(workstation)
    workstation.start()
    workstation.wait_for(event="outcome", kind="notify")
    workstation.stop()
    scan = workstation.command("scan", "--json")
    document = json.loads(scan.stdout)
    assert scan.returncode == 1
    assert list(document) == ["schema", "generated_at", "complete", "policy", "device", "coverage", "findings"]
    assert document["policy"]["trust"] == "verified"
    wanted = "id installation ban tool face purl version path owner pid confidence matches state action since"
    wanted += " effective_from next exception alternatives links"
    assert list(document["findings"][0])[:20] == wanted.split()
    assert workstation.command("scan", "--fail-on", "block").returncode == 0
    status = workstation.command("status", "--json")
    assert (status.returncode, json.loads(status.stdout)["findings"][0]["tool"]) == (1, "claude-code")
    assert json.loads(workstation.command("sent", "--json").stdout) == {"schema": 1, "reports": []}


def test_a_repository_in_a_folder_or_at_an_address_can_be_scanned_with(
    workstation: Workstation, tmp_path: Path
) -> None:
    workstation.publish("notify", "block")
    _install(workstation)
    workstation.write_settings()
    site = tmp_path / "site"
    for path, content in workstation.repository.files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(content)
    trust = str(workstation.folder / "root.json")
    for policy in (str(site), workstation.server.url):
        done = workstation.command("scan", "--policy", policy, "--trust-root", trust, "--json")
        assert (done.returncode, json.loads(done.stdout)["policy"]["trust"]) == (1, "verified"), done.stderr
    workstation.repository.tamper_policy()
    refused = workstation.command("scan", "--policy", workstation.server.url, "--trust-root", trust)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "changed after it was signed" in refused.stderr
