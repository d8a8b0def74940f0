"""MCP servers in agents' settings: the package behind each, and nothing else of the file."""

from __future__ import annotations

import json
import os
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.inventory.mcp import TABLE, Mcp
from agent.inventory.mcp_formats import servers, setting_of
from agent.inventory.settings_files import Settings
from agent.inventory.settings_text import Form, read_settings
from policy_schema.rules.observation import Face
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and modes are those of POSIX")

LINES = {
    "npx with a version": ("npx -y @modelcontextprotocol/server-github@2025.4.8 --token s3cret",
                           "mcp:pkg:npm/%40modelcontextprotocol/server-github"),
    "npx that names its package": ("npx --package=acme-mcp acme --key s3cret", "mcp:pkg:npm/acme-mcp"),
    "npx on Windows, through its shell": ("cmd /c npx -y acme-mcp", "mcp:pkg:npm/acme-mcp"),
    "npx.cmd by its path": (r"C:\nodejs\npx.cmd -y acme-mcp", "mcp:pkg:npm/acme-mcp"),
    "npm exec": ("npm exec acme-mcp", "mcp:pkg:npm/acme-mcp"),
    "pnpm dlx": ("pnpm dlx acme-mcp@latest", "mcp:pkg:npm/acme-mcp"),
    "bunx": ("bunx --bun acme-mcp", "mcp:pkg:npm/acme-mcp"),
    "bun x": ("bun x acme-mcp", "mcp:pkg:npm/acme-mcp"),
    "deno run": ("deno run -A npm:@acme/mcp@1/bin", "mcp:pkg:npm/%40acme/mcp"),
    "uvx": ("uvx mcp-server-time==2025.1 --tz s3cret", "mcp:pkg:pypi/mcp-server-time"),
    "uvx from another package": ("uvx --from acme[x]==1 acme-mcp", "mcp:pkg:pypi/acme"),
    "uv tool run": ("/home/li/.local/bin/uv tool run Acme_MCP", "mcp:pkg:pypi/acme-mcp"),
    "pipx run": ("pipx run --spec acme acme-mcp", "mcp:pkg:pypi/acme"),
    "docker run": ("docker run -i --rm -e TOKEN=s3cret -v /a:/b ghcr.io/github/github-mcp-server:v1",
                   "mcp:pkg:docker/github/github-mcp-server"),
    "podman run with a digest": ("podman run --rm localhost:5000/acme/x@sha256:00", "mcp:pkg:docker/acme/x"),
    "docker that runs nothing": ("docker exec box mcp", "mcp:exe:docker"),
    "a script in a package": ("node /opt/x/node_modules/@acme/mcp/dist/index.js --key s3cret",
                              "mcp:pkg:npm/%40acme/mcp"),
    "a program in a package": ("/opt/node_modules/a/node_modules/b/bin/b", "mcp:pkg:npm/b"),
    "a program of its own": ("/opt/secret-place/bin/own-server --key s3cret", "mcp:exe:own-server"),
    "a program with its environment before it": ("env KEY=s3cret own-server", "mcp:exe:own-server"),
    "a program behind an assignment": ("KEY=s3cret own-server", "mcp:exe:own-server"),
    "npx of somebody's folder": ("npx /home/li/secret", "mcp:exe:npx"),
    "npx of a repository": ("npx github:li/secret", "mcp:exe:npx"),
    "an assignment and nothing else": ("KEY=s3cret", ""),
    "a program whose name is none": ("/opt/$(s3cret)", ""),
}  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), LINES.values(), ids=LINES.keys())
def test_a_command_line_runs(line: str, expected: str) -> None:
    found = setting_of(tuple(line.split()))
    assert found == expected
    assert "cret" not in found


FILES = {
    "claude-code.json": (
        "claude-code",
        "/home/li/.claude.json",
        ["mcp:pkg:npm/%40modelcontextprotocol/server-github", "mcp:pkg:pypi/mcp-server-time", "mcp:exe:own-server"],
    ),
    "codex.toml": (
        "codex",
        "/home/li/.codex/config.toml",
        ["mcp:pkg:npm/%40upstash/context7-mcp", "mcp:pkg:docker/github/github-mcp-server"],
    ),
    "codex-written.toml": ("codex", "/home/li/.codex/config.toml", ["mcp:pkg:npm/%40upstash/context7-mcp"]),
    "gemini-written.json": (
        "gemini-cli",
        "/home/li/.gemini/settings.json",
        ["mcp:pkg:npm/%40modelcontextprotocol/server-filesystem"],
    ),
    "continue.yaml": ("continue", "/home/li/.continue/config.yaml", ["mcp:pkg:npm/mcp-sqlite"]),
    "goose.yaml": (
        "goose",
        "/home/li/.config/goose/config.yaml",
        ["mcp:pkg:pypi/mcp-server-fetch", "mcp:pkg:npm/tavily-mcp"],
    ),
    "opencode.json": ("opencode", "/home/li/.config/opencode/opencode.json", ["mcp:pkg:npm/%40playwright/mcp"]),
    "qoder-written.json": ("qoder", "/home/li/.qoder/settings.json", ["mcp:pkg:npm/%40upstash/context7-mcp"]),
    "zed.jsonc": ("zed", "/home/li/.config/zed/settings.json", ["mcp:pkg:npm/postgres-mcp", "mcp:pkg:pypi/acme-mcp"]),
}


@pytest.mark.parametrize("sample", FILES)
def test_the_servers_of_a_settings_file_and_nothing_else(sample: str, machine: MachineFolder) -> None:
    tool, path, expected = FILES[sample]
    machine.file(path, (SAMPLES / "mcp" / sample).read_bytes())
    found = machine.look("mcp")
    assert [one.setting for one in seen(found)] == expected
    assert {(one.name, one.face, one.path, one.owner) for one in seen(found)} == {
        (tool, Face.SETTING, path, seen(found)[0].owner)
    }
    assert unknown(found) == []
    assert "planted" not in repr(found).lower()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.tool}, {row.form}, {row.places[0]}")
def test_every_place_of_the_table_is_looked_at(row: Settings, machine: MachineFolder) -> None:
    places = [place.replace("*", "x") for place in row.places]
    data = _written(row)
    for place in places:
        for above, folder in (("~/", "/home/li/"), ("./", "/srv/p/"), ("/", "/")):
            if place.startswith(above):
                machine.file(folder + place.removeprefix(above), data)
                break
    found = machine.look("mcp", project_roots=["/srv"])
    mine = [one for one in seen(found) if one.name == row.tool]
    assert {one.setting for one in mine} == {"mcp:pkg:npm/acme-mcp"}
    assert len({one.path for one in mine}) == len(places)
    assert {one.project for one in mine if one.path.startswith("/srv/")} <= {True}
    assert not any(one.project for one in mine if not one.path.startswith("/srv/"))


def _written(row: Settings) -> bytes:
    """A file with one server, as the row's tool would have it: JSON is YAML too."""
    value: object = "npx"
    if row.form is Form.TOML:
        return b'[mcp_servers.x]\ncommand = "npx"\nargs = ["-y", "acme-mcp"]\n'
    server = {row.keys[0][-1]: value, "args": ["-y", "acme-mcp"]}
    document: object = server
    for key in reversed(row.keys[0][:-1]):
        document = {"x" if key == "*" else key: document}
    return json.dumps(document).encode()


TROUBLE = {
    "half a file": ('{"mcpServers": {', "not JSON"),
    "a list nested 100,000 deep": ("[" * 100_000, "nested too deeply"),
    "more servers than anybody has": (
        json.dumps({"mcpServers": {str(n): {"command": "npx", "args": [f"p{n}"]} for n in range(600)}}),
        "more than 500 servers",
    ),
    "a command that names nothing": ('{"mcpServers": {"x": {"command": "$(PLANTED)"}}}', "a server's command"),
    "a command that is a number": ('{"mcpServers": {"x": {"command": 7}}}', "a server's command"),
}


@pytest.mark.parametrize(("text", "reason"), TROUBLE.values(), ids=TROUBLE.keys())
def test_what_cannot_be_read_is_unknown(text: str, reason: str, machine: MachineFolder) -> None:
    machine.file("/home/li/.cursor/mcp.json", text)
    found = machine.look("mcp")
    assert [reason in place.reason for place in unknown(found)] == [True]
    assert unknown(found)[0].where == "/home/li/.cursor/mcp.json"
    assert len(seen(found)) <= 500
    assert "planted" not in repr(found).lower()


def test_a_server_that_cannot_be_named_hides_no_other(machine: MachineFolder) -> None:
    servers_ = {"a": {"command": "$(x)"}, "b": {"command": "npx", "args": ["acme-mcp"]}}
    machine.file("/home/li/.cursor/mcp.json", json.dumps({"mcpServers": servers_}))
    assert [one.setting for one in seen(machine.look("mcp"))] == ["mcp:pkg:npm/acme-mcp"]


def test_what_is_no_file_is_not_opened(machine: MachineFolder) -> None:
    machine.at("/home/li/.cursor").mkdir()
    if sys.platform != "win32":
        os.mkfifo(machine.at("/home/li/.cursor/mcp.json"))
    machine.file("/etc/shadow", '{"mcpServers": {"x": {"command": "PLANTED"}}}')
    machine.link("/home/li/.claude.json", "/etc/shadow")
    machine.at("/home/li/.codex/config.toml").mkdir(parents=True)
    found = machine.look("mcp")
    assert seen(found) == []
    assert {place.where for place in unknown(found)} >= {"/home/li/.claude.json", "/home/li/.cursor/mcp.json"}
    assert "planted" not in repr(found).lower()


def test_settings_may_be_linked_within_a_home_and_from_a_store(machine: MachineFolder) -> None:
    data = '{"mcpServers": {"x": {"command": "npx", "args": ["acme-mcp"]}}}'
    machine.file("/home/li/dotfiles/mcp.json", data)
    machine.link("/home/li/.cursor/mcp.json", "../dotfiles/mcp.json")
    machine.file("/nix/store/abc-files/mcp.json", data)
    machine.link("/home/li/.lmstudio/mcp.json", "/nix/store/abc-files/mcp.json")
    machine.file("/home/zo/.kiro/settings/mcp.json", data)
    machine.link("/home/li/.kiro/settings/mcp.json", "/home/zo/.kiro/settings/mcp.json")
    found = machine.look("mcp", homes=["/home/li"])
    assert [one.path for one in seen(found)] == ["/home/li/dotfiles/mcp.json", "/nix/store/abc-files/mcp.json"]
    assert [(place.where, place.reason) for place in unknown(found)] == [
        ("/home/li/.kiro/settings/mcp.json", "a link out of /home/li")
    ]


def test_remote_servers_are_no_software_here() -> None:
    row = Settings("x", Form.JSON, (("mcpServers", "*", "command"),), ())
    assert list(servers({"mcpServers": {"a": {"url": "https://x"}, "b": {"type": "sse"}}}, row)) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("command args path x".split()), inner),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from("command args cmd env x".split()), JSON), max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_servers_are_named_or_refused(listed: list[dict[str, object]]) -> None:
    data = json.dumps({"mcpServers": {str(n): row for n, row in enumerate(listed)}}).encode()
    row = Settings("x", Form.JSON, (("mcpServers", "*", "command"),), ())
    try:
        found = list(servers(read_settings(data, Form.JSON, frozenset({"command", "args", "path"})), row))
    except ValueError:
        return
    assert all(one.startswith(("mcp:pkg:", "mcp:exe:")) and one.isascii() for one in found)


@given(st.lists(st.text(max_size=20), max_size=8))
@settings(max_examples=200, deadline=None)
def test_any_command_line_is_a_package_a_name_or_nothing(words: list[str]) -> None:
    found = setting_of(tuple(words))
    assert found == "" or found.startswith(("mcp:pkg:", "mcp:exe:"))
    assert found.isascii()
    assert "=" not in found


def test_it_has_its_name() -> None:
    assert Mcp().name == "mcp"
