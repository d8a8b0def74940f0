"""`interdict inventory --cyclonedx`: held against the standard's own schema, and no copy, place or gap is lost."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.cli.main import main
from agent.inventory.cyclonedx import cyclonedx
from agent.inventory.interface import Look
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Coverage, Face, Observation, Unknown
from tests.fakes.machine_folder import MachineFolder

CODE = "@anthropic-ai/claude-code"
SCHEMA = JsonStrictValidator(SchemaVersion.V1_6)


def made(*seen: Observation, unknown: tuple[Unknown, ...] = ()) -> dict[str, object]:
    look = Look((Coverage("odd", ("/r",), len(seen), unknown, 1),), {"odd": seen}, {})
    return cyclonedx(look, version="1.0", os="linux", kind="workstation", now=Instant(1_780_000_000))


def refused(document: dict[str, object]) -> object:
    """What the standard says against it; None if nothing."""
    return SCHEMA.validate_str(json.dumps(document))


def rows(document: dict[str, object], part: str = "components") -> list[dict[str, object]]:
    found = document[part]
    assert isinstance(found, list)
    return found


SEEN = {
    "a package": Observation("npm", Face.PACKAGE, "/a", "li", 1, "x", "1.0", "pkg:npm/x@1.0", manager="npm"),
    "an extension": Observation("vscode", Face.EXTENSION, "/e", name="E", extension="vscode:a.e"),
    "an app without a version": Observation("macos-apps", Face.APP, "/A.app", name="A", app="macos:com.a"),
    "a program with a hash": Observation("executables", Face.EXECUTABLE, "/bin/x", sha256="0" * 64),
    "a name with an escape sequence": Observation("npm", Face.PACKAGE, "/a\x1b[2J", name="\x1b[31mred\udcff"),
}


@pytest.mark.parametrize("seen", SEEN.values(), ids=SEEN.keys())
def test_each_kind_of_software_is_a_component_that_the_standard_accepts(seen: Observation) -> None:
    document = made(seen)
    assert refused(document) is None
    (component,) = rows(document)
    assert component["name"]
    assert "\x1b" not in json.dumps(document, ensure_ascii=False)


@pytest.mark.parametrize("face", [Face.SETTING, Face.RESIDUE, Face.PROCESS])
def test_what_is_no_software_is_no_component(face: Face) -> None:
    document = made(Observation("odd", face, "/x", name="x"))
    assert refused(document) is None
    assert rows(document) == []


def test_two_copies_are_one_component_with_two_places() -> None:
    one = SEEN["a package"]
    document = made(one, one._replace(path="/b", owner="wang"))
    assert refused(document) is None
    (component,) = rows(document)
    assert component["evidence"] == {"occurrences": [{"location": "/a"}, {"location": "/b"}]}


@pytest.mark.parametrize(
    ("unknown", "aggregate"),
    [((), "complete"), ((Unknown("/home/wang", "permission denied"),), "incomplete")],
    ids=["everything was looked at", "a home could not be looked at"],
)
def test_a_gap_is_said(unknown: tuple[Unknown, ...], aggregate: str) -> None:
    document = made(SEEN["a package"], unknown=unknown)
    assert refused(document) is None
    (composition,) = rows(document, "compositions")
    assert composition["aggregate"] == aggregate
    assert all(f"odd: {place.where}: {place.reason}" in json.dumps(document["metadata"]) for place in unknown)


text = st.text(max_size=20)
observations = st.builds(
    Observation,
    source=text,
    face=st.sampled_from(Face),
    path=st.text(min_size=1, max_size=20),
    owner=text,
    name=text,
    version=text,
    purl=text,
    extension=text,
    manager=text,
    sha256=st.sampled_from(["", "0" * 64]),
)


@settings(max_examples=40, deadline=None)  # the schema is long
@given(st.lists(observations, max_size=5))
def test_no_name_breaks_the_document(seen: list[Observation]) -> None:
    assert refused(made(*seen)) is None


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes are those of POSIX")
def test_the_command_prints_it(
    machine: MachineFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERDICT_SETTINGS", str(tmp_path / "settings.toml"))
    machine.npm(f"/usr/lib/node_modules/{CODE}", CODE, "2.1.197")
    assert main(["inventory", "--root", str(machine.root), "--cyclonedx"]) == 0
    printed = capsys.readouterr().out
    assert SCHEMA.validate_str(printed) is None
    assert json.loads(printed)["components"][0]["purl"] == "pkg:npm/%40anthropic-ai/claude-code@2.1.197"
