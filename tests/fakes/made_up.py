"""A made-up tool as each package manager really installs it, without a network: small, and its program says so."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

NAME, VERSION = "made-up", "1.0.0"
NPM_NAME = "@made/made-up"
SAYS = "made up 1.0.0"
_CLI = f"#!/usr/bin/env node\nconsole.log('{SAYS}')\n"


def run(*command: str | Path, home: Path, **more: str) -> str:
    """Starts something as the real person would, in their home; its words on failure."""
    environment = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **more}
    done = subprocess.run(
        [str(part) for part in command], env=environment, cwd=home, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def npm_archive(folder: Path, **fields: object) -> Path:
    """A package as `npm pack` makes it."""
    manifest = {"name": NPM_NAME, "version": VERSION, "bin": {NAME: "cli.js"}, **fields}
    files = {"package.json": json.dumps(manifest), "cli.js": _CLI, "lib/deep/data.json": "{}"}
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{NAME}.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, text in files.items():
            row = tarfile.TarInfo(f"package/{name}")
            row.size, row.mode, row.mtime = len(text), 0o755 if name == "cli.js" else 0o644, 499162500
            tar.addfile(row, io.BytesIO(text.encode()))
    return archive


def npm_global(home: Path, prefix: Path, **fields: object) -> Path:
    """Installs it by `npm install -g`; answers its package's folder."""
    archive = npm_archive(home / "download", **fields)
    options = ("--offline", "--no-audit", "--no-fund", "--silent")
    run("npm", "install", "-g", *options, "--prefix", prefix, archive, home=home)
    for left in (home / ".npm", home / "download"):
        shutil.rmtree(left, ignore_errors=True)
    return prefix / "lib" / "node_modules" / NPM_NAME


def wheel(folder: Path, more: Mapping[str, str] | None = None) -> Path:
    """A wheel with a program and data."""
    info = f"made_up-{VERSION}.dist-info"
    files = {
        "made_up/__init__.py": f"def main():\n    print('{SAYS}')\n",
        "made_up/data/words.txt": "words\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: made-up\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{NAME} = made_up:main\n",
        **(more or {}),
    }
    rows = [f"{name},sha256={_sha256(text)},{len(text)}\n" for name, text in files.items()]
    files[f"{info}/RECORD"] = "".join(rows) + f"{info}/RECORD,,\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"made_up-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), text)
    return path


def pip_environment(home: Path, folder: Path) -> Path:
    """Installs it by pip into a new environment; answers its `dist-info`."""
    run(sys.executable, "-m", "venv", "--without-pip", folder, home=home)
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "--quiet", "--disable-pip-version-check")
    run(*pip, "install", "--no-index", "--no-cache-dir", wheel(home / "download"), home=home)
    run(folder / "bin" / NAME, home=home)
    shutil.rmtree(home / "download")
    (info,) = folder.glob("lib/python*/site-packages/made_up-*.dist-info")
    return info


def uv_tool(home: Path, uv: Path) -> Path:
    """Installs it by `uv tool install`; answers its `dist-info`."""
    archive = wheel(home / "download")
    options = ("--offline", "--no-config", "--quiet", "--link-mode", "copy", "--no-cache", "--python", sys.executable)
    run(uv, "tool", "install", *options, archive, home=home)
    shutil.rmtree(home / "download")
    (info,) = home.glob(".local/share/uv/tools/made-up/lib/python*/site-packages/made_up-*.dist-info")
    return info


def pipx_tool(home: Path) -> Path:
    """Installs it by pipx; answers its `dist-info`."""
    run("pipx", "install", wheel(home / "download"), home=home)
    shutil.rmtree(home / "download")
    found = [*home.glob(".local/**/venvs/made-up/lib/python*/site-packages/made_up-*.dist-info")]
    return found[0]


def gem(home: Path, gems: Path) -> Path:
    """Builds and installs it by RubyGems; answers the gem's folder."""
    source = home / "download"
    (source / "bin").mkdir(parents=True)
    (source / "bin" / NAME).write_text(f"#!/usr/bin/env ruby\nputs '{SAYS}'\n")
    (source / "bin" / NAME).chmod(0o755)
    fields = {
        "name": NAME,
        "version": VERSION,
        "summary": "made up",
        "license": "MIT",
        "homepage": "https://example.com",
    }
    said = "".join(f"s.{key} = '{value}'\n" for key, value in fields.items())
    lists = f"s.authors = ['x']\ns.files = ['bin/{NAME}']\ns.executables = ['{NAME}']\n"
    (source / "x.gemspec").write_text(f"Gem::Specification.new do |s|\n{said}{lists}end\n")
    subprocess.run(["gem", "build", "--quiet", "x.gemspec"], cwd=source, check=True, capture_output=True)
    options = ("--norc", "--local", "--no-document", "--install-dir", gems)
    run("gem", "install", *options, source / f"{NAME}-{VERSION}.gem", home=home)
    shutil.rmtree(source)
    return gems / "gems" / f"{NAME}-{VERSION}"


def crate(home: Path, prefix: Path) -> Path:
    """Builds and installs it by cargo; answers its program."""
    source = home / "download"
    (source / "src").mkdir(parents=True)
    (source / "Cargo.toml").write_text(f'[package]\nname = "{NAME}"\nversion = "{VERSION}"\nedition = "2021"\n')
    (source / "src" / "main.rs").write_text(f'fn main() {{ println!("{SAYS}"); }}\n')
    own = {name: os.environ[name] for name in ("CARGO_HOME", "RUSTUP_HOME", "PATH") if name in os.environ}
    rust = {"RUSTUP_HOME": str(Path.home() / ".rustup"), "CARGO_HOME": str(Path.home() / ".cargo"), **own}
    run("cargo", "install", "--quiet", "--offline", "--path", source, "--root", prefix, home=home, **rust)
    shutil.rmtree(source)
    return prefix / "bin" / NAME


def _sha256(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
