"""cargo: its lists, and the programs that stand for crates."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.cargo_formats import Crate, parse_binstall, parse_crates_json, parse_crates_toml
from policy_schema.rules.observation import Face, Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and modes are those of POSIX")

TOML = (SAMPLES / "cargo/crates.toml").read_bytes()
JSON = (SAMPLES / "cargo/crates2.json").read_bytes()
BINSTALL = (SAMPLES / "cargo/crates-v1.json").read_bytes()
TINY = Crate("tiny-agent", "0.3.1-beta.2", ("tiny", "tiny-helper"))
PARSERS = (parse_crates_toml, parse_crates_json, parse_binstall)


@pytest.mark.parametrize(
    ("parse", "data", "expected"),
    [
        pytest.param(parse_crates_toml, TOML, [TINY], id="cargo's own list"),
        pytest.param(parse_crates_json, JSON, [TINY], id="cargo's longer list"),
        pytest.param(
            parse_binstall,
            BINSTALL,
            [Crate("ripgrep", "14.1.1", ("rg",)), Crate("cargo-binstall", "1.10.0", ("cargo-binstall",))],
            id="the list of cargo-binstall",
        ),
        pytest.param(
            parse_crates_toml,
            b'[v1]\n"codex 0.1.0 (git+https://token@example.com/x?branch=main#0a1b)" = ["codex"]\n',
            [Crate("codex", "0.1.0", ("codex",))],
            id="a crate from a repository, whose address is not kept",
        ),
        pytest.param(parse_crates_toml, b"[v1]\n", [], id="nothing installed any more"),
        pytest.param(
            parse_crates_toml,
            b'[v1]\n"../x 1.0 (y)" = ["a"]\n"a 1.0 (y)" = ["../b", ""]\n',
            [Crate("a", "1.0", ())],
            id="names that climb",
        ),
    ],
)
def test_a_list_says(parse: object, data: bytes, expected: list[Crate]) -> None:
    assert callable(parse)
    assert parse(data) == expected


@pytest.mark.parametrize(
    ("parse", "data", "message"),
    [
        pytest.param(parse_crates_toml, b"[v1", "line 1 is not written", id="half a file"),
        pytest.param(parse_crates_toml, b"a = 1", "no table of installed crates", id="another TOML"),
        pytest.param(parse_crates_toml, b"a = " + b"[" * 100_000, "nested too deeply", id="100,000 brackets"),
        pytest.param(parse_crates_toml, b"[" + b"a." * 100_000, "line 1 is not written", id="a key of 100,000 parts"),
        pytest.param(parse_crates_json, b"[]", "not a JSON object", id="a list"),
        pytest.param(parse_crates_json, b"{}", "no table of installed crates", id="another JSON"),
        pytest.param(parse_binstall, b"hello", "not a list of JSON objects", id="no JSON"),
    ],
)
def test_a_list_is_refused_for(parse: object, data: bytes, message: str) -> None:
    assert callable(parse)
    with pytest.raises(ValueError, match=message):
        parse(data)


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: json.dumps({"installs": {text: {}}}).encode()))
def test_any_bytes_are_a_list_or_a_value_error(data: bytes) -> None:
    for parse in PARSERS:
        try:
            crates = parse(data)
        except ValueError:
            continue
        assert all(crate.name for crate in crates)


def put(machine: MachineFolder, prefix: str, *programs: str) -> None:
    machine.file(f"{prefix}/.crates.toml", TOML)
    machine.file(f"{prefix}/.crates2.json", JSON)
    for program in programs:
        machine.file(f"{prefix}/bin/{program}", b"\x7fELF", 0o755)


@pytest.mark.parametrize(
    ("prefix", "home"),
    [
        ("/home/li/.cargo", "/home/li"),
        ("/home/li/.local/share/mise/installs/cargo-tiny-agent/0.3.1", "/home/li"),
        ("/home/li/.asdf/installs/rust/1.80.0", "/home/li"),
        ("/usr/local", ""),
        ("/usr/local/cargo", ""),
        ("/opt/anywhere", ""),
    ],
)
def test_a_crate_is_found_in(prefix: str, home: str, machine: MachineFolder) -> None:
    put(machine, prefix, "tiny", "tiny-helper")
    found = machine.look("cargo")
    crate, helper = seen(found)
    assert (crate.name, crate.version, crate.purl) == (
        "tiny-agent",
        "0.3.1-beta.2",
        "pkg:cargo/tiny-agent@0.3.1-beta.2",
    )
    assert (crate.face, crate.path, crate.manager, crate.prefix) == (
        Face.PACKAGE,
        f"{prefix}/bin/tiny",
        "cargo",
        prefix,
    )
    assert (crate.home, crate.container_path) == (home, "")
    assert (helper.face, helper.path, helper.container_path) == (
        Face.EXECUTABLE,
        f"{prefix}/bin/tiny-helper",
        crate.path,
    )
    assert found.complete


def test_a_prefix_that_a_path_or_a_process_reveals_is_looked_at(machine: MachineFolder) -> None:
    put(machine, "/srv/tools", "tiny")
    put(machine, "/data/more", "tiny")
    assert seen(machine.look("cargo")) == []
    found = machine.look("cargo", path_folders=["/srv/tools/bin"], hints=["/data/more/bin/tiny"])
    assert [one.prefix for one in seen(found)] == ["/srv/tools", "/data/more"]


def test_a_crate_without_a_program_is_none(machine: MachineFolder) -> None:
    put(machine, "/home/li/.cargo")
    found = machine.look("cargo")
    assert (seen(found), found.complete) == ([], True)


def test_a_broken_list_is_unknown_and_the_other_counts(machine: MachineFolder) -> None:
    put(machine, "/home/li/.cargo", "tiny")
    machine.file("/home/li/.cargo/.crates.toml", b"\x00")
    found = machine.look("cargo")
    assert [one.name for one in seen(found)] == ["tiny-agent"]
    assert unknown(found) == [
        Unknown("/home/li/.cargo/.crates.toml", "line 1 is not written in a way that is read here")
    ]


def test_a_list_that_leads_out_of_the_tree_is_not_followed(machine: MachineFolder, tmp_path: Path) -> None:
    put(machine, "/home/li/.cargo", "tiny")
    for name in (".crates.toml", ".crates2.json"):
        machine.at(f"/home/li/.cargo/{name}").unlink()
        machine.link(f"/home/li/.cargo/{name}", "../../../../../../etc/shadow")
    found = machine.look("cargo")
    assert (seen(found), found.complete) == ([], True)


def test_where_a_crate_will_appear_is_watched(machine: MachineFolder) -> None:
    put(machine, "/home/li/.cargo", "tiny")
    assert machine.look("cargo").watch["cargo"] >= {"/home/li/.cargo", "/home/li/.cargo/bin"}
