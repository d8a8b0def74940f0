"""Each engine: the whole of what it writes for a small policy, what it leaves out and says, and hostile words."""

from __future__ import annotations

import json
import plistlib
import re
import shlex
import uuid
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_schema.engines import ENGINES
from tests.fakes.engines import SHA, SIGNED, engine, parsed, plist, texts, translated, whole
from tests.fakes.policies import BLOCK, NOTIFY, QODER, ban

SAYS = (
    "Example Group policy: Claude Code may not be used here. Use Qoder: https://qoder.com "
    "Assessed as not allowed on company devices. Why, and whom to ask: https://help.example.com/ai"
)
ANOTHER = "ab" * 32
EVERY_ENGINE = pytest.mark.parametrize("name", ENGINES)
REFUSING = pytest.mark.parametrize("name", [name for name in ENGINES if name != "osquery"])


def _spares(**entry: str) -> dict[str, object]:
    return ban(**{"except": [{"purl": None, "sha256": None, "path": None, **entry}]})


def _versions(text: str) -> dict[str, object]:
    return ban(targets=[{"tool": "claude-code", "versions": text}])


@EVERY_ENGINE
def test_an_engine_has_the_name_of_its_line_and_a_sentence(name: str) -> None:
    assert name == engine(name).NAME
    assert engine(name).HELP.endswith(".")


@EVERY_ENGINE
def test_the_same_policy_gives_the_same_bytes(name: str) -> None:
    assert translated(name) == translated(name)


@EVERY_ENGINE
def test_every_sentence_ends_and_is_said_once(name: str) -> None:
    cannot = translated(name).cannot
    assert len(set(cannot)) == len(cannot)
    assert all(sentence.endswith(".") for sentence in cannot)


def test_santa_takes_signature_and_hash_with_the_policys_words() -> None:
    shown = {
        "custom_msg": SAYS,
        "comment": "Interdict claude-code, policy 0123456789abcdef",
        "custom_url": "https://help.example.com/ai",
    }
    identifier = "Q6L2SF6YDW:com.anthropic.claude-code"
    assert parsed(translated("santa"), "santa/rules.json") == {
        "rules": [
            {"rule_type": "SIGNINGID", "policy": "BLOCKLIST", "identifier": identifier, **shown},
            {"rule_type": "BINARY", "policy": "BLOCKLIST", "identifier": SHA, **shown},
        ]
    }


def test_santa_allows_a_spared_hash() -> None:
    rules: Any = parsed(translated("santa", _spares(sha256=ANOTHER.upper())), "santa/rules.json")["rules"]
    assert next((rule["policy"], rule["identifier"]) for rule in rules) == ("ALLOWLIST", ANOTHER)


def test_macos_denies_by_team_and_identifier() -> None:
    assert parsed(translated("macos-managed-binaries"), "macos-managed-binaries/app-settings.json") == {
        "Type": "com.apple.configuration.app.settings",
        "Identifier": "interdict.denied-binaries",
        "ServerToken": "0123456789abcdef",
        "Payload": {
            "Allowed": {"DeniedBinaries": [{"TeamID": "Q6L2SF6YDW", "SigningID": "com.anthropic.claude-code"}]}
        },
    }


def _applocker(made: Any) -> tuple[str | None, list[tuple[str, str | None, dict[str, str]]]]:
    (collection,) = ET.fromstring(texts(made)["applocker/policy.xml"])
    return collection.get("EnforcementMode"), [
        (rule.tag, rule.get("Action"), dict(rule[0][0].attrib)) for rule in collection
    ]


def test_applocker_denies_folders_and_whole_signers_and_allows_the_rest() -> None:
    signer = {"PublisherName": "O=EXAMPLE, L=X, S=Y, C=US", "ProductName": "CLAUDE CODE", "BinaryName": "*"}
    assert _applocker(translated("applocker")) == (
        "Enabled",
        [
            ("FilePathRule", "Allow", {"Path": "*"}),
            ("FilePublisherRule", "Deny", signer),
            ("FilePathRule", "Deny", {"Path": "%OSDRIVE%\\Users\\*\\.local\\share\\claude\\versions\\*"}),
        ],
    )


def test_applocker_only_audits_while_nothing_is_blocked() -> None:
    mode, rules = _applocker(translated("applocker", at=NOTIFY))
    assert (mode, [action for _, action, _ in rules]) == ("AuditOnly", ["Allow", "Deny", "Deny"])


def test_applocker_leaves_a_ban_that_only_tells_out_of_an_enforced_collection() -> None:
    gentle = ban(id="gentle", stages=[{"from": "2026-01-01T00:00:00Z", "action": "notify"}])
    made = translated("applocker", ban(targets=[{"tool": "qoder", "versions": None}]), gentle)
    assert _applocker(made) == ("Enabled", [("FilePathRule", "Allow", {"Path": "*"})])
    assert (
        "gentle: Claude Code is not in the files for AppLocker: "
        "its stage is notify, and the collection is enforced for other bans." in made.cannot
    )


def test_applocker_says_that_half_a_signers_name_is_not_enough() -> None:
    faces: Any = SIGNED["faces"]
    short = {"authenticode": [{"subject": "Anthropic, PBC", "product": "Claude Code"}]}
    made = translated("applocker", tool={**SIGNED, "faces": {**faces, "signers": short}})
    assert [kind for kind, _, _ in _applocker(made)[1]] == ["FilePathRule", "FilePathRule"]
    assert any("has only the short name of the signer" in sentence for sentence in made.cannot)


def test_fapolicyd_denies_execution_by_folder_and_hash() -> None:
    made = translated("fapolicyd")
    assert [line for line in texts(made)["fapolicyd/10-interdict.rules"].splitlines() if line[:1] not in ("#", "")] == [
        "deny_syslog perm=execute all : dir=/opt/claude/",
        "deny_syslog perm=execute all : dir=/usr/lib/node_modules/@anthropic-ai/claude-code/",
        "deny_syslog perm=execute all : dir=/usr/local/lib/node_modules/@anthropic-ai/claude-code/",
        "deny_syslog perm=execute all : dir=/usr/lib/node_modules/plain/",
        "deny_syslog perm=execute all : dir=/usr/local/lib/node_modules/plain/",
        f"deny_syslog perm=execute all : sha256hash={SHA}",
    ]
    assert texts(made)["fapolicyd/99-interdict-allow-rest.rules"].endswith("\nallow perm=any all : all\n")
    assert any("~/.local/share/claude/versions in homes: name each home with --home" in s for s in made.cannot)


def test_fapolicyd_allows_what_is_spared_before_it_denies() -> None:
    lines = texts(translated("fapolicyd", _spares(path="/opt/claude/kept")))["fapolicyd/10-interdict.rules"]
    rules = [line for line in lines.splitlines() if line[:1] not in ("#", "")]
    assert rules[:3] == [
        "allow perm=execute all : path=/opt/claude/kept",
        "allow perm=execute all : dir=/opt/claude/kept/",
        "deny_syslog perm=execute all : dir=/opt/claude/",
    ]


def test_osquery_asks_each_table_that_can_show_the_tool() -> None:
    queries: Any = parsed(translated("osquery"), "osquery/interdict.conf")["queries"]
    short = {name.removeprefix("claude-code.claude-code."): query.get("platform") for name, query in queries.items()}
    assert short == {
        "apps": "darwin",
        "programs": "windows",
        "vscode": None,
        "chromium": None,
        "firefox": None,
        "deb": "linux",
        "npm": None,
        "npm-files-linux": "linux",
        "npm-files-darwin": "darwin",
        "npm-files-windows": "windows",
        "folders-linux": "linux",
        "folders-darwin": "darwin",
        "folders-windows": "windows",
        "signed-darwin": "darwin",
        "signed-windows": "windows",
        "hashes-linux": "linux",
        "hashes-darwin": "darwin",
        "hashes-windows": "windows",
    }


def test_vendors_switch_off_claude_code_and_hosts_refuse_the_extensions() -> None:
    made = translated("vendor-settings")
    files = {name.removeprefix("vendor-settings/"): text for name, text in texts(made).items()}
    assert files.pop("macos/interdict.mobileconfig").startswith("<?xml")
    assert {name: json.loads(text) for name, text in files.items()} == {
        "claude-code/managed-settings.json": {
            "requiredMaximumVersion": "0.0.1",
            "hooks": {
                "UserPromptSubmit": [
                    {"hooks": [{"type": "command", "command": f"printf '%s\\n' '{SAYS}' >&2; exit 2"}]}
                ]
            },
        },
        "chromium/interdict.json": {
            "ExtensionInstallBlocklist": ["fcoeoabgfenejglbffodgkkbkcdhcgfn"],
            "NativeMessagingBlocklist": ["com.example.host"],
        },
        "firefox/policies.json": {
            "policies": {"ExtensionSettings": {"claude@example.com": {"installation_mode": "blocked"}}}
        },
        "vscode/policy.json": {"AllowedExtensions": {"*": True, "anthropic.claude-code": False}},
    }


def test_the_profile_of_santa_has_the_same_rules() -> None:
    made = translated("santa")
    assert _payloads(made, "santa/interdict.mobileconfig") == {
        "com.northpolesec.santa": {"StaticRules": parsed(made, "santa/rules.json")["rules"]}
    }


def test_the_profile_of_vendors_says_what_the_files_say() -> None:
    made = translated("vendor-settings")
    files = {name.removeprefix("vendor-settings/"): parsed(made, name) for name in texts(made) if "macos" not in name}
    payloads = _payloads(made, "vendor-settings/macos/interdict.mobileconfig")
    allowed: Any = payloads.pop("com.microsoft.VSCode")["AllowedExtensions"]
    firefox: Any = files.pop("firefox/policies.json")["policies"]
    assert json.loads(allowed) == files.pop("vscode/policy.json")["AllowedExtensions"]
    assert payloads == {
        "com.anthropic.claudecode": files["claude-code/managed-settings.json"],
        "com.google.Chrome": files["chromium/interdict.json"],
        "com.microsoft.Edge": files["chromium/interdict.json"],
        "org.mozilla.firefox": {"EnterprisePoliciesEnabled": True, **firefox},
    }


def _payloads(made: Any, name: str) -> dict[str, dict[str, object]]:
    """The settings of a profile by preference domain; every payload has what Apple requires of it."""
    profile: Any = plist(made, name)
    assert (profile["PayloadType"], profile["PayloadOrganization"]) == ("Configuration", "Example Group")
    found = {}
    ids = {profile["PayloadUUID"]}
    for payload in profile["PayloadContent"]:
        assert payload["PayloadVersion"] == 1
        assert payload["PayloadIdentifier"].startswith(f"{profile['PayloadIdentifier']}.")
        ids.add(str(uuid.UUID(payload["PayloadUUID"])))
        found[payload["PayloadType"]] = {key: value for key, value in payload.items() if key[:7] != "Payload"}
    assert len(ids) == len(found) + 1
    return found


@EVERY_ENGINE
def test_what_is_not_covered_stands_in_the_output(name: str) -> None:
    made = whole(name)
    files = texts(made)
    text = files[f"{name}/NOT-COVERED.txt"]
    said = re.sub(r"\n  ", " ", text).splitlines()
    assert said[:2] == [
        "What the policy 0123456789abcdef of Example Group asks for as of 2026-07-10T01:00:00Z,",
        f"and these files for {name} do not do:",
    ]
    assert said[2:] == [f"- {sentence}" for sentence in made.cannot] != []
    for file, content in files.items():
        if file.endswith((".rules", ".xml", ".mobileconfig")):
            words = re.sub(r"\n(# )?", " ", content.replace("- -", "--"))
            assert all(re.sub(r"  +", " ", f"- {one}") in re.sub(r"  +", " ", words) for one in made.cannot)


@EVERY_ENGINE
def test_what_stands_in_the_output_changes_no_rule(name: str) -> None:
    before, after = texts(translated(name)), texts(whole(name))
    assert after.keys() - before.keys() == {f"{name}/NOT-COVERED.txt"}
    for file, text in before.items():
        assert _meaning(file, text) == _meaning(file, after[file])


def _meaning(name: str, text: str) -> object:
    """What a reader of the format takes from a file."""
    if name.endswith(".rules"):
        return _rules(text)
    if name.endswith(".mobileconfig"):
        return plistlib.loads(text.encode())
    return ET.canonicalize(text, strip_text=True) if name.endswith(".xml") else json.loads(text)


RANGES = {
    "below a version becomes at least that version": ("<2.1.198", {"requiredMinimumVersion": "2.1.198"}),
    "above a version becomes at most that version": (">2.1.198", {"requiredMaximumVersion": "2.1.198"}),
    "from a version on has no word": (">=2.1.198", None),
    "up to a version has no word": ("<=2.1.197", None),
    "a range between two has no word": (">=2.1.91 <2.1.198", None),
}


@pytest.mark.parametrize(("versions", "settings"), RANGES.values(), ids=RANGES.keys())
def test_claude_code_is_pinned_where_its_settings_have_a_word(versions: str, settings: object) -> None:
    made = translated("vendor-settings", _versions(versions))
    name = "vendor-settings/claude-code/managed-settings.json"
    assert (parsed(made, name) if name in texts(made) else None) == settings
    assert any("only versions" in sentence for sentence in made.cannot) == (settings is None)


def _names_the_tool(text: str) -> bool:
    return any(word in text for word in ("claude", "CLAUDE", SHA, "fcoeoab"))


LEFT_OUT: dict[str, tuple[dict[str, object], str]] = {
    "a range of versions": (_versions(">=2.1.91 <2.1.198"), "only versions >=2.1.91 <2.1.198 are banned"),
    "a stage that only tells": (
        ban(stages=[{"from": "2026-01-01T00:00:00Z", "action": "notify"}]),
        "its stage is notify",
    ),
    "a tool that is only known by a name": (
        ban(targets=[{"tool": "qoder", "versions": None}]),
        "Qoder is not in the files",
    ),
}


@REFUSING
@pytest.mark.parametrize(("changed", "sentence"), LEFT_OUT.values(), ids=LEFT_OUT.keys())
def test_what_is_not_sure_is_left_out_and_said(name: str, changed: dict[str, object], sentence: str) -> None:
    if name == "applocker" and "stage" in sentence:
        changed = ban(stages=[{"from": "2026-01-01T00:00:00Z", "action": "report"}], targets=changed["targets"])
        assert _applocker(translated(name, changed))[0] == "AuditOnly"
        return
    if name == "fapolicyd" and "Qoder" in sentence:
        made = translated(name, changed)
        assert "@qoder-ai/qodercli/" in texts(made)["fapolicyd/10-interdict.rules"]  # npm's folder is known
        return
    made = translated(name, changed)
    assert any(sentence in said for said in made.cannot)
    rules = [line for text in texts(made).values() for line in text.splitlines() if not line.startswith("#")]
    assert not any(_names_the_tool(line) for line in rules)
    assert QODER["id"] not in "\n".join(rules)


@pytest.mark.parametrize("name", ["macos-managed-binaries", "applocker", "vendor-settings"])
@pytest.mark.parametrize("entry", [{"purl": "pkg:npm/x@1"}, {"sha256": ANOTHER}, {"path": "/opt/x"}], ids=str)
def test_an_exception_that_cannot_be_kept_takes_the_tool_out(name: str, entry: dict[str, str]) -> None:
    made = translated(name, _spares(**entry))
    assert not any(_names_the_tool(text) for text in texts(made).values())
    assert any(next(iter(entry.values())) in sentence for sentence in made.cannot)


NASTY = [
    "'; DROP TABLE file; --",
    '"]}</RuleCollection>',
    "$(touch /tmp/x) `id` \\",
    "a\nallow perm=any all : all",
    "% , \u202e",
    "it's",
]


@pytest.mark.parametrize("nasty", NASTY, ids=ascii)
@EVERY_ENGINE
def test_hostile_words_stay_words(name: str, nasty: str) -> None:
    """In a reason and in a tool's name: each file still parses to just as many rules."""
    tool = {**SIGNED, "name": f"Claude {nasty}"}
    made, plain = whole(name, ban(reason={"en": nasty}), tool=tool), whole(name)
    for file, before in zip(made.files, plain.files, strict=True):
        text = file.content.decode()
        if file.name.endswith(".rules"):
            assert _rules(text) == _rules(before.content.decode())
        elif file.name.endswith(".xml"):
            assert len(list(ET.fromstring(text).iter())) == len(list(ET.fromstring(before.content).iter()))
        elif file.name.endswith(".mobileconfig"):
            assert _shape(plistlib.loads(file.content)) == _shape(plistlib.loads(before.content))
        elif file.name.endswith(".txt"):
            assert text.count("\n- ") == before.content.decode().count("\n- ")
        else:
            assert _shape(json.loads(text)) == _shape(json.loads(before.content))


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=80))
def test_the_hook_prints_any_words_and_runs_none(words: str) -> None:
    made = translated("vendor-settings", ban(reason={"en": words}))
    settings: Any = parsed(made, "vendor-settings/claude-code/managed-settings.json")
    command = settings["hooks"]["UserPromptSubmit"][0]["hooks"][0]["command"]
    parts = shlex.split(command)
    assert (parts[:2], parts[3:]) == (["printf", "%s\\n"], [">&2;", "exit", "2"])
    assert parts[2].isprintable()


@given(st.lists(st.text(max_size=30), max_size=4))
def test_no_folder_breaks_a_rule_of_fapolicyd(folders: list[str]) -> None:
    tool = {**SIGNED, "faces": {"executables": {"names": [], "folders": [f"/{folder}" for folder in folders]}}}
    for line in _rules(texts(translated("fapolicyd", tool=tool))["fapolicyd/10-interdict.rules"]):
        assert len(line.split()) == 5
        assert line.startswith("deny_syslog perm=execute all : dir=/")


def _rules(text: str) -> list[str]:
    return [line for line in text.split("\n") if line and not line.startswith("#")]


def _shape(value: object) -> object:
    """Keys and lengths, without the words."""
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    return [_shape(item) for item in value] if isinstance(value, list) else type(value).__name__


def test_ids_of_applockers_rules_differ() -> None:
    (collection,) = ET.fromstring(texts(translated("applocker", ban(), ban(id="again")))["applocker/policy.xml"])
    ids = [rule.get("Id") for rule in collection]
    assert len(set(ids)) == len(ids) == 5


def test_a_second_ban_of_the_same_program_adds_no_second_rule() -> None:
    rules: Any = parsed(translated("santa", ban(), ban(id="again"), at=BLOCK), "santa/rules.json")["rules"]
    assert len(rules) == 2
