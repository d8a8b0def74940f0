"""VS Code's family: extensions by what their manifests say, wherever an editor keeps them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.host.files import Tree
from agent.inventory.containers import Container, container_of
from agent.inventory.installations import group
from agent.inventory.vscode import OF_USERS
from agent.inventory.vscode_formats import Extension, parse_folder, parse_manifest, parse_places
from policy_schema.rules.decision import Identity
from policy_schema.rules.match import Tables, tool_faces
from policy_schema.rules.observation import Face, Observation, Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown
from tests.fakes.policies import CLAUDE_CODE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and modes are those of POSIX")

VSCODE = "/home/li/.vscode/extensions"
CLAUDE = f"{VSCODE}/anthropic.claude-code-2.1.197-linux-x64"
KEY = "vscode:anthropic.claude-code"


def sample(name: str) -> bytes:
    return (SAMPLES / "vscode" / name).read_bytes()


def manifest(publisher: str, name: str, version: str = "1.0.0") -> str:
    """What an editor takes for an extension."""
    return json.dumps({"publisher": publisher, "name": name, "version": version, "engines": {"vscode": "^1.90.0"}})


# ---------------------------------------------------------------------------- package.json
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(sample("claude-code.package.json"), ("Anthropic", "claude-code", "2.1.197"), id="Claude Code"),
        pytest.param(
            sample("packed-and-installed.package.json"), ("Example-Corp", "sample-assistant", "1.4.2"), id="a real one"
        ),
        pytest.param(
            b'{"name": "x", "engines": {"vscode": "*"}}', ("undefined_publisher", "x", ""), id="without a publisher"
        ),
        pytest.param(b'{"name": "x", "publisher": "y"}', None, id="of npm, not for an editor"),
        pytest.param(b'{"name": "x", "engines": {"node": ">=20"}}', None, id="for node, not for an editor"),
    ],
)
def test_a_manifest_says(data: bytes, expected: tuple[str, str, str] | None) -> None:
    assert parse_manifest(data) == (Extension(*expected) if expected else None)


def test_an_extension_is_known_in_lower_case() -> None:
    assert Extension("Anthropic", "Claude-Code", "1").key == KEY


BAD_MANIFESTS = {
    "half a file": (sample("broken.package.json"), "not JSON"),
    "a name that climbs": (sample("hostile.package.json"), "no usable publisher and name in it"),
    "a list": (b"[]", "not a JSON object"),
    "a hundred thousand brackets": (b"[" * 100_000, "nested too deeply"),
    "no name": (b'{"publisher": "a", "engines": {"vscode": "*"}}', "no usable publisher and name in it"),
    "a publisher with a dot": (manifest("a.b", "c").encode(), "no usable publisher and name in it"),
    "a name of 5,000 letters": (manifest("a", "b" * 5000).encode(), "no usable publisher and name in it"),
}


@pytest.mark.parametrize("what", BAD_MANIFESTS)
def test_a_manifest_is_refused_for(what: str) -> None:
    data, message = BAD_MANIFESTS[what]
    with pytest.raises(ValueError, match=message):
        parse_manifest(data)


@pytest.mark.parametrize("version", ["7", "null", '"1.0\\n2"', '"../x"', '"' + "1" * 100 + '"'])
def test_a_version_that_no_editor_would_take_is_empty(version: str) -> None:
    text = manifest("a", "b").replace('"1.0.0"', version)
    assert parse_manifest(text.encode()) == Extension("a", "b", "")


# ---------------------------------------------------------------------------- names of folders
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("anthropic.claude-code-2.1.197", ("anthropic", "claude-code", "2.1.197")),
        ("anthropic.claude-code-2.1.197-linux-x64", ("anthropic", "claude-code", "2.1.197")),
        ("ms-python.python-2026.4.0-universal", ("ms-python", "python", "2026.4.0")),
        ("x.y-z-1-1.0.0-alpine-arm64", ("x", "y-z-1", "1.0.0")),
        ("x.y-1.0.0-beta.2", ("x", "y", "1.0.0-beta.2")),
        ("k--kato.docomment-1.0.0", ("k--kato", "docomment", "1.0.0")),
        ("claude-code", None),
        ("a.b", None),
        ("a.b-1", None),
        (".x.y-1.0.0", None),
        ("a" * 300 + ".b-1.0.0", None),
        ("caf\udce9.b-1.0.0", None),
    ],
)
def test_the_name_of_a_folder_says(name: str, expected: tuple[str, str, str] | None) -> None:
    assert parse_folder(name) == (Extension(*expected) if expected else None)


PART = st.from_regex(r"\A[A-Za-z0-9_~-]{1,20}\Z")


@given(PART, st.from_regex(r"\A[a-z][a-z0-9._-]{0,20}[a-z]\Z"), st.tuples(*[st.integers(0, 9999)] * 3))
def test_what_an_editor_writes_as_a_name_is_read_again(
    publisher: str, name: str, numbers: tuple[int, int, int]
) -> None:
    version = ".".join(map(str, numbers))
    for platform in ("", "-linux-x64", "-universal"):
        assert parse_folder(f"{publisher}.{name}-{version}{platform}") == Extension(publisher, name, version)


# ---------------------------------------------------------------------------- any bytes
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.sampled_from(["/x", "file", "*"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["name", "publisher", "version", "engines", "vscode", "location", "path", "scheme"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=10,
)


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_extension_none_or_a_value_error(data: bytes) -> None:
    try:
        found = parse_manifest(data)
    except ValueError:
        return
    if found:
        assert found.key.isascii()
        assert "/" not in found.key
        assert found.name.strip()


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps([value]).encode()))
def test_any_list_gives_absolute_paths_or_a_value_error(data: bytes) -> None:
    try:
        places = parse_places(data)
    except ValueError:
        return
    assert all(place.startswith("/") and "\0" not in place for place in places)


@given(st.text(max_size=60) | st.binary(max_size=60).map(os.fsdecode))
def test_any_name_is_an_extension_or_none(name: str) -> None:
    found = parse_folder(name)
    assert found is None or found.key.isascii()


def test_the_list_names_only_paths_of_files() -> None:
    assert parse_places(sample("extensions.json")) == (CLAUDE, "/home/li/src/in-the-making")
    assert parse_places(sample("packed-and-installed.extensions.json")) == (
        "/home/li/.vscode-server-oss/extensions/example-corp.sample-assistant-1.4.2",
    )


# ---------------------------------------------------------------------------- places
PLACES = {
    f"{pattern} ({manager or 'no command'})": (pattern.replace("~", "/home/li"), manager)
    for manager, patterns in OF_USERS.items()
    for pattern in patterns
} | {"an editor that nobody listed": ("/home/li/.brand-new-editor/extensions", "")}


@pytest.mark.parametrize("what", PLACES)
def test_an_extension_is_found_in(what: str, machine: MachineFolder) -> None:
    folder, manager = PLACES[what]
    path = f"{folder}/anthropic.claude-code-2.1.197-linux-x64"
    at = machine.file(f"{path}/package.json", sample("claude-code.package.json"))
    found = machine.look("vscode")
    (one,) = seen(found)
    status = at.parent.stat()
    assert one == Observation(
        source="vscode",
        face=Face.EXTENSION,
        path=path,
        owner="li",
        uid=os.getuid(),
        name="anthropic.claude-code",
        version="2.1.197",
        extension=KEY,
        manager=manager,
        home="/home/li",
        inode=(status.st_dev, status.st_ino),
        prefix=folder,
    )
    assert found.complete
    assert (folder in found.coverage[0].roots, folder in found.watch["vscode"]) == (True, True)


def test_a_folder_that_is_not_there_yet_is_watched_for_and_a_home_is_not(machine: MachineFolder) -> None:
    watched = machine.look("vscode").watch["vscode"]
    assert VSCODE in watched
    assert "/home/li" not in watched


def test_each_user_has_their_own_and_two_versions_are_two(machine: MachineFolder) -> None:
    machine.home("wang")
    paths = [
        "/home/li/.vscode/extensions/a.b-1.0.0",
        "/home/li/.vscode/extensions/a.b-1.1.0",
        "/home/wang/.cursor/extensions/a.b-1.0.0-universal",
    ]
    for path in paths:
        machine.file(f"{path}/package.json", manifest("A", "B", path.rpartition("-")[2].replace("universal", "1.0.0")))
    rows = seen(machine.look("vscode"))
    assert [(one.path, one.version, one.owner and one.home) for one in rows] == [
        (paths[0], "1.0.0", "/home/li"),
        (paths[1], "1.1.0", "/home/li"),
        (paths[2], "1.0.0", "/home/wang"),
    ]
    assert [one.path for one in seen(machine.look("vscode", homes=["/home/wang"]))] == paths[2:]


def test_what_an_editor_marked_as_obsolete_is_still_on_the_disk(machine: MachineFolder) -> None:
    machine.file(f"{VSCODE}/a.b-1.0.0/package.json", manifest("a", "b"))
    machine.file(f"{VSCODE}/.obsolete", '{"a.b-1.0.0": true}')
    assert [one.name for one in seen(machine.look("vscode"))] == ["a.b"]


def test_the_manifest_counts_and_not_the_name_of_the_folder(machine: MachineFolder) -> None:
    machine.file(f"{VSCODE}/nothing.special-1.0.0/package.json", sample("claude-code.package.json"))
    (one,) = seen(machine.look("vscode"))
    assert (one.extension, one.version) == (KEY, "2.1.197")


def test_what_is_no_extension_is_passed_over(machine: MachineFolder) -> None:
    machine.file(f"{VSCODE}/a-node-package/package.json", '{"name": "x", "version": "1.0.0"}')
    machine.file(f"{VSCODE}/.c8f2-half-unpacked/package.json", manifest("a", "b"))
    machine.file(f"{VSCODE}/just-a-file", manifest("a", "b"))
    machine.at(f"{VSCODE}/left.over-1.0.0").mkdir()
    machine.file("/home/li/.gemini/extensions/tool/gemini-extension.json", "{}")
    found = machine.look("vscode")
    assert (seen(found), found.complete) == ([], True)


ELSEWHERE: dict[str, Callable[[MachineFolder], object]] = {
    "a link": lambda m: m.link(f"{VSCODE}/li.in-the-making-0.0.1", "/home/li/src/in-the-making"),
    "the editor's list": lambda m: m.file(f"{VSCODE}/extensions.json", sample("extensions.json")),
}


@pytest.mark.parametrize("how", ELSEWHERE)
def test_an_extension_elsewhere_is_somebody_s_work_and_is_revealed_by(how: str, machine: MachineFolder) -> None:
    work = "/home/li/src/in-the-making"
    machine.file(f"{work}/package.json", manifest("li", "in-the-making", "0.0.1"))
    machine.file(f"{CLAUDE}/package.json", sample("claude-code.package.json"))
    ELSEWHERE[how](machine)
    rows = {one.extension: one for one in seen(machine.look("vscode"))}
    assert (rows["vscode:li.in-the-making"].path, rows["vscode:li.in-the-making"].project) == (work, True)
    assert (rows[KEY].path, rows[KEY].project) == (CLAUDE, False)


def test_referring_to_an_extension_does_not_make_it_a_project(machine: MachineFolder) -> None:
    hidden = "/home/li/.zz/extensions/anthropic.claude-code-2.1.197"
    machine.file(f"{hidden}/package.json", sample("claude-code.package.json"))
    machine.link(f"{VSCODE}/anthropic.claude-code-2.1.197", hidden)
    machine.file("/home/li/.aa/extensions/extensions.json", json.dumps([{"location": {"path": hidden}}]))
    (one,) = seen(machine.look("vscode"))
    assert (one.path, one.project) == (hidden, False)


# ---------------------------------------------------------------------------- spoilt and hostile
SPOILT: dict[str, tuple[Callable[[MachineFolder, str], object], str]] = {
    "not JSON": (lambda m, path: m.file(path, sample("broken.package.json")), "not JSON"),
    "5 MB": (lambda m, path: m.file(path, b" " * (5 << 20)), "larger than 4194304 bytes"),
    "5 GB of nothing": (lambda m, path: os.truncate(m.file(path), 5 << 30), "larger than 4194304 bytes"),
    "a pipe that nobody writes to": (lambda m, path: os.mkfifo(m.at(path)), "not a regular file"),
    "a folder": (lambda m, path: m.at(path).mkdir(), "not a regular file"),
    "a link to itself": (lambda m, path: m.link(path, path.rpartition("/")[2]), "more than 40 links on the way"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_an_extension_is_called_as_its_folder_is_when_its_manifest_is(what: str, machine: MachineFolder) -> None:
    make, reason = SPOILT[what]
    machine.at(CLAUDE).mkdir(parents=True)
    machine.at(f"{VSCODE}/no-such-name").mkdir()
    for path in (CLAUDE, f"{VSCODE}/no-such-name"):
        make(machine, f"{path}/package.json")
    found = machine.look("vscode")
    assert [(one.extension, one.version) for one in seen(found)] == [(KEY, "2.1.197")]
    assert unknown(found) == [
        Unknown(f"{CLAUDE}/package.json", reason),
        Unknown(f"{VSCODE}/no-such-name/package.json", reason),
    ]


@pytest.mark.parametrize("what", SPOILT)
def test_extensions_are_found_when_the_list_of_them_is(what: str, machine: MachineFolder) -> None:
    make, reason = SPOILT[what]
    machine.file(f"{VSCODE}/a.b-1.0.0/package.json", manifest("a", "b"))
    make(machine, f"{VSCODE}/extensions.json")
    found = machine.look("vscode")
    assert [one.name for one in seen(found)] == ["a.b"]
    assert unknown(found) == [Unknown(f"{VSCODE}/extensions.json", reason)]


def test_links_never_lead_out_of_the_tree_nor_to_a_secret(machine: MachineFolder) -> None:
    machine.file("/etc/shadow", "root:SECRET:1::::::")
    machine.link(f"{VSCODE}/x.y-1.0.0/package.json", "/etc/shadow")
    machine.link(f"{VSCODE}/out", "../../../../../../../../../etc")
    machine.link(f"{VSCODE}/loop", "loop")
    machine.file(f"{VSCODE}/extensions.json", json.dumps([{"location": {"path": f"/etc/../../..{machine.root}"}}]))
    found = machine.look("vscode")
    assert [one.name for one in seen(found)] == ["x.y"]
    assert "SECRET" not in repr(found)


def test_names_that_are_no_text_do_not_crash(machine: MachineFolder) -> None:
    name = os.fsdecode(b"caf\xe9.b-1.0.0")
    machine.file(f"{VSCODE}/{name}/package.json", "{")
    machine.file(f"{VSCODE}/{name}2/package.json", manifest("a", "b"))
    found = machine.look("vscode")
    assert [one.name for one in seen(found)] == ["a.b"]
    assert [place.reason for place in unknown(found)] == ["not JSON"]


def test_a_folder_with_too_many_is_not_complete(machine: MachineFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.inventory.vscode.MAX_EXTENSIONS", 2)
    for number in range(3):
        machine.file(f"{VSCODE}/a.b-1.0.{number}/package.json", manifest("a", "b"))
    found = machine.look("vscode")
    assert (len(seen(found)), unknown(found)) == (2, [Unknown(VSCODE, "more than 2 extensions")])


# ---------------------------------------------------------------------------- what lies inside
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(sample("claude-code.package.json"), KEY, id="by its manifest"),
        pytest.param(sample("broken.package.json"), KEY, id="by its folder's name when the manifest is broken"),
        pytest.param(b'{"name": "x"}', "", id="not when it is no extension"),
        pytest.param(None, "", id="not without a manifest"),
    ],
)
def test_a_program_inside_belongs_to_the_extension(
    content: bytes | None, expected: str, machine: MachineFolder
) -> None:
    program = f"{CLAUDE}/resources/native-binary/claude"
    machine.file(program, b"\x7fELF", 0o755)
    if content is not None:
        machine.file(f"{CLAUDE}/package.json", content)
    with Tree(str(machine.root)) as tree:
        assert container_of(tree, program) == (Container(expected, CLAUDE) if expected else None)


def test_the_engine_inside_is_no_installation_of_its_own(machine: MachineFolder) -> None:
    machine.file(f"{CLAUDE}/package.json", sample("claude-code.package.json"))
    program = f"{CLAUDE}/resources/native-binary/claude"
    machine.file(program, b"\x7fELF", 0o755)
    tables = Tables([tool_faces(CLAUDE_CODE)])
    native = Observation(
        "executables", Face.EXECUTABLE, program, content="claude-code/0", container=KEY, container_path=CLAUDE
    )

    def identify(one: Observation) -> Identity | None:
        return next(iter(tables.identify(one)), None)

    (one,) = group([*seen(machine.look("vscode")), native], identify, {})
    assert (one.tool, one.path, one.version, one.parts) == ("claude-code", CLAUDE, "2.1.197", (CLAUDE,))
