"""PyPI: good environments give exact items, spoilt and hostile ones give an Unknown with its reason."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.pypi_formats import (
    Distribution,
    package_purl,
    parse_folder,
    parse_metadata,
    parse_record,
    scripts_of,
)
from policy_schema.rules.identity import parse_purl
from policy_schema.rules.observation import Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and modes are those of POSIX")

SITE = "/usr/lib/python3/dist-packages"
VENV = "/home/li/.virtualenvs/ai"
IN_VENV = f"{VENV}/lib/python3.12/site-packages"


# ---------------------------------------------------------------------------- METADATA
@pytest.mark.parametrize(
    ("sample", "expected"),
    [("METADATA", Distribution("claude-agent-sdk", "0.2.186")), ("PKG-INFO", Distribution("PyYAML", "6.0.1"))],
    ids=["of a wheel, with lines in its text that look like a head", "of an egg"],
)
def test_a_head_says(sample: str, expected: Distribution) -> None:
    assert parse_metadata((SAMPLES / "pypi" / sample).read_bytes()) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Version: 1.0\n",
        b"Name:\n",
        b"Name: ../../etc\n",
        b"\nName: late\n",
        b"Name: " + b"a" * 5000,
        b"\xff\xfe\0",
    ],
    ids=["empty", "no name", "an empty name", "a name that climbs", "a name in the text", "5,000 letters", "no text"],
)
def test_a_head_without_a_name_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no usable name in it"):
        parse_metadata(data)


@pytest.mark.parametrize("version", ["", "1.0 beta", "../x", "1\x1b[0m", "1" * 300])
def test_a_version_that_pip_would_not_take_is_empty(version: str) -> None:
    assert parse_metadata(f"Name: x\nVersion: {version}\n".encode()) == Distribution("x", "")


@given(
    st.binary(max_size=400)
    | st.text(max_size=200).map(lambda text: f"Name: {text}\nVersion: {text}\n".encode("utf-8", "replace"))
)
def test_any_bytes_are_a_distribution_or_a_value_error(data: bytes) -> None:
    try:
        found = parse_metadata(data)
    except ValueError:
        return
    assert parse_purl(package_purl(found.name, found.version)).version == found.version


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("claude_agent_sdk-0.2.186.dist-info", Distribution("claude_agent_sdk", "0.2.186")),
        ("PyYAML-6.0.1-py3.11.egg-info", Distribution("PyYAML", "6.0.1")),
        ("lazr.restfulclient-0.14.5.egg-info", Distribution("lazr.restfulclient", "0.14.5")),
        ("python_apt.egg-info", Distribution("python_apt", "")),
        ("claude_agent_sdk", None),
        ("-1.0.dist-info", None),
    ],
)
def test_a_folder_s_name_says(name: str, expected: Distribution | None) -> None:
    assert parse_folder(name) == expected


def test_a_record_names_the_programs() -> None:
    record = (SAMPLES / "pypi" / "RECORD").read_bytes()
    assert "aider/with, comma.py" in list(parse_record(record))
    assert scripts_of(parse_record(record), IN_VENV) == [f"{VENV}/bin/activate-helper", f"{VENV}/bin/aider"]


@given(st.binary(max_size=400))
def test_any_bytes_are_a_record(data: bytes) -> None:
    assert all(isinstance(path, str) for path in parse_record(data))


# ---------------------------------------------------------------------------- places
PLACES = {
    "the system's packages": ("/usr/lib/python3/dist-packages", "/usr", "pip"),
    "of self-built Python": ("/usr/local/lib/python3.12/site-packages", "/usr/local", "pip"),
    "a Python below /opt": ("/opt/python/lib/python3.12/site-packages", "/opt/python", "pip"),
    "the user's own": ("/home/li/.local/lib/python3.12/site-packages", "/home/li/.local", "pip"),
    "pyenv": ("/home/li/.pyenv/versions/3.12.1/lib/python3.12/site-packages", "/home/li/.pyenv/versions/3.12.1", "pip"),
    "pipx": (
        "/home/li/.local/share/pipx/venvs/x/lib/python3.12/site-packages",
        "/home/li/.local/share/pipx/venvs/x",
        "pipx",
    ),
    "a tool of uv": (
        "/home/li/.local/share/uv/tools/x/lib/python3.12/site-packages",
        "/home/li/.local/share/uv/tools/x",
        "uv",
    ),
    "the cache of uvx": (
        "/home/li/.cache/uv/archive-v0/k3/lib/python3.12/site-packages",
        "/home/li/.cache/uv/archive-v0/k3",
        "",
    ),
    "conda, base": ("/home/li/miniforge3/lib/python3.12/site-packages", "/home/li/miniforge3", "pip"),
    "conda, an environment": (
        "/home/li/miniconda3/envs/ml/lib/python3.12/site-packages",
        "/home/li/miniconda3/envs/ml",
        "pip",
    ),
    "virtualenvwrapper": (IN_VENV, VENV, "pip"),
    "an environment in the home": ("/home/li/.venv/lib/python3.12/site-packages", "/home/li/.venv", "pip"),
    "an environment of a folder in the home": (
        "/home/li/app/venv/lib/python3.12/site-packages",
        "/home/li/app/venv",
        "pip",
    ),
}


@pytest.mark.parametrize("what", PLACES)
def test_a_distribution_is_found_in(what: str, machine: MachineFolder) -> None:
    site, prefix, manager = PLACES[what]
    info = machine.dist(site, "claude-agent-sdk", "0.2.186")
    found = machine.look("pypi")
    (one,) = seen(found)
    assert (one.path, one.name, one.version) == (info, "claude-agent-sdk", "0.2.186")
    assert one.purl == "pkg:pypi/claude-agent-sdk@0.2.186"
    assert (one.prefix, one.manager, one.project) == (prefix, manager, False)
    assert site in found.coverage[0].roots
    assert found.complete


@pytest.mark.parametrize(
    ("venv", "project"),
    [("/home/li/app/.venv", True), ("/srv/code/group/app/.venv", True), ("/home/li/.venv", False)],
    ids=["with a manifest beside: a project", "in a configured root: a project", "in the home itself: none"],
)
def test_environments_of_projects(venv: str, project: bool, machine: MachineFolder) -> None:
    machine.dist(f"{venv}/lib/python3.12/site-packages", "anthropic", "2.11.0")
    machine.file(f"{os.path.dirname(venv)}/pyproject.toml")
    (one,) = seen(machine.look("pypi", project_roots=["/srv/code"] if venv.startswith("/srv") else []))
    assert one.project is project


@pytest.mark.parametrize(
    "given",
    [
        {"path_folders": ["/data/env/bin"]},
        {"hints": ["/data/env/bin/python3.12"]},
        {"hints": ["/data/env/lib/python3.12/site-packages/x/__main__.py"]},
    ],
    ids=["a folder of programs", "a running interpreter", "a running module"],
)
def test_an_unusual_environment_is_revealed_by(given: dict[str, list[str]], machine: MachineFolder) -> None:
    machine.at("/data/env/bin").mkdir(parents=True)
    machine.dist("/data/env/lib/python3.12/site-packages", "anthropic", "2.11.0")
    (one,) = seen(machine.look("pypi", **given))  # type: ignore[arg-type]  # each row gives texts for the option that it names
    assert (one.name, one.prefix) == ("anthropic", "/data/env")


def test_the_programs_of_a_distribution_are_its_links(machine: MachineFolder) -> None:
    machine.dist(
        IN_VENV, "aider-chat", "0.86.2", record=["../../../bin/aider", "../../../bin/gone", "aider/__init__.py"]
    )
    machine.file(f"{VENV}/bin/aider", "#!python\n", 0o755)
    (one,) = seen(machine.look("pypi"))
    assert one.links == (f"{VENV}/bin/aider",)


@pytest.mark.parametrize(
    ("installer", "manager"),
    [("pip", "pip"), ("uv", "uv-pip"), ("conda", "conda"), ("debian", ""), ("rm -rf /", "")],
)
def test_the_installer_says_who_can_uninstall(installer: str, manager: str, machine: MachineFolder) -> None:
    machine.dist(SITE, "x", "1.0", installer=installer)
    assert seen(machine.look("pypi"))[0].manager == manager


def test_eggs_are_distributions_too(machine: MachineFolder) -> None:
    machine.file(f"{SITE}/PyYAML-6.0.1.egg-info/PKG-INFO", (SAMPLES / "pypi" / "PKG-INFO").read_bytes())
    machine.file(f"{SITE}/six-1.16.0-py3.11.egg-info", "Name: six\nVersion: 1.16.0\n")
    assert [(one.name, one.version) for one in seen(machine.look("pypi"))] == [("PyYAML", "6.0.1"), ("six", "1.16.0")]


# ---------------------------------------------------------------------------- spoilt and hostile
SPOILT: dict[str, tuple[Callable[[MachineFolder, str], object], str]] = {
    "no head": (lambda m, path: m.file(path, "garbage"), "no usable name in it"),
    "a pipe that nobody writes to": (
        lambda m, path: (m.at(path).unlink(), os.mkfifo(m.at(path))),
        "not a regular file",
    ),
    "a folder": (lambda m, path: (m.at(path).unlink(), m.at(path).mkdir()), "not a regular file"),
    "deleted": (lambda m, path: m.at(path).unlink(), "no such file or directory"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_distribution_is_called_as_its_folder_is_when_its_metadata_is(what: str, machine: MachineFolder) -> None:
    make, reason = SPOILT[what]
    info = machine.dist(SITE, "claude-agent-sdk", "0.2.186")
    make(machine, f"{info}/METADATA")
    found = machine.look("pypi")
    assert [one.purl for one in seen(found)] == ["pkg:pypi/claude-agent-sdk@0.2.186"]
    assert unknown(found) == [Unknown(f"{info}/METADATA", reason)]


def test_metadata_of_a_terabyte_costs_its_head(machine: MachineFolder) -> None:
    info = machine.dist(SITE, "anthropic", "2.11.0")
    os.truncate(machine.at(f"{info}/METADATA"), 1 << 40)
    os.truncate(machine.at(f"{info}/RECORD"), 1 << 40)
    found = machine.look("pypi")
    assert [(one.name, one.links) for one in seen(found)] == [("anthropic", ())]
    assert found.complete


def test_a_leftover_folder_and_links_out_of_the_tree_are_nothing(machine: MachineFolder) -> None:
    machine.at(f"{SITE}/left-1.0.dist-info").mkdir(parents=True)
    machine.link(f"{SITE}/void-1.0.dist-info", "/nowhere")
    machine.link("/home/li/.virtualenvs/loop", "loop")
    machine.link("/home/li/.virtualenvs/out", "../../../../../../../../usr/nothing-here")
    found = machine.look("pypi")
    assert seen(found) == []
    assert unknown(found) == [Unknown("/home/li/.virtualenvs/loop", "more than 40 links on the way")]
