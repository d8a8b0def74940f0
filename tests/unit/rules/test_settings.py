"""What a settings file says, and the kinds of extensions: by what a tool is recognised."""

from __future__ import annotations

import pytest

from policy_schema.rules.decision import Action
from policy_schema.rules.instant import Instant, format_instant
from policy_schema.rules.match import Tables, tool_faces
from policy_schema.rules.observation import Confidence, Face, Match, Observation
from policy_schema.rules.rulebook import Device, DeviceRules, ExceptionGrant
from tests.fakes.policies import BLOCK, NOTIFY, REMOVE, ban, rulebook, stages

TOOL = tool_faces(
    {
        "id": "acme/bot",
        "name": "Acme Bot",
        "version_scheme": "semver",
        "faces": {
            "packages": ["pkg:npm/%40acme/bot", "pkg:pypi/acme-bot"],
            "extensions": {"zed": ["acme-bot"], "vim": ["Acme.vim"], "native_host": ["com.acme.bot"]},
            "executables": {"names": ["acme"]},
        },
    }
)
TABLES = Tables([TOOL])
PATH = "/home/li/x"


def _setting(text: str) -> Observation:
    return Observation("mcp", Face.SETTING, PATH, name="cursor", setting=text)


def _extension(key: str) -> Observation:
    return Observation("x", Face.EXTENSION, PATH, extension=key)


SEEN = {
    "an MCP server's npm package": (_setting("mcp:pkg:npm/%40acme/bot"), Match.SETTING, Confidence.STRONG),
    "an MCP server's Python package": (_setting("mcp:pkg:pypi/Acme_Bot"), Match.SETTING, Confidence.STRONG),
    "an MCP server's program, by its name only": (_setting("mcp:exe:acme.exe"), Match.NAME, Confidence.WEAK),
    "an extension of Zed": (_extension("zed:acme-bot"), Match.EXTENSION_ID, Confidence.EXACT),
    "a plugin of Vim": (_extension("vim:acme.vim"), Match.EXTENSION_ID, Confidence.EXACT),
    "a native host": (_extension("native_host:com.acme.bot"), Match.EXTENSION_ID, Confidence.EXACT),
}


@pytest.mark.parametrize(("seen", "match", "confidence"), SEEN.values(), ids=SEEN.keys())
def test_a_tool_is_recognised_by(seen: Observation, match: Match, confidence: Confidence) -> None:
    (identity,) = TABLES.identify(seen)
    assert (identity.tool, identity.matches, identity.confidence) == ("acme/bot", (match,), confidence)


OTHERS = {
    "another package": _setting("mcp:pkg:npm/%40acme/bot-docs"),
    "the package of another ecosystem": _setting("mcp:pkg:npm/acme-bot"),
    "another program": _setting("mcp:exe:acme-docs"),
    "a model called like the tool": _setting("model:acme"),
    "an extension of another family": _extension("vscode:acme-bot"),
}


@pytest.mark.parametrize("seen", OTHERS.values(), ids=OTHERS.keys())
def test_a_tool_is_not_recognised_by(seen: Observation) -> None:
    assert TABLES.identify(seen) == ()


# ---------------------------------------------------------------------------- what follows from a setting
MODELS: dict[str, object] = {
    "id": "anthropic-models",
    "families": ["claude-sonnet", "claude-opus"],
    "reason": {"en": "Assessed as not allowed."},
    "alternatives": [],
    "links": [],
    "stages": [{"from": format_instant(NOTIFY), "action": "notify"}],
    "scope": {"regions": [], "groups": [], "except_groups": [], "kinds": ["workstation"], "ownership": ["company"]},
}
AIDER = Observation("model-settings", Face.SETTING, PATH, name="aider", setting="model:anthropic/claude-sonnet-4-5")
SERVER = Observation("mcp", Face.SETTING, PATH, name="cursor", setting="mcp:pkg:npm/%40anthropic-ai/claude-code")


DEVICE = Device("d-1")


def _rules(device: Device = DEVICE, **changes: object) -> DeviceRules:
    return rulebook(ban(**changes), model_bans=[MODELS]).for_device(device)


STANDS = {
    "a banned family, before its stage": (AIDER, NOTIFY - 1, ("anthropic-models", "announced", "report")),
    "a banned family, from its stage on": (AIDER, NOTIFY, ("anthropic-models", "active", "notify")),
    "a banned family, years later": (AIDER, REMOVE * 2, ("anthropic-models", "active", "notify")),
    "a server of a banned package, at the block": (SERVER, BLOCK, ("claude-code", "active", "notify")),
    "a server of a banned package, at the removal": (SERVER, REMOVE, ("claude-code", "active", "notify")),
    "a server by a banned program's name": (
        SERVER._replace(setting="mcp:exe:claude"),
        REMOVE,
        ("claude-code", "weak", "report"),
    ),
    "what a banned tool left behind": (
        Observation("residue", Face.RESIDUE, PATH, name="~/.claude.json"),
        REMOVE,
        ("claude-code", "weak", "report"),
    ),
    "a model of no banned family": (AIDER._replace(setting="model:gpt-5"), REMOVE, None),
    "a server of another package": (SERVER._replace(setting="mcp:pkg:npm/other"), REMOVE, None),
}


@pytest.mark.parametrize(("seen", "at", "expected"), STANDS.values(), ids=STANDS.keys())
def test_what_a_setting_comes_to(seen: Observation, at: int, expected: tuple[str, str, str] | None) -> None:
    decision = _rules().decide(seen, Instant(at))
    assert (decision and (decision.ban, decision.state.value, decision.action.value)) == expected


def test_nothing_follows_a_notice_about_a_setting() -> None:
    decision = _rules().decide(SERVER, Instant(NOTIFY))
    assert decision is not None
    assert (decision.action, decision.next_stage) == (Action.NOTIFY, None)


def test_a_ban_that_begins_with_a_block_is_a_notice_about_a_setting() -> None:
    decision = _rules(stages=stages((BLOCK, "block"))).decide(SERVER, Instant(BLOCK))
    assert decision is not None
    assert decision.action is Action.NOTIFY


SPARED = {
    "a package that the ban spares": ({"purl": "pkg:npm/%40anthropic-ai/claude-code"}, True),
    "one version of it, and nobody knows which runs": ({"purl": "pkg:npm/%40anthropic-ai/claude-code@2.1.200"}, False),
    "the folder that the settings lie in": ({"path": "/home/li"}, True),
}


@pytest.mark.parametrize(("row", "spared"), SPARED.values(), ids=SPARED.keys())
def test_a_setting_is_spared_by(row: dict[str, str], spared: bool) -> None:
    changes: dict[str, object] = {"except": [row]}
    rules = rulebook(ban(**changes)).for_device(DEVICE)
    assert (rules.decide(SERVER, Instant(REMOVE)) is None) == spared


def test_a_server_is_out_of_scope_where_its_ban_is() -> None:
    server = Device("d-1", kind="server")
    for seen in (AIDER, SERVER):
        decision = _rules(server).decide(seen, Instant(REMOVE))
        assert decision is not None
        assert (decision.state.value, decision.action) == ("out-of-scope", Action.REPORT)


SENTENCES = {
    "a model": (AIDER, "aider is configured with the model anthropic/claude-sonnet-4-5"),
    "a server": (SERVER, "cursor is configured to start Claude Code"),
    "a model of no banned family": (AIDER._replace(setting="model:gpt-5"), "names a family of the model gpt-5"),
}


@pytest.mark.parametrize(("seen", "expected"), SENTENCES.values(), ids=SENTENCES.keys())
def test_it_is_said_to_be_configured_and_never_used(seen: Observation, expected: str) -> None:
    (sentence,) = _rules().explain(seen, Instant(REMOVE))
    assert expected in sentence
    assert "used" not in sentence


def test_a_model_ban_has_its_exception_and_its_change() -> None:
    book = rulebook(ban(), model_bans=[MODELS])
    grant = ExceptionGrant("x-1", "anthropic-models", "d-1", Instant(REMOVE + 10))
    rules = book.for_device(Device("d-1"), (grant,))
    decision = rules.decide(AIDER, Instant(REMOVE))
    assert decision is not None
    assert decision.state.value == "excepted"
    assert rules.next_change(Instant(REMOVE)) == REMOVE + 10
