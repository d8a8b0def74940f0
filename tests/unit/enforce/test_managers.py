"""What each manager would be asked to do, and how its dry run is read: pure, with the words of the real programs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.enforce.managers import MANAGERS, plan_for
from agent.enforce.managers.interface import NOWHERE, Facts, Keeps
from agent.host.package_tools import EDITORS

HOME = "/home/li"
NPM = Facts("npm", "pkg:npm/%40made/up@1.2.3", f"{HOME}/.n/lib/node_modules/@made/up", f"{HOME}/.n", HOME)
VENV = f"{HOME}/w/.venv"
PIP = Facts("pip", "pkg:pypi/made-up@1.0", f"{VENV}/lib/python3.11/site-packages/made_up-1.0.dist-info", VENV, HOME)
TOOLS = f"{HOME}/.local/share/uv/tools"
UV = PIP._replace(manager="uv", prefix=f"{TOOLS}/made-up")
PIPX = PIP._replace(manager="pipx", prefix=f"{HOME}/.local/share/pipx/venvs/made-up")
APT = Facts("apt", "pkg:deb/debian/made-up@1.2-3?arch=all", "/var/lib/dpkg/info/made-up.list", "/")
RPM = Facts("dnf", "pkg:rpm/fedora/made-up@1.2-3", "/var/lib/rpm/rpmdb.sqlite#made-up", "/")
SNAP = Facts("snap", "pkg:snap/made-up@1", "/snap/made-up/7", "/snap")
FLATPAK = Facts("flatpak", "pkg:flatpak/org.example.MadeUp@1", "/var/lib/flatpak/app/x", "/var/lib/flatpak")
BREW = Facts("brew", "pkg:brew/made-up@1.0", "/opt/homebrew/Cellar/made-up/1.0", "/opt/homebrew")
CARGO = Facts("cargo", "pkg:cargo/made-up@1.0", f"{HOME}/.cargo/bin/made-up", f"{HOME}/.cargo", HOME)
GEM = Facts("gem", "pkg:gem/made-up@1.0", f"{HOME}/.gem/gems/made-up-1.0", f"{HOME}/.gem", HOME)
BUN = NPM._replace(manager="bun", prefix=f"{HOME}/.bun/install/global")
PNPM = NPM._replace(manager="pnpm", prefix=f"{HOME}/.local/share/pnpm/global/5")
YARN = NPM._replace(manager="yarn", prefix=f"{HOME}/.config/yarn/global")
CODE = Facts("code", "", f"{HOME}/.vscode/extensions/made.up-1.0", f"{HOME}/.vscode/extensions", HOME)
CODE = CODE._replace(extension="vscode:made.up")
WINGET = Facts("winget", "pkg:winget/Made.Up@1.0", r"C:\Program Files\MadeUp")
CHOCO = Facts("choco", "pkg:choco/made-up@1.0", r"C:\ProgramData\chocolatey\lib\made-up")
PRODUCT = "{AC76BA86-7AD7-1033-7B44-AC0F074E4100}"
MSI = Facts("msi", "", rf"HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall\{PRODUCT}")
SCOOP = Facts("scoop", "pkg:scoop/made-up@1.0", r"C:\Users\li\scoop\apps\made-up")
RECEIPT = Facts("installer", "pkg:macos-pkg/org.example.made-up@1.0", "/Library/Receipts/x")
ALL = (
    NPM,
    PIP,
    UV,
    PIPX,
    APT,
    RPM,
    SNAP,
    FLATPAK,
    BREW,
    CARGO,
    GEM,
    BUN,
    PNPM,
    YARN,
    CODE,
    WINGET,
    CHOCO,
    MSI,
    RECEIPT,
)


def test_every_manager_has_its_plan() -> None:
    named = {facts.manager for facts in ALL} | {"scoop", "uv-pip"}
    assert named == set(MANAGERS)
    assert plan_for(SCOOP) is None, "its uninstaller is a script that its owner can change"
    assert {plan_for(CODE._replace(manager=name)).tool.name for name in EDITORS} == set(EDITORS)  # type: ignore[union-attr]


@pytest.mark.parametrize("facts", ALL, ids=lambda facts: facts.manager)
def test_a_plan_names_what_is_meant_and_runs_absolute_programs_without_a_shell(facts: Facts) -> None:
    plan = plan_for(facts)
    assert plan is not None
    named = PRODUCT if facts.manager == "msi" else facts.name
    assert any(named in argument for argument in plan.uninstall.arguments)
    commands = [plan.uninstall, *([plan.dry_run] if plan.dry_run else []), *([plan.listing[1]] if plan.listing else [])]
    for command in commands:
        assert 0 < command.seconds <= 900
        assert not {"sh", "-c", "sudo", "purge"} & set(command.arguments)
        if command.environment:
            assert command.environment["HOME"] in (NOWHERE, HOME)
            folders = command.environment["PATH"].split(":")
            assert folders[0].startswith("/usr"), "what the system has comes first"
    assert all(place.startswith(("/", "C:\\")) for place in plan.tool.paths)
    assert plan.undo or plan.keeps is not Keeps.NOTHING, "what is not kept can be had again in another way"


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        pytest.param(NPM, "--ignore-scripts", id="npm without the package's scripts"),
        pytest.param(NPM, f"--userconfig={NOWHERE}/user", id="npm without anybody's settings"),
        pytest.param(BUN, "--ignore-scripts", id="bun without scripts"),
        pytest.param(PNPM, "--ignore-scripts", id="pnpm without scripts"),
        pytest.param(YARN, "--ignore-scripts", id="yarn without scripts"),
        pytest.param(PIP, "--isolated", id="pip without anybody's settings"),
        pytest.param(PIP, "-I", id="python without the user's own modules"),
        pytest.param(UV, "--no-config", id="uv without settings"),
        pytest.param(GEM, "--norc", id="gem without settings"),
        pytest.param(GEM, "--abort-on-dependent", id="gem not where another gem needs it"),
        pytest.param(APT, "APT::Get::AutomaticRemove=false", id="apt without what is no longer needed"),
        pytest.param(FLATPAK, "--no-related", id="flatpak without what is related"),
        pytest.param(WINGET, "--preserve", id="winget without the data"),
        pytest.param(SNAP, "disable", id="snap not at all: its data would go too"),
    ],
)
def test_what_is_switched_off(facts: Facts, wanted: str) -> None:
    plan = plan_for(facts)
    assert plan is not None and wanted in plan.uninstall.arguments


@pytest.mark.parametrize(
    "purl",
    [
        pytest.param("pkg:npm/-rf", id="an option"),
        pytest.param("pkg:npm/%40made/..%2f..", id="a path"),
        pytest.param("pkg:npm/a%0ab", id="a line feed"),
        pytest.param("pkg:npm/%24(id)", id="a command"),
        pytest.param("pkg:npm/*", id="a pattern"),
        pytest.param("pkg:npm/", id="nothing"),
        pytest.param("no purl", id="no purl"),
    ],
)
@pytest.mark.parametrize("manager", sorted(MANAGERS))
def test_a_name_that_is_none_is_no_argument(manager: str, purl: str) -> None:
    assert plan_for(NPM._replace(manager=manager, purl=purl)) is None


@pytest.mark.parametrize(
    ("prefix", "runs"),
    [
        pytest.param(f"{TOOLS}/made-up", "uv", id="the tool's own environment"),
        pytest.param(f"{TOOLS}/another", "python3", id="a dependency in another tool's environment"),
        pytest.param(f"{HOME}/w/.venv", "python3", id="an environment of somebody's own"),
    ],
)
def test_an_environment_goes_as_a_whole_only_for_its_own_tool(prefix: str, runs: str) -> None:
    plan = plan_for(UV._replace(prefix=prefix))
    assert plan is not None
    assert (plan.tool.name, plan.roots) == (runs, (prefix,) if runs == "uv" else ())


def npm_says(*rows: tuple[str, str], key: str = "remove") -> bytes:
    listed = [{"name": name, "version": "1", "path": path} for name, path in rows]
    return json.dumps({"remove": [], "added": 0, key: listed}).encode()


OWN = ("@made/up", NPM.path)
SIMULATED = b"""NOTE: This is only a simulation!
Reading package lists...
The following packages will be REMOVED:
  made-up
0 upgraded, 0 newly installed, 1 to remove and 111 not upgraded.
Remv made-up [1.2-3]
"""


@pytest.mark.parametrize(
    ("facts", "written", "others"),
    [
        pytest.param(NPM, npm_says(OWN), frozenset(), id="npm: just the package"),
        pytest.param(NPM, npm_says(OWN, ("dep", f"{NPM.path}/node_modules/dep")), frozenset(), id="npm: with its own"),
        pytest.param(NPM, npm_says(OWN, ("x", f"{HOME}/.n/lib/node_modules/x")), {"x"}, id="npm: another one too"),
        pytest.param(NPM, npm_says(OWN, key="add"), None, id="npm: it would add it"),
        pytest.param(NPM, npm_says(), None, id="npm: nothing"),
        pytest.param(NPM, b"npm warn x\n" + npm_says(OWN), frozenset(), id="npm: a warning ahead of it"),
        pytest.param(NPM, b"{", None, id="npm: half an answer"),
        pytest.param(NPM, b'{"remove": [1]}', None, id="npm: rows that are none"),
        pytest.param(APT, SIMULATED, frozenset(), id="apt: just the package"),
        pytest.param(APT, SIMULATED + b"Remv needs-it [1]\n", {"needs-it"}, id="apt: what needs it too"),
        pytest.param(APT, SIMULATED + b"Inst instead (1 Debian:12)\n", {"instead"}, id="apt: another one comes"),
        pytest.param(APT, b"E: Unable to locate package made-up\n", None, id="apt: not known"),
        pytest.param(BREW, b"", frozenset(), id="brew: nothing needs it"),
        pytest.param(BREW, b"one\ntwo\n", {"one", "two"}, id="brew: two need it"),
        pytest.param(CHOCO, b"made-up|1.0\n", frozenset(), id="choco: it is there"),
        pytest.param(CHOCO, b"other|1.0\n", None, id="choco: it is not"),
        pytest.param(WINGET, b"Name Id Version\n------\nMade Up Made.Up 1.0\n", frozenset(), id="winget: it is there"),
        pytest.param(WINGET, b"No installed package found.\n", None, id="winget: it is not"),
    ],
)
def test_how_a_dry_run_is_read(facts: Facts, written: bytes, others: frozenset[str] | None) -> None:
    plan = plan_for(facts)
    assert plan is not None and plan.others(written, facts) == others


@given(written=st.binary(max_size=300), facts=st.sampled_from([NPM, APT, BREW, CHOCO, WINGET]))
def test_whatever_a_program_writes_is_an_answer_or_none(written: bytes, facts: Facts) -> None:
    plan = plan_for(facts)
    assert plan is not None
    answer = plan.others(written, facts)
    assert answer is None or isinstance(answer, frozenset)
