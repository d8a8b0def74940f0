"""Settings end to end: a real agent process finds what tools are configured with, tells, and touches nothing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from policy_schema.rules.instant import format_instant
from tests.fakes.policies import ban, closed
from tests.fakes.workstation import HOUR, Workstation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the agent's doors are those of Linux")

AIDER = "model: anthropic/claude-sonnet-4-5\nanthropic-api-key: PLANTED-key\nset-env: [A=PLANTED-env]\n"
SERVER = {
    "command": "npx",
    "args": ["-y", "@anthropic-ai/claude-code@2.1.197", "PLANTED-arg"],
    "env": {"K": "PLANTED-env"},
}
OTHER = {"command": "uvx", "args": ["mcp-server-time", "PLANTED-arg"]}
MODELS = {
    "id": "anthropic-models",
    "families": ["claude-sonnet"],
    "reason": {"en": "No model of this family."},
    "alternatives": [],
    "links": [],
    "scope": {"regions": [], "groups": [], "except_groups": [], "kinds": ["workstation"], "ownership": ["company"]},
}


@pytest.fixture
def workstation(tmp_path: Path) -> Iterator[Workstation]:
    with Workstation(tmp_path) as one:
        yield one


def _settings(home: Path) -> dict[Path, bytes]:
    """Settings that name a banned family, a banned package, and what a banned tool left behind."""
    files = {
        home / ".aider.conf.yml": AIDER,
        home / ".cursor" / "mcp.json": json.dumps({"mcpServers": {"PLANTED-name": SERVER, "time": OTHER}}),
        home / ".claude.json": json.dumps({"userID": "PLANTED-user", "mcpServers": {}}),
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {path: path.read_bytes() for path in files}


def _policy() -> dict[str, object]:
    stages = [{"from": format_instant(int(time.time()) - HOUR), "action": "remove", "let_finish": 0, "kill_after": 2}]
    models = {**MODELS, "stages": [{"from": format_instant(int(time.time()) - HOUR), "action": "notify"}]}
    return closed(ban(stages=stages), model_bans=[models])


def test_settings_are_told_about_and_never_touched(workstation: Workstation) -> None:
    before = _settings(workstation.home)
    workstation.publish_document(_policy())
    workstation.start()
    model = workstation.wait_for(event="finding", ban="anthropic-models")
    server = workstation.wait_for(event="finding", ban="claude-code", face="setting")
    left = workstation.wait_for(event="finding", ban="claude-code", face="residue")
    assert (model["tool"], model["face"], model["action"]) == ("aider", "setting", "notify")
    assert (server["tool"], server["action"]) == ("claude-code", "notify")
    assert (left["state"], left["action"]) == ("weak", "report")
    for finding in (model, server):
        told = workstation.wait_for(event="outcome", finding=finding["finding"])
        assert (told["kind"], told["result"]) == ("notify", "told")
    workstation.wait_for_view(lambda rows: len(rows) == 3)

    shown = workstation.command("status")
    explained = workstation.command("explain", "--json", str(workstation.home / ".aider.conf.yml"))
    assert shown.returncode == explained.returncode == 1
    assert "model:anthropic/claude-sonnet-4-5" in shown.stdout
    assert json.loads(explained.stdout)["finding"]["setting"] == "model:anthropic/claude-sonnet-4-5"
    assert "aider is configured with the model anthropic/claude-sonnet-4-5" in explained.stdout
    workstation.stop()

    notices = _notices(workstation)
    assert "aider is configured with a model that is not allowed" in notices
    assert "Claude Code is set up in another program" in notices
    assert {path: path.read_bytes() for path in before} == before
    state = b"".join(path.read_bytes() for path in sorted(workstation.state.rglob("*")) if path.is_file())
    everything = [state.decode(errors="replace"), notices, shown.stdout, explained.stdout, repr(workstation.events())]
    assert [text for text in everything if "planted" in text.lower()] == []


def test_what_a_tool_left_behind_is_no_reason_to_fail_and_a_model_is_explained_by_name(
    workstation: Workstation,
) -> None:
    (workstation.home / ".claude.json").write_text("{}")
    workstation.publish_document(_policy())
    workstation.start()
    workstation.wait_for(event="finding", face="residue")
    workstation.wait_for_view(lambda rows: len(rows) == 1)
    for command in ("status", "scan"):
        shown = workstation.command(command)
        assert ("residue" in shown.stdout, shown.returncode) == (True, 0), command
    for model, code in (("bedrock/us.anthropic.claude-3-5-sonnet-20241022-v2:0", 1), ("gpt-5", 0)):
        explained = workstation.command("explain", f"model:{model}")
        assert (explained.returncode, "configured with the model" in explained.stdout) == (code, bool(code))


def _notices(workstation: Workstation) -> str:
    lines: list[str] = []
    while not workstation.notices.empty():
        lines.append(workstation.notices.get())
    return "".join(lines)
