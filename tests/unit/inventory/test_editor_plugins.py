"""Zed and Vim, native messaging hosts, residue: what each is found by, and what it is not."""

from __future__ import annotations

import json
import os
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.inventory import native_hosts, vim, zed
from agent.inventory.interface import Wanted
from agent.inventory.native_hosts import parse_host
from agent.inventory.zed import Extension, parse_index, parse_manifest
from policy_schema.rules.observation import Face
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and modes are those of POSIX")

ZED = "/home/li/.local/share/zed/extensions"
HOST = "com.anthropic.claude_code_browser_extension"


def sample(source: str, name: str) -> bytes:
    return (SAMPLES / source / name).read_bytes()


def _placed(place: str, number: int) -> str:
    return f"/home/li/{place[2:]}".replace("*", f"n{number}") if place.startswith("~/") else place.replace("*", "n0")


# ---------------------------------------------------------------------------- Zed
@pytest.mark.parametrize("place", zed.OF_USERS)
def test_an_extension_of_zed_is_found_in(place: str, machine: MachineFolder) -> None:
    folder = _placed(place, 0)
    machine.file(f"{folder}/acme-bot/extension.wasm", b"\0asm")
    machine.file(f"{folder.removesuffix('/installed')}/index.json", sample("zed", "index.json"))
    (one,) = seen(machine.look("zed"))
    assert (one.face, one.extension, one.name, one.version) == (Face.EXTENSION, "zed:acme-bot", "Acme Bot", "1.4.0")
    assert (one.path, one.prefix, one.project) == (f"{folder}/acme-bot", folder, False)


def test_one_that_the_index_does_not_know_yet_is_read_itself(machine: MachineFolder) -> None:
    machine.file(f"{ZED}/index.json", sample("zed", "index.json"))
    machine.file(f"{ZED}/installed/late-one/extension.toml", sample("zed", "extension.toml"))
    (one,) = seen(machine.look("zed"))
    assert (one.extension, one.name, one.version) == ("zed:late-one", "Late One", "0.0.7")


def test_one_in_development_is_a_project_of_somebody(machine: MachineFolder) -> None:
    machine.file("/home/li/work/mine/extension.toml", 'id = "mine"\nversion = "1"\n')
    machine.link(f"{ZED}/installed/mine", "/home/li/work/mine")
    (one,) = seen(machine.look("zed"))
    assert (one.extension, one.path, one.project) == ("zed:mine", "/home/li/work/mine", True)


def test_a_broken_index_hides_no_extension(machine: MachineFolder) -> None:
    machine.file(f"{ZED}/index.json", sample("zed", "broken.json"))
    machine.file(f"{ZED}/installed/late-one/extension.toml", sample("zed", "extension.toml"))
    machine.file(f"{ZED}/installed/no-file", b"")
    found = machine.look("zed")
    assert [one.extension for one in seen(found)] == ["zed:late-one"]
    assert [place.where for place in unknown(found)] == [f"{ZED}/index.json"]


INDICES = {
    "no object": (b"[]", "not a JSON object"),
    "no list of extensions": (b'{"extensions": []}', "lists no extensions"),
    "nested 100,000 deep": (b'{"extensions": ' * 100_000, "nested too deeply"),
}


@pytest.mark.parametrize(("data", "message"), INDICES.values(), ids=INDICES.keys())
def test_an_index_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_index(data)


def test_rows_of_an_index_that_are_none_are_passed_over() -> None:
    rows = {"a": 1, "b": {}, "c": {"manifest": {"name": 7, "version": "\x1b[0m"}}}
    assert parse_index(json.dumps({"extensions": rows}).encode()) == {"c": Extension("", "")}


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_an_index_a_manifest_a_host_or_refused(data: bytes) -> None:
    for parse in (parse_index, parse_manifest, parse_host):
        try:
            parse(data)
        except ValueError as error:
            assert str(error)


# ---------------------------------------------------------------------------- Vim
@pytest.mark.parametrize("place", [*vim.OF_USERS, *vim.SYSTEM])
def test_a_plugin_of_vim_is_found_in(place: str, machine: MachineFolder) -> None:
    folder = _placed(place, 0).replace("@n0", "@acme")
    machine.file(f"{folder}/Copilot.VIM/plugin/copilot.vim", "let x = 1\n")
    (one,) = seen(machine.look("vim"))
    assert (one.face, one.extension, one.name) == (Face.EXTENSION, "vim:copilot.vim", "Copilot.VIM")
    assert (one.path, one.prefix) == (f"{folder}/Copilot.VIM", folder)
    assert one.home == ("/home/li" if place.startswith("~/") else "")


def test_a_plugin_is_a_folder(machine: MachineFolder) -> None:
    place = "/home/li/.vim/pack/x/start"
    machine.file(f"{place}/README.md", b"")
    machine.file(f"{place}/.git/HEAD", b"")
    machine.link(f"{place}/void", "/nowhere")
    if sys.platform != "win32":
        os.mkfifo(machine.at(f"{place}/pipe"))
    assert seen(machine.look("vim")) == []


def test_a_plugin_that_is_linked_is_a_project_of_somebody(machine: MachineFolder) -> None:
    machine.file("/home/li/work/claude.nvim/lua/x.lua", b"")
    machine.link("/home/li/.local/share/nvim/lazy/claude.nvim", "/home/li/work/claude.nvim")
    (one,) = seen(machine.look("vim"))
    assert (one.extension, one.path, one.project) == ("vim:claude.nvim", "/home/li/work/claude.nvim", True)


def test_a_plugin_whose_name_is_no_text_is_found(machine: MachineFolder) -> None:
    os.makedirs(os.fsencode(machine.at("/home/li/.vim/plugged")) + b"/odd\xff\x1b")
    (one,) = seen(machine.look("vim"))
    assert one.extension == "vim:odd\udcff\x1b"


# ---------------------------------------------------------------------------- native messaging hosts
@pytest.mark.parametrize("place", [*native_hosts.OF_USERS, *native_hosts.SYSTEM])
def test_a_native_messaging_host_is_found_in(place: str, machine: MachineFolder) -> None:
    path = f"{_placed(place, 0)}/{HOST}.json"
    machine.file(path, sample("native-hosts", f"{HOST}.json"))
    (one,) = seen(machine.look("native-hosts"))
    assert (one.face, one.extension, one.name, one.path) == (Face.EXTENSION, f"native_host:{HOST}", HOST, path)


HOSTS = {
    "a manifest": (sample("native-hosts", f"{HOST}.json"), HOST),
    "half a manifest": (sample("native-hosts", "broken.json"), "not JSON"),
    "a name that is a path": (sample("native-hosts", "hostile.json"), "names no native messaging host"),
    "no name": (b"{}", "names no native messaging host"),
    "a name of a thousand letters": (json.dumps({"name": "a" * 1000}).encode(), "names no native messaging host"),
}


@pytest.mark.parametrize(("data", "expected"), HOSTS.values(), ids=HOSTS.keys())
def test_a_manifest_names_its_host_or_is_refused(data: bytes, expected: str) -> None:
    try:
        assert parse_host(data) == expected
    except ValueError as error:
        assert expected in str(error)


def test_a_host_whose_manifest_cannot_be_read_is_called_as_its_file(machine: MachineFolder) -> None:
    place = "/home/li/.config/google-chrome/NativeMessagingHosts"
    machine.file(f"{place}/com.acme.bot.json", sample("native-hosts", "broken.json"))
    machine.file(f"{place}/not a host.json", b"{")
    machine.file(f"{place}/readme.txt", b"")
    found = machine.look("native-hosts")
    assert [one.extension for one in seen(found)] == ["native_host:com.acme.bot"]
    assert {place.where.rpartition("/")[2] for place in unknown(found)} == {"com.acme.bot.json", "not a host.json"}


# ---------------------------------------------------------------------------- residue
WANTED = Wanted(residue=("~/.claude.json", "~/.claude", "/var/lib/acme"))


def test_what_the_policy_names_is_found_and_nothing_is_opened(machine: MachineFolder) -> None:
    machine.home("zo")
    machine.file("/home/li/.claude.json", b"\0" * 10, mode=0)
    machine.file("/home/zo/.claude/x", b"")
    machine.file("/var/lib/acme/x", b"")
    machine.file("/home/li/.claudette", b"")
    found = machine.look("residue", wanted=WANTED)
    assert [(one.name, one.path, one.face, one.home) for one in seen(found)] == [
        ("~/.claude.json", "/home/li/.claude.json", Face.RESIDUE, "/home/li"),
        ("~/.claude", "/home/zo/.claude", Face.RESIDUE, "/home/zo"),
        ("/var/lib/acme", "/var/lib/acme", Face.RESIDUE, ""),
    ]
    assert unknown(found) == []


def test_residue_that_is_a_link_is_the_link(machine: MachineFolder) -> None:
    machine.link("/home/li/.claude.json", "/etc/shadow")
    assert [one.path for one in seen(machine.look("residue", wanted=WANTED))] == ["/home/li/.claude.json"]


def test_with_no_policy_there_is_no_residue(machine: MachineFolder) -> None:
    machine.file("/home/li/.claude.json", b"{}")
    assert seen(machine.look("residue")) == []


def test_a_trial_looks_at_homes_only(machine: MachineFolder) -> None:
    machine.file("/var/lib/acme/x", b"")
    assert seen(machine.look("residue", "native-hosts", "vim", wanted=WANTED, system=False)) == []
