"""npm: good trees give exact items, spoilt and hostile ones give an Unknown with its reason."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Denied
from agent.host.files import Tree
from agent.inventory.npm_formats import Manifest, expand_prefix, package_purl, parse_manifest, parse_npmrc
from policy_schema.rules.identity import parse_purl
from policy_schema.rules.observation import Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and modes are those of POSIX")

CODE = "@anthropic-ai/claude-code"
GLOBAL = "/usr/lib/node_modules"


# ---------------------------------------------------------------------------- package.json
@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        pytest.param("script-era", Manifest(CODE, "2.1.112", {"claude": "cli.js"}), id="Claude Code as a script"),
        pytest.param("native-era", Manifest(CODE, "2.1.197", {"claude": "bin/claude.exe"}), id="Claude Code, native"),
        pytest.param(
            "platform-alias", Manifest("@openai/codex", "0.169.0-linux-x64", {}), id="a version with a platform"
        ),
        pytest.param(
            "byte-order-mark", Manifest("with-a-mark", "1.0.0", {"with-a-mark": "./run.js"}), id="a byte order mark"
        ),
    ],
)
def test_a_manifest_says(sample: str, expected: Manifest) -> None:
    assert parse_manifest((SAMPLES / "npm" / f"{sample}.package.json").read_bytes()) == expected


BAD_MANIFESTS = {
    "an empty file": (b"", "not JSON"),
    "half a file": (b'{"name": "x", ', "not JSON"),
    "bytes that are no text": (b"\xff\xfe\x00", "not JSON"),
    "a list": (b"[]", "not a JSON object"),
    "no name": (b'{"version": "1.0.0"}', "no usable name in it"),
    "a number as a name": (b'{"name": 7}', "no usable name in it"),
    "a name that climbs": (b'{"name": "../../etc"}', "no usable name in it"),
    "a name with an escape sequence": (b'{"name": "a\\u001b[31m"}', "no usable name in it"),
    "a name of 5,000 letters": (b'{"name": "' + b"a" * 5000 + b'"}', "no usable name in it"),
    "a hundred thousand brackets": (b"[" * 100_000, "nested too deeply"),
    "a number of 10,000 digits": (b'{"name": "x", "n": ' + b"9" * 10_000 + b"}", "not JSON"),
}


@pytest.mark.parametrize("what", BAD_MANIFESTS)
def test_a_manifest_is_refused_for(what: str) -> None:
    data, message = BAD_MANIFESTS[what]
    with pytest.raises(ValueError, match=message):
        parse_manifest(data)


@pytest.mark.parametrize("version", ["7", "null", '"1.0\\n2.0"', '"' + "1" * 300 + '"', '"../x"', "[]"])
def test_a_version_that_npm_would_not_take_is_empty(version: str) -> None:
    assert parse_manifest(f'{{"name": "x", "version": {version}}}'.encode()).version == ""


@given(
    st.binary(max_size=300) | st.text(max_size=200).map(lambda text: f'{{"name": {text!r}}}'.encode("utf-8", "replace"))
)
def test_any_bytes_are_a_manifest_or_a_value_error(data: bytes) -> None:
    try:
        manifest = parse_manifest(data)
    except ValueError:
        return
    assert manifest.name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=250),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=8,
)


@given(
    name=JSON | st.from_regex(r"\A(@[a-z0-9.~_-]{1,90}/)?[A-Za-z0-9.~_-]{1,120}\Z"),
    version=JSON | st.from_regex(r"\A[0-9A-Za-z.+-]{1,90}\Z"),
    bins=JSON,
)
def test_whatever_a_manifest_says_the_purl_can_be_read_again(name: object, version: object, bins: object) -> None:
    import json

    try:
        manifest = parse_manifest(json.dumps({"name": name, "version": version, "bin": bins}).encode())
    except ValueError:
        return
    purl = parse_purl(package_purl(manifest.name, manifest.version))
    assert (purl.key, purl.version) == (f"npm/{manifest.name.lower()}", manifest.version)
    assert all("/" not in program for program in manifest.bins)


# ---------------------------------------------------------------------------- .npmrc
@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        pytest.param((SAMPLES / "npm" / "user.npmrc").read_text(), "/home/li/.packages", id="quoted, with HOME"),
        pytest.param("prefix=~/.npm-global", "/home/li/.npm-global", id="with a tilde"),
        pytest.param("  prefix  =  /opt/npm  ", "/opt/npm", id="with blanks"),
        pytest.param("prefix=/a\nprefix=/b", "/b", id="twice: the last one counts"),
        pytest.param("#prefix=/a\n;prefix=/b", "", id="commented out"),
        pytest.param("init-prefix=/a\n[section]\nprefix=/b", "", id="another key, and one in a section"),
        pytest.param("prefix=\n", "", id="empty"),
    ],
)
def test_npm_settings_name_the_prefix(text: str, prefix: str) -> None:
    assert expand_prefix(parse_npmrc(text), "/home/li") == prefix


@pytest.mark.parametrize("value", ["${NPM_PREFIX}/x", "relative/path", "${HOME", "${}", "/a\0b"])
def test_a_prefix_that_cannot_be_known_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        expand_prefix(value, "/home/li")


@given(st.text(max_size=200))
def test_any_settings_give_an_absolute_prefix_none_or_a_value_error(text: str) -> None:
    try:
        prefix = expand_prefix(parse_npmrc(f"prefix={text}"), "/home/li")
    except ValueError:
        return
    assert prefix == "" or prefix.startswith("/")


# ---------------------------------------------------------------------------- places
PLACES = {
    "the system's prefix": ("/usr/lib/node_modules", "npm", "/usr"),
    "the prefix of self-built node": ("/usr/local/lib/node_modules", "npm", "/usr/local"),
    "a node below /opt": ("/opt/node-v20/lib/node_modules", "npm", "/opt/node-v20"),
    "the usual prefix without root": ("/home/li/.npm-global/lib/node_modules", "npm", "/home/li/.npm-global"),
    "~/.local": ("/home/li/.local/lib/node_modules", "npm", "/home/li/.local"),
    "nvm": ("/home/li/.nvm/versions/node/v20.1.0/lib/node_modules", "npm", "/home/li/.nvm/versions/node/v20.1.0"),
    "fnm": (
        "/home/li/.local/share/fnm/node-versions/v20/installation/lib/node_modules",
        "npm",
        "/home/li/.local/share/fnm/node-versions/v20/installation",
    ),
    "volta, its own packages": (
        "/home/li/.volta/tools/image/packages/@anthropic-ai/claude-code/lib/node_modules",
        "volta",
        "/home/li/.volta/tools/image/packages/@anthropic-ai/claude-code",
    ),
    "asdf": ("/home/li/.asdf/installs/nodejs/20.1.0/lib/node_modules", "npm", "/home/li/.asdf/installs/nodejs/20.1.0"),
    "mise, node": (
        "/home/li/.local/share/mise/installs/node/20/lib/node_modules",
        "npm",
        "/home/li/.local/share/mise/installs/node/20",
    ),
    "mise, a package": (
        "/home/li/.local/share/mise/installs/npm-anthropic-ai-claude-code/2.1.1/lib/node_modules",
        "npm",
        "/home/li/.local/share/mise/installs/npm-anthropic-ai-claude-code/2.1.1",
    ),
    "n": ("/home/li/n/lib/node_modules", "npm", "/home/li/n"),
    "the cache of npx": ("/home/li/.npm/_npx/0123456789abcdef/node_modules", "", "/home/li/.npm/_npx/0123456789abcdef"),
    "pnpm, global": ("/home/li/.local/share/pnpm/global/5/node_modules", "pnpm", "/home/li/.local/share/pnpm/global/5"),
    "yarn, global": ("/home/li/.config/yarn/global/node_modules", "yarn", "/home/li/.config/yarn/global"),
    "bun, global": ("/home/li/.bun/install/global/node_modules", "bun", "/home/li/.bun/install/global"),
    "what bunx keeps": (
        "/home/li/.bun/install/cache/.bunx-1000/@anthropic-ai/claude-code@2.1.197/node_modules",
        "",
        "/home/li/.bun/install/cache/.bunx-1000/@anthropic-ai/claude-code@2.1.197",
    ),
    "what pnpm dlx keeps": (
        "/home/li/.cache/pnpm/dlx/e6a9/mwq6/node_modules",
        "",
        "/home/li/.cache/pnpm/dlx/e6a9/mwq6",
    ),
    "the tree of a former installer": ("/home/li/.claude/local/node_modules", "", "/home/li/.claude/local"),
}


@pytest.mark.parametrize("what", PLACES)
def test_a_package_is_found_in(what: str, machine: MachineFolder) -> None:
    modules, manager, prefix = PLACES[what]
    machine.npm(f"{modules}/{CODE}", CODE, "2.1.197")
    found = machine.look("npm")
    (one,) = seen(found)
    assert (one.path, one.name, one.version) == (f"{modules}/{CODE}", CODE, "2.1.197")
    assert (one.manager, one.prefix, one.project) == (manager, prefix, False)
    assert one.home == ("/home/li" if modules.startswith("/home/li/") else "")
    assert modules in found.coverage[0].roots
    assert found.complete


REVEALED: dict[str, tuple[Callable[[MachineFolder], object], dict[str, tuple[str, ...]]]] = {
    "the user's npm settings": (lambda m: m.file("/home/li/.npmrc", "prefix=/data/p"), {}),
    "the machine's npm settings": (lambda m: m.file("/etc/npmrc", "prefix=/data/p"), {}),
    "the settings that come with npm": (lambda m: m.file("/usr/lib/node_modules/npm/npmrc", "prefix=/data/p"), {}),
    "a folder of programs": (lambda m: m.at("/data/p/bin").mkdir(parents=True), {"path_folders": ("/data/p/bin",)}),
    "PATH in a shell's settings": (
        lambda m: (
            m.at("/data/p/bin").mkdir(parents=True),
            m.file("/home/li/.bashrc", "export PATH=/data/p/bin:$PATH"),
        ),
        {},
    ),
    "a link to a program": (lambda m: m.link("/home/li/bin/claude", f"/data/p/lib/node_modules/{CODE}/cli.js"), {}),
    "a running script": (lambda m: None, {"hints": (f"/data/p/lib/node_modules/{CODE}/cli.js",)}),
    "a running node": (lambda m: None, {"hints": ("/data/p/bin/node",)}),
}


@pytest.mark.parametrize("what", REVEALED)
def test_an_unusual_prefix_is_revealed_by(what: str, machine: MachineFolder) -> None:
    make, given = REVEALED[what]
    machine.npm(f"/data/p/lib/node_modules/{CODE}", CODE, "2.1.197", {"claude": "cli.js"})
    make(machine)
    found = machine.look("npm", **given)  # type: ignore[arg-type]  # each row gives texts for the option that it names
    (one,) = [one for one in seen(found) if one.name == CODE]
    assert (one.path, one.manager, one.prefix) == (f"/data/p/lib/node_modules/{CODE}", "npm", "/data/p")


def test_without_the_system_only_homes_are_looked_at(machine: MachineFolder) -> None:
    machine.npm(f"{GLOBAL}/a", "a", "1.0.0")
    machine.npm("/home/li/.npm-global/lib/node_modules/b", "b", "1.0.0")
    assert [one.name for one in seen(machine.look("npm", system=False))] == ["b"]


def test_only_the_given_home_is_looked_at(machine: MachineFolder) -> None:
    machine.home("wang")
    for name in ("li", "wang"):
        machine.npm(f"/home/{name}/.npm-global/lib/node_modules/{name}", name, "1.0.0")
    assert [one.name for one in seen(machine.look("npm", homes=["/home/wang"]))] == ["wang"]
    outside = str(machine.at("/home/wang"))
    assert [one.name for one in seen(machine.look("npm", homes=[outside]))] == ["wang"]


# ---------------------------------------------------------------------------- what lies in a node_modules
def test_nested_packages_name_the_package_around_them(machine: MachineFolder) -> None:
    machine.npm(f"{GLOBAL}/{CODE}", CODE, "2.1.197", {"claude": "bin/claude.exe"})
    platform = f"{GLOBAL}/{CODE}/node_modules/{CODE}-linux-x64"
    machine.npm(platform, f"{CODE}-linux-x64", "2.1.197")
    machine.link("/usr/bin/claude", f"../lib/node_modules/{CODE}/bin/claude.exe")
    outer, inner = sorted(seen(machine.look("npm")), key=lambda one: len(one.path))
    assert outer.links == ("/usr/bin/claude",)
    assert (outer.container, outer.container_path) == ("", "")
    assert (inner.container, inner.container_path) == ("pkg:npm/%40anthropic-ai/claude-code", f"{GLOBAL}/{CODE}")
    assert (inner.manager, inner.prefix) == ("", "/usr")


def test_the_links_of_pnpm_lead_to_one_package_each(machine: MachineFolder) -> None:
    root = "/home/li/.local/share/pnpm/global/5/node_modules"
    store = f"{root}/.pnpm/@anthropic-ai+claude-code@2.1.197/node_modules"
    machine.npm(f"{store}/{CODE}", CODE, "2.1.197")
    machine.npm(
        f"{root}/.pnpm/{CODE.replace('/', '+')}-linux-x64@2.1.197/node_modules/{CODE}-linux-x64",
        f"{CODE}-linux-x64",
        "2.1.197",
    )
    machine.link(
        f"{store}/{CODE}-linux-x64",
        f"../../../{CODE.replace('/', '+')}-linux-x64@2.1.197/node_modules/{CODE}-linux-x64",
    )
    machine.link(f"{root}/{CODE}", f"../.pnpm/@anthropic-ai+claude-code@2.1.197/node_modules/{CODE}")
    rows = {one.name: one for one in seen(machine.look("npm"))}
    assert rows.keys() == {CODE, f"{CODE}-linux-x64"}
    assert rows[CODE].path == f"{store}/{CODE}"
    assert rows[CODE].links == (f"{root}/{CODE}",)


def test_the_store_that_pnpm_shares_between_projects_is_followed(machine: MachineFolder) -> None:
    pnpm = "/home/li/.local/share/pnpm"
    links = f"{pnpm}/store/v11/links/@anthropic-ai"
    main = f"{links}/claude-code/2.1.197/2669/node_modules/{CODE}"
    platform = f"{links}/claude-code-linux-x64/2.1.197/ca3d/node_modules/{CODE}-linux-x64"
    machine.npm(main, CODE, "2.1.197")
    machine.npm(platform, f"{CODE}-linux-x64", "2.1.197")
    machine.link(f"{main}-linux-x64", platform)
    machine.link(f"{pnpm}/global/v11/245b/node_modules/{CODE}", main)
    rows = {one.path: one for one in seen(machine.look("npm"))}
    assert rows.keys() == {main, platform}
    assert (rows[main].links, rows[main].manager) == ((f"{pnpm}/global/v11/245b/node_modules/{CODE}",), "pnpm")
    assert rows[platform].manager == ""


def test_a_link_to_somebody_s_work_is_a_project(machine: MachineFolder) -> None:
    machine.npm("/home/li/src/mine", "mine", "0.0.1")
    machine.npm("/home/li/src/mine/node_modules/dependency", "dependency", "1.0.0")
    machine.link(f"{GLOBAL}/mine", "/home/li/src/mine")
    (one,) = seen(machine.look("npm"))
    assert (one.path, one.links, one.project) == ("/home/li/src/mine", (f"{GLOBAL}/mine",), True)


@pytest.mark.parametrize(
    ("place", "manifest", "project"),
    [
        pytest.param("/home/li", True, True, id="in a home with a package.json: a project"),
        pytest.param("/home/li", False, False, id="in a home without one"),
        pytest.param("/srv/code/app", True, True, id="in a project of a configured root"),
        pytest.param("/srv/code", True, True, id="in the configured root itself"),
        pytest.param("/srv/code/group/app/web", True, True, id="deep in a configured root"),
    ],
)
def test_packages_of_projects(place: str, manifest: bool, project: bool, machine: MachineFolder) -> None:
    machine.at("/srv/code").mkdir(parents=True)
    machine.npm(f"{place}/node_modules/{CODE}", CODE, "2.1.197")
    if manifest:
        machine.file(f"{place}/package.json", "{}")
    (one,) = seen(machine.look("npm", project_roots=["/srv/code"]))
    assert (one.project, one.manager) == (project, "")


def test_projects_outside_of_the_configured_roots_are_left_alone(machine: MachineFolder) -> None:
    machine.npm("/home/li/src/app/node_modules/x", "x", "1.0.0")
    assert seen(machine.look("npm")) == []


def test_a_package_that_is_being_installed_or_of_npm_itself_is_none(machine: MachineFolder) -> None:
    machine.npm(f"{GLOBAL}/.claude-code-x7Ta2", CODE, "2.1.197")
    machine.npm(f"{GLOBAL}/.bin/x", "x", "1.0.0")
    machine.at(f"{GLOBAL}/empty").mkdir()
    machine.file(f"{GLOBAL}/just-a-file")
    found = machine.look("npm")
    assert seen(found) == []
    assert found.complete


# ---------------------------------------------------------------------------- spoilt and hostile
SPOILT: dict[str, tuple[Callable[[MachineFolder, str], object], str]] = {
    "not JSON": (lambda m, path: m.file(path, "{"), "not JSON"),
    "2 MB": (lambda m, path: m.file(path, b" " * (2 << 20)), "larger than 1048576 bytes"),
    "a pipe that nobody writes to": (lambda m, path: os.mkfifo(m.at(path)), "not a regular file"),
    "a folder": (lambda m, path: m.at(path).mkdir(), "not a regular file"),
    "a link to itself": (lambda m, path: m.link(path, "package.json"), "more than 40 links on the way"),
    "a link to a pipe": (lambda m, path: (os.mkfifo(m.at("/pipe")), m.link(path, "/pipe")), "not a regular file"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_package_is_called_as_its_folder_is_when_its_manifest_is(what: str, machine: MachineFolder) -> None:
    make, reason = SPOILT[what]
    machine.at(f"{GLOBAL}/{CODE}").mkdir(parents=True)
    make(machine, f"{GLOBAL}/{CODE}/package.json")
    machine.npm(f"{GLOBAL}/other", "other", "1.0.0")
    found = machine.look("npm")
    assert [(one.name, one.version, one.purl) for one in seen(found)] == [
        (CODE, "", "pkg:npm/%40anthropic-ai/claude-code"),
        ("other", "1.0.0", "pkg:npm/other@1.0.0"),
    ]
    assert unknown(found) == [Unknown(f"{GLOBAL}/{CODE}/package.json", reason)]
    assert not found.complete


def test_a_link_never_leads_out_of_the_tree(machine: MachineFolder) -> None:
    machine.link(f"{GLOBAL}/escape", "../../../../../../../../../../usr/lib/node_modules/npm")
    machine.link(f"{GLOBAL}/loop", "loop")
    machine.link(f"{GLOBAL}/void", "nowhere")
    machine.link(f"{GLOBAL}/self", ".")
    found = machine.look("npm")
    assert seen(found) == []
    assert unknown(found) == [Unknown(f"{GLOBAL}/loop", "more than 40 links on the way")]


def test_packages_in_packages_in_packages_end_at_the_bound(machine: MachineFolder) -> None:
    machine.npm(GLOBAL + "/a" + "/node_modules/a" * 40, "a", "1.0.0")
    for depth in range(40):
        machine.npm(GLOBAL + "/a" + "/node_modules/a" * depth, "a", "1.0.0")
    found = machine.look("npm")
    assert len(seen(found)) == 25
    assert [place.reason for place in unknown(found)] == ["packages nested deeper than 24"]


def test_names_that_are_no_text_neither_crash_nor_reach_the_report_raw(machine: MachineFolder) -> None:
    machine.file(f"{GLOBAL}/{os.fsdecode(b'caf' + bytes([0xE9]))}/package.json", "{")
    found = machine.look("npm")
    (one,) = seen(found)
    assert (one.name, one.purl) == ("caf\\xe9", "")
    assert unknown(found)[0].reason == "not JSON"


def test_a_folder_that_may_not_be_looked_at_is_named_once(
    machine: MachineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.npm(f"/home/li/.nvm/versions/node/v20/lib/node_modules/{CODE}", CODE, "2.1.197")
    refuse_below(monkeypatch, "/home/li/.nvm")
    found = machine.look("npm")
    assert seen(found) == []
    assert unknown(found) == [Unknown("/home/li/.nvm", "permission denied")]


def test_settings_of_npm_that_cannot_be_read_or_known_are_unknown(machine: MachineFolder) -> None:
    os.mkfifo(machine.at("/home/li/.npmrc"))
    machine.file("/etc/npmrc", "prefix=${SOMEWHERE}")
    assert sorted(unknown(machine.look("npm"))) == [
        Unknown("/etc/npmrc", "the prefix depends on a variable that only the user's shell knows"),
        Unknown("/home/li/.npmrc", "not a regular file"),
    ]


def refuse_below(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """As a folder without rights does for somebody who is not root: itself it is seen, nothing in it."""
    facts, listing = Tree.facts, Tree.list

    def refused_facts(tree: Tree, path: str, follow: bool = True) -> object:
        if path.startswith(folder + "/"):
            raise Denied(f"{path}: permission denied")
        return facts(tree, path, follow)

    def refused_list(tree: Tree, path: str, limit: int = 1000) -> object:
        if path == folder or path.startswith(folder + "/"):
            raise Denied(f"{path}: permission denied")
        return listing(tree, path, limit)

    monkeypatch.setattr(Tree, "facts", refused_facts)
    monkeypatch.setattr(Tree, "list", refused_list)
