"""`interdict inventory`: the JSON is a contract, the exit codes too, a wrong option is one line."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.inventory import SOURCES
from tests.fakes.machine_folder import MachineFolder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and modes are those of POSIX")

CODE = "@anthropic-ai/claude-code"


@pytest.fixture(autouse=True)
def no_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of the machine that runs the tests play no part."""
    monkeypatch.setenv("INTERDICT_SETTINGS", str(tmp_path_factory.mktemp("none") / "settings.toml"))


def run(machine: MachineFolder, *options: str) -> int:
    return main(["inventory", "--root", str(machine.root), *options])


def test_the_json_document(machine: MachineFolder, capsys: pytest.CaptureFixture[str]) -> None:
    machine.npm(f"/usr/lib/node_modules/{CODE}", CODE, "2.1.197")
    machine.dist("/home/li/.venv/lib/python3.12/site-packages", "anthropic", "2.11.0")
    assert run(machine, "--json") == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert err == ""
    assert set(document) == {"schema", "generated_at", "complete", "device", "coverage", "items"}
    assert (document["schema"], document["complete"]) == (1, True)
    assert [row["source"] for row in document["coverage"]] == list(SOURCES)
    assert document["coverage"][list(SOURCES).index("npm")] | {"ms": 0} == {
        "source": "npm",
        "roots": ["/usr/lib/node_modules"],
        "items": 1,
        "unknown": [],
        "ms": 0,
    }
    assert [
        (item["source"], item["purl"], item["name"], item["version"], item["path"]) for item in document["items"]
    ] == [
        ("npm", "pkg:npm/%40anthropic-ai/claude-code@2.1.197", CODE, "2.1.197", f"/usr/lib/node_modules/{CODE}"),
        (
            "pypi",
            "pkg:pypi/anthropic@2.11.0",
            "anthropic",
            "2.11.0",
            "/home/li/.venv/lib/python3.12/site-packages/anthropic-2.11.0.dist-info",
        ),
    ]
    assert {item["owner"] for item in document["items"]} == {"li"}


def test_only_the_named_sources_run(machine: MachineFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(machine, "--json", "--source", "pypi", "--source", "npm") == 0
    assert [row["source"] for row in json.loads(capsys.readouterr().out)["coverage"]] == ["npm", "pypi"]


def test_what_could_not_be_looked_at_is_named_and_counts_when_asked(
    machine: MachineFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(machine.at("/home/li/.npmrc"))
    assert run(machine, "--source", "npm") == 0
    assert "Could not look: npm: /home/li/.npmrc: not a regular file" in capsys.readouterr().out
    assert run(machine, "--source", "npm", "--require-complete", "--json") == 3
    document = json.loads(capsys.readouterr().out)
    assert document["complete"] is False
    assert document["coverage"][0]["unknown"] == [{"where": "/home/li/.npmrc", "reason": "not a regular file"}]


def test_people_get_a_table_and_no_raw_bytes(machine: MachineFolder, capsys: pytest.CaptureFixture[str]) -> None:
    machine.npm(f"/usr/lib/node_modules/{CODE}", CODE, "2.1.197")
    machine.file(f"/usr/lib/node_modules/{os.fsdecode(b'caf' + bytes([0xE9]) + b'[31m')}/package.json", "{")
    assert run(machine, "--source", "npm") == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["SOURCE", "NAME", "VERSION", "OWNER", "PATH"]
    assert f"npm     {CODE}" in out
    assert "caf\\xe9" in out
    assert "npm: 2 items in 1 place," in out
    out.encode("utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--source", "nmp"), f"there is no source 'nmp'. The sources are {', '.join(SOURCES)}."),
        (("--home", "/home/nobody-here"), "/home/nobody-here: no such folder."),
        (("--home", ""), "an empty name: no such folder."),
        (("--surprise",), "unrecognized arguments: --surprise"),
    ],
    ids=["an unknown source", "a home that is not there", "a home without a name", "an unknown option"],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(
    options: tuple[str, ...], message: str, machine: MachineFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(machine, *options) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_a_root_that_is_no_folder_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["inventory", "--root", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err == f"interdict: {tmp_path}/file: no such folder. Name a folder that is there.\n"


def test_a_home_may_be_written_as_the_tree_names_it_or_as_it_stands_here(
    machine: MachineFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.home("wang")
    machine.npm(f"/home/wang/.npm-global/lib/node_modules/{CODE}", CODE, "2.1.197")
    for home in ("/home/wang", str(machine.at("/home/wang"))):
        assert run(machine, "--json", "--home", home) == 0
        assert [item["owner"] for item in json.loads(capsys.readouterr().out)["items"]] == ["li"]
    assert run(machine, "--json", "--home", "/home/li") == 0
    assert json.loads(capsys.readouterr().out)["items"] == []
