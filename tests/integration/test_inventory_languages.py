"""Crates, gems, programs of Go's, profiles of Nix and deno's scripts, made by the tools themselves."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.inventory.interface import Look
from agent.inventory.machine import open_machine
from agent.inventory.runner import look

pytestmark = pytest.mark.managers


class Home:
    """A throw-away machine with one home, in which tools are started."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "home/li"
        self.path.mkdir(parents=True)
        (root / "etc").mkdir()
        (root / "etc/passwd").write_text("li:x:1000:1000::/home/li:/bin/sh\n")

    def run(self, *command: str, cwd: Path | None = None, more: Mapping[str, str] | None = None) -> str:
        """Starts a tool with this home and nothing of ours but PATH."""
        kept = {"PATH": os.environ["PATH"], "HOME": str(self.path), "LANG": "C.UTF-8", **(more or {})}
        done = subprocess.run(
            command, cwd=cwd or self.path, env=kept, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def look(self, *sources: str) -> Look:
        """One look."""
        with open_machine(root=str(self.root)) as machine:
            found = look(machine, sources)
        assert found.complete
        return found


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """One with nothing in it."""
    return Home(tmp_path / "machine")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# ---------------------------------------------------------------------------- cargo
CRATE = """
[package]
name = "tiny-agent"
version = "0.3.1-beta.2"
edition = "2021"
[[bin]]
name = "tiny"
path = "main.rs"
[[bin]]
name = "tiny-helper"
path = "main.rs"
"""


def test_what_cargo_installs_and_uninstalls_is_seen(home: Home, tmp_path: Path) -> None:
    source = tmp_path / "crate"
    write(source / "Cargo.toml", CRATE)
    write(source / "main.rs", "fn main() {}\n")
    tools = {key: os.environ.get(key, str(Path.home() / f".{key[:-5].lower()}")) for key in ("RUSTUP_HOME",)}
    place = ("--root", str(home.path / ".cargo"))
    home.run("cargo", "install", "--debug", "--offline", "--quiet", "--path", str(source), *place, more=tools)
    said = home.run("cargo", "install", "--list", *place, more=tools).split()
    found = home.look("cargo").observations["cargo"]
    assert said[:2] == ["tiny-agent", "v0.3.1-beta.2"]
    assert [(one.name, one.version, one.path) for one in found] == [
        ("tiny-agent", "0.3.1-beta.2", "/home/li/.cargo/bin/tiny"),
        ("tiny-helper", "0.3.1-beta.2", "/home/li/.cargo/bin/tiny-helper"),
    ]
    home.run("cargo", "uninstall", "--quiet", "tiny-agent", *place, more=tools)
    assert home.look("cargo").observations["cargo"] == ()


# ---------------------------------------------------------------------------- gem
GEM = """
Gem::Specification.new do |s|
  s.name = "tiny-gem"
  s.version = "1.2.0.pre1"
  s.summary = "made for a test"
  s.authors = ["Li"]
  s.files = ["bin/tinygem"]
  s.executables = ["tinygem"]
end
"""


def test_what_gem_installs_and_uninstalls_is_seen(home: Home, tmp_path: Path) -> None:
    source = tmp_path / "gem"
    write(source / "tiny.gemspec", GEM)
    write(source / "bin/tinygem", "#!/usr/bin/env ruby\nputs 1\n").chmod(0o755)
    home.run("gem", "build", "tiny.gemspec", cwd=source)
    home.run("gem", "install", "--local", "--user-install", "--no-document", str(source / "tiny-gem-1.2.0.pre1.gem"))
    (found,) = home.look("gem").observations["gem"]
    assert (found.name, found.version) == ("tiny-gem", "1.2.0.pre1")
    assert (home.root / found.path.lstrip("/") / "bin/tinygem").is_file()
    (link,) = found.links
    assert home.run(str(home.root / link.lstrip("/"))) == "1\n"
    home.run("gem", "uninstall", "--user-install", "--executables", "tiny-gem")
    assert home.look("gem").observations["gem"] == ()


@pytest.mark.root
def test_the_gems_of_this_machine_are_those_that_gem_names() -> None:
    said = subprocess.run(["gem", "list", "--local", "--all"], capture_output=True, text=True, check=True).stdout
    theirs: set[tuple[str, str]] = set()
    for line in said.splitlines():
        name, bracket, versions = line.partition(" (")
        if bracket:
            words = versions.rstrip(")").replace("default: ", "").split(", ")
            theirs |= {(name, word.split(" ")[0]) for word in words}
    with open_machine() as machine:
        ours = {(one.name, one.version) for one in look(machine, ("gem",)).observations["gem"]}
    assert theirs - ours == set()
    assert len(theirs) > 20


# ---------------------------------------------------------------------------- go
def proxy(folder: Path, module: str, version: str) -> Path:
    """A module proxy of files with one module in it, as `go help goproxy` describes one."""
    place = folder / module / "@v"
    text = f"module {module}\n\ngo 1.18\n"
    write(place / f"{version}.mod", text)
    write(place / f"{version}.info", json.dumps({"Version": version, "Time": "2026-01-01T00:00:00Z"}))
    write(place / "list", f"{version}\n")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr(f"{module}@{version}/go.mod", text)
        made.writestr(f"{module}@{version}/main.go", "package main\n\nfunc main() {}\n")
    (place / f"{version}.zip").write_bytes(packed.getvalue())
    return folder


def test_what_go_installs_is_seen_with_its_version_and_under_any_name(home: Home, tmp_path: Path) -> None:
    module, version = "example.com/tools/tiny/v2", "v2.1.0-rc.1"
    modules = proxy(tmp_path / "proxy", module, version)
    environment = {
        "GOPROXY": f"file://{modules}",
        "GONOSUMDB": "*",
        "GOFLAGS": "-mod=mod -modcacherw",
        "GOTOOLCHAIN": "local",
    }
    home.run("go", "install", f"{module}@{version}", more=environment)
    (found,) = home.look("go").observations["go"]
    assert (found.name, found.version, found.path) == (module, "2.1.0-rc.1", "/home/li/go/bin/tiny")
    assert found.purl == f"pkg:golang/{module}@{version}"
    (home.path / ".local/bin").mkdir(parents=True)
    (home.path / "go/bin/tiny").rename(home.path / ".local/bin/notes")
    (found,) = home.look("go").observations["go"]
    assert (found.purl, found.path) == (f"pkg:golang/{module}@{version}", "/home/li/.local/bin/notes")


@pytest.mark.parametrize(
    "system", [pytest.param("linux/s390x", marks=pytest.mark.slow), "darwin/arm64", "windows/amd64"]
)
def test_a_program_for_another_system_says_the_same(system: str, home: Home, tmp_path: Path) -> None:
    source = tmp_path / "source"
    write(source / "go.mod", "module example.com/tiny\n\ngo 1.18\n")
    write(source / "main.go", "package main\n\nfunc main() {}\n")
    target = home.path / "go/bin/tiny"
    name, _, processor = system.partition("/")
    home.run(
        "go",
        "build",
        "-ldflags=-s -w",
        "-o",
        str(target),
        ".",
        cwd=source,
        more={"GOOS": name, "GOARCH": processor, "CGO_ENABLED": "0"},
    )
    (found,) = home.look("go").observations["go"]
    said = home.run("go", "version", "-m", str(target)).splitlines()
    assert said[2].split()[:2] == ["mod", found.name]


# ---------------------------------------------------------------------------- nix
PACKAGE = """
derivation {
  name = "claude-code-2.1.197";
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-c" "/bin/mkdir -p $out/bin; echo '#!/bin/sh' > $out/bin/claude; /bin/chmod +x $out/bin/claude" ];
}
"""
IN_ITS_OWN_NIX = """
set -e
mkdir -p /nix
mount --bind "$0" /nix
settings="--option sandbox false --option substitute false --option build-users-group ''"
eval nix-env $settings --install --file "$1" >&2
path=$(eval nix-build $settings --no-out-link "$1")
eval nix --extra-experimental-features nix-command $settings profile install \
    --profile /nix/var/nix/profiles/per-user/root/other "$path" >&2
nix-env --query --out-path --no-name
"""


@pytest.mark.root
def test_what_nix_installs_is_seen(home: Home, tmp_path: Path) -> None:
    (home.root / "nix").mkdir()
    expression = write(tmp_path / "package.nix", PACKAGE)
    made = not Path("/nix").exists()
    try:
        said = home.run(
            "unshare", "--mount", "--propagation", "private", "sh", "-c", IN_ITS_OWN_NIX,
            str(home.root / "nix"), str(expression), more={"USER": "root"},
        )  # fmt: skip
    finally:
        if made and Path("/nix").exists():
            Path("/nix").rmdir()
    (found,) = home.look("nix").observations["nix"]
    assert (found.name, found.version, found.path) == ("claude-code", "2.1.197", said.strip())
    assert found.links == (f"{found.prefix}/bin/claude",)


# ---------------------------------------------------------------------------- deno
@pytest.mark.online
def test_what_deno_installs_and_uninstalls_is_seen(home: Home, tmp_path: Path) -> None:
    settings = Path.home() / ".npmrc"
    if settings.exists():
        write(home.path / ".npmrc", settings.read_text())
    kept = {
        key: value
        for key, value in os.environ.items()
        if key.lower().endswith(("_proxy", "_ca_certs", "_ca_certificates"))
    }
    home.run(
        "npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(tmp_path / "tool"), "deno@2", more=kept
    )
    deno = next((tmp_path / "tool").glob("node_modules/@deno/*/deno"))
    environment = {"DENO_NO_UPDATE_CHECK": "1", **kept}
    home.run(str(deno), "install", "--quiet", "--global", "--allow-all", "npm:cowsay@1.6.0", more=environment)
    found = {one.path: one for one in home.look("deno").observations["deno"]}
    assert found["/home/li/.deno/bin/cowsay"].purl == "pkg:npm/cowsay@1.6.0"
    cached = [one for one in found.values() if "/.cache/deno/npm/" in one.path and one.name == "cowsay"]
    beside = [one for one in home.look("npm").observations["npm"] if one.name == "cowsay"]
    assert {one.version for one in (*cached, *beside)} == {"1.6.0"}
    places = {one.path for one in (*cached, *beside)}
    assert found["/home/li/.deno/bin/cowsay"].container_path in places
    home.run(str(deno), "uninstall", "--quiet", "--global", "cowsay", more=environment)
    left = {one.path for one in home.look("deno").observations["deno"]}
    assert "/home/li/.deno/bin/cowsay" not in left
