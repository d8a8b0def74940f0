"""What `packaging/build` makes for which system: MSIs of what was frozen elsewhere, a Mac's processors, the recipe."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PyInstaller.building import api

pytestmark = pytest.mark.packages
ROOT = Path(__file__).parents[2]
X86, ARM, POWER = 0x01000007, 0x0100000C, 0x01000012
THIN = b"\xcf\xfa\xed\xfe"


@pytest.fixture(scope="module", autouse=True)
def making() -> Iterator[None]:
    """The folder of the packagers is no package: it is found as `packaging/build` finds it."""
    sys.path.insert(0, str(ROOT / "packaging"))
    yield
    sys.path.remove(str(ROOT / "packaging"))


def thin(kind: int) -> bytes:
    """The head of a program for one processor."""
    return THIN + struct.pack("<I", kind) + bytes(24)


def fat(*kinds: int) -> bytes:
    """The head of a program for several."""
    rows = b"".join(struct.pack(">5I", kind, 0, 4096, 100, 12) for kind in kinds)
    return b"\xca\xfe\xba\xbe" + struct.pack(">I", len(kinds)) + rows


def build(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs `packaging/build`."""
    command = [sys.executable, ROOT / "packaging/build", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("files", "system"),
    [
        (("interdict", "interdict-gate"), "linux"),
        (("interdict",), "darwin"),
        (("interdict.exe",), "win32"),
        (("interdict-gate",), ""),
        ((), ""),
    ],
    ids=[
        "two programs are Linux'",
        "one alone is a Mac's",
        "an exe is Windows'",
        "a gate alone is none",
        "an empty one",
    ],
)
def test_a_frozen_agent_tells_which_system_it_is_for(tmp_path: Path, files: tuple[str, ...], system: str) -> None:
    from making.frozen import system_of  # type: ignore[import-not-found]  # see above

    for name in files:
        (tmp_path / name).touch()
    assert system_of(tmp_path) == system


def test_an_msi_is_built_and_signed_here_of_what_was_frozen_on_windows(tmp_path: Path) -> None:
    (tmp_path / "payload/lib").mkdir(parents=True)
    (tmp_path / "payload/interdict.exe").write_bytes(b"MZ")
    (tmp_path / "payload/lib/python313.dll").write_bytes(b"MZ library")
    subject, days = ["-subj", "/CN=Example Group"], ["-days", "2", "-addext", "extendedKeyUsage=codeSigning"]
    files = ["-keyout", tmp_path / "key.pem", "-out", tmp_path / "certificate.pem"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *days, *files]
    subprocess.run(made, check=True, capture_output=True)
    (tmp_path / "password").write_text("a pass phrase")
    both = ["-inkey", tmp_path / "key.pem", "-in", tmp_path / "certificate.pem", "-out", tmp_path / "key.p12"]
    subprocess.run(["openssl", "pkcs12", "-export", *both, "-passout", f"file:{tmp_path / 'password'}"], check=True)

    key = ["--key", tmp_path / "key.p12", "--password-file", tmp_path / "password"]
    done = build("msi", "--payload", tmp_path / "payload", "--out", tmp_path / "out", "--version", "1.2.3", *key)

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("  interdict-1.2.3.msi\n")
    installer = tmp_path / "out/interdict-1.2.3.msi"
    words = ["osslsigncode", "verify", "-CAfile", tmp_path / "certificate.pem", "-in", installer]
    assert "Example Group" in subprocess.run(words, capture_output=True, text=True, check=True).stdout
    listed = subprocess.run(["msiextract", "-l", installer], capture_output=True, text=True, check=True).stdout
    assert {line.rpartition("/")[2] for line in listed.splitlines()} == {"interdict.exe", "python313.dll"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("msi",), "needs an agent that was frozen on Windows (--payload FOLDER)"),
        (("deb", "--payload", "."), "needs an agent that was frozen on Linux (--payload FOLDER)"),
        (("pkg",), "needs pkgbuild, productbuild"),
    ],
    ids=["an MSI without an agent", "a deb of what is none", "a pkg on Linux"],
)
def test_what_cannot_be_built_is_said(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = build(*words, "--out", tmp_path)
    assert (done.returncode, done.stdout) == (1, f"left out: {words[0]}: {said}\n")


def test_a_wrong_password_is_said_in_one_line_and_leaves_no_installer(tmp_path: Path) -> None:
    (tmp_path / "interdict.exe").write_bytes(b"MZ")
    (tmp_path / "key.p12").write_bytes(b"no key")
    (tmp_path / "password").write_text("x")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/interdict-1.2.3.msi").write_bytes(b"of an earlier build")
    key = ["--key", tmp_path / "key.p12", "--password-file", tmp_path / "password"]
    done = build("msi", "--payload", tmp_path, "--out", tmp_path / "out", "--version", "1.2.3", *key)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith("build: osslsigncode ended with ")
    assert not (tmp_path / "out/interdict-1.2.3.msi").exists()


def test_half_a_key_is_none() -> None:
    done = build("msi", "--key", "key.p12")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        "build: error: --key and --password-file go together",
    )


class TestProcessors:
    @pytest.mark.parametrize(
        ("head", "named"),
        [
            (thin(ARM), ("arm64",)),
            (thin(X86), ("x86_64",)),
            (fat(X86, ARM), ("arm64", "x86_64")),
        ],
        ids=["Apple's", "Intel's", "both"],
    )
    def test_the_product_is_for_those_that_the_program_runs_on(
        self, tmp_path: Path, head: bytes, named: tuple[str, ...]
    ) -> None:
        from making.pkg import write_distribution  # type: ignore[import-not-found]  # see above

        (tmp_path / "interdict").write_bytes(head)
        described = write_distribution(tmp_path / "interdict", tmp_path / "work/distribution.xml")
        (options,) = ElementTree.parse(described).getroot().iter("options")
        assert options.attrib["hostArchitectures"] == ",".join(named)

    @given(st.binary(max_size=300) | st.binary(max_size=40).map(THIN.__add__) | st.builds(fat, st.just(POWER)))
    def test_any_other_bytes_are_refused_in_one_sentence(self, tmp_path_factory: Any, head: bytes) -> None:
        from making.pkg import architectures_of

        program = tmp_path_factory.getbasetemp() / "program"
        program.write_bytes(head)
        try:
            assert set(architectures_of(program)) <= {"arm64", "x86_64"}
        except ValueError as error:
            assert str(error) == f"{program}: not a program for a Mac"


class Recipe:
    """What the recipe asks PyInstaller for, written down instead of done."""

    def __init__(self, system: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.analysed: list[str] = []
        self.programs: list[dict[str, Any]] = []
        self.collected: dict[str, Any] = {}
        self.hidden: set[str] = set()
        monkeypatch.setenv("INTERDICT_SOURCE", str(ROOT))
        monkeypatch.setattr(sys, "platform", system)
        monkeypatch.setattr("PyInstaller.utils.hooks.collect_submodules", lambda package: [f"{package}.*"])
        monkeypatch.setattr(api, "get_bootstrap_modules", api.get_bootstrap_modules)  # the recipe puts its own there
        words = {"Analysis": self._analysis, "EXE": self._program, "COLLECT": self._collect, "PYZ": list}
        exec((ROOT / "packaging/frozen/interdict.spec").read_text(encoding="utf-8"), {**words})

    def _analysis(self, scripts: list[str], **more: Any) -> Any:
        self.analysed.append(str(Path(scripts[0]).relative_to(ROOT)))
        self.hidden.update(more["hiddenimports"])
        return type("Analysis", (), {"pure": [], "scripts": [], "binaries": [], "datas": []})

    def _program(self, *parts: Any, **more: Any) -> Any:
        self.programs.append(more)
        return []

    def _collect(self, *parts: Any, **more: Any) -> None:
        self.collected = more


@pytest.mark.parametrize(
    ("system", "programs", "shows"),
    [
        ("linux", ["interdict", "interdict-gate"], {"desktop_notifier.*"}),
        ("win32", ["interdict"], {"desktop_notifier.*", "winrt.*"}),
        ("darwin", ["interdict"], {"desktop_notifier.*", "rubicon.*"}),
    ],
)
def test_the_recipe_asks_for_what_each_system_has(
    system: str, programs: list[str], shows: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(system, monkeypatch)
    assert [row["name"] for row in recipe.programs] == programs
    assert len(recipe.analysed) == len(programs)
    assert {row["strip"] for row in [*recipe.programs, recipe.collected]} == {system == "linux"}
    assert {row["hide_console"] for row in recipe.programs} == {"hide-early" if system == "win32" else None}
    assert {name for name in recipe.hidden if name.endswith(".*")} == shows
    assert {"agent.host.registry", "agent.host.windows_service", "agent.__main__"} <= recipe.hidden
