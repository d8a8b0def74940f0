"""A machine's tree with something in each of osquery's package tables, made once, under `~/.cache/interdict-bench`.

Packages of npm, PyPI, Debian and RPM are real ones, put there by the managers or copied from this machine (dpkg's own
records). Extensions of editors are packages of npm with a manifest that says so; plugins of JetBrains' IDEs and
extensions of Chrome are written in the layout that these programs leave.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.inventory.developer_home import copy_tree, environment, extensions, node_modules, run, write
from tests.fakes.system_roots import rpm, rpm_package

RPMS, PLUGINS, CHROME = 40, 30, 30
PEOPLE = {"li": 1000, "wang": 1001}
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_FORM = "7"


def machine_tree(say: Callable[[str], None]) -> Path:
    """The tree, made when it is not there yet (a minute, and a network). Raises CannotMeasure."""
    tree = Path.home() / ".cache" / "interdict-bench" / "tree"
    mark = tree / ".made"
    if mark.exists() and mark.read_text(encoding="ascii") == _FORM:
        return tree
    say(f"making a machine's tree in {tree} (once)")
    shutil.rmtree(tree, ignore_errors=True)
    parts = tree.parent / "parts"
    _accounts(tree)
    _npm(tree, node_modules(parts))
    _pypi(tree, environment(parts))
    _deb(tree)
    _rpm(tree, parts)
    for name in PEOPLE:
        _editor(tree / "home" / name, node_modules(parts), name)
        _jetbrains(tree / "home" / name, name)
        _chrome(tree / "home" / name, name)
        run(["chown", "-R", f"{PEOPLE[name]}:{PEOPLE[name]}", os.fspath(tree / "home" / name)], tree)
    write(mark, _FORM)
    return tree


def _accounts(tree: Path) -> None:
    people = "".join(f"{name}:x:{uid}:{uid}::/home/{name}:/bin/bash\n" for name, uid in PEOPLE.items())
    nobody = "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    write(tree / "etc/passwd", "root:x:0:0:root:/root:/bin/bash\n" + nobody + people)
    write(
        tree / "etc/group",
        "root:x:0:\nnogroup:x:65534:\n" + "".join(f"{name}:x:{uid}:\n" for name, uid in PEOPLE.items()),
    )
    shutil.copy("/etc/os-release", tree / "etc/os-release")
    for folder in ("root", "tmp", "dev", "proc", "var/lib"):
        (tree / folder).mkdir(parents=True, exist_ok=True)


def _npm(tree: Path, modules: Path) -> None:
    """A global prefix, one of nvm's and one that a user has chosen."""
    copy_tree(modules, tree / "usr/lib/node_modules")
    copy_tree(modules, tree / "home/li/.nvm/versions/node/v22.11.0/lib/node_modules")
    copy_tree(modules, tree / "home/wang/.npm-global/lib/node_modules")
    copy_tree(modules, tree / "home/li/.local/share/pnpm/global/5/node_modules")  # osquery does not look there
    for place in ("usr", "home/li/.nvm/versions/node/v22.11.0", "home/wang/.npm-global"):
        shutil.rmtree(tree / place / "lib/node_modules/.bin")


def _pypi(tree: Path, made: Path) -> None:
    site = next(made.glob("lib/python*/site-packages"))
    version = site.parent.name
    for place in ("usr/lib/python3", f"usr/local/lib/{version}"):
        copy_tree(site, tree / place / "dist-packages")
    copy_tree(site, tree / f"home/li/.local/lib/{version}/site-packages")
    copy_tree(made, tree / "home/wang/.local/share/pipx/venvs/black")
    copy_tree(made, tree / "home/li/project/.venv")  # nor there


def _deb(tree: Path) -> None:
    (tree / "var/lib/dpkg").mkdir(parents=True)
    shutil.copy("/var/lib/dpkg/status", tree / "var/lib/dpkg/status")
    copy_tree(Path("/var/lib/dpkg/info"), tree / "var/lib/dpkg/info")


def _rpm(tree: Path, parts: Path) -> None:
    """What osquery's own copy of rpm needs of its settings is copied too, with the usual place of the database."""
    copy_tree(Path("/usr/lib/rpm"), tree / "usr/lib/rpm")
    macros = tree / "usr/lib/rpm/macros"
    lines = macros.read_text(encoding="utf-8").splitlines()
    place = "%_dbpath %{_var}/lib/rpm"
    write(macros, "\n".join(place if line.startswith("%_dbpath\t") else line for line in lines) + "\n")
    built = parts / "rpm"
    shutil.rmtree(built, ignore_errors=True)
    built.mkdir(parents=True)
    files = [rpm_package(built, f"part-{at}", f"1.{at}", (f"/opt/part-{at}/bin/run",)) for at in range(RPMS)]
    rpm(tree, "--install", *map(str, files))
    with contextlib.closing(sqlite3.connect(tree / "var/lib/rpm/rpmdb.sqlite")) as database:
        database.execute("PRAGMA journal_mode=DELETE")  # osquery reads it as nobody, who may not write beside it


def _editor(home: Path, modules: Path, name: str) -> None:
    extensions(modules, home / ".qoder/extensions", 5)  # nor there
    place = home / ".vscode/extensions"
    extensions(modules, place, 40)
    rows = []
    for folder in sorted(place.iterdir()):
        manifest = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        identifier = f"{manifest['publisher']}.{manifest['name']}"
        location = {"$mid": 1, "path": f"/home/{name}/.vscode/extensions/{folder.name}", "scheme": "file"}
        rows.append(
            {
                "identifier": {"id": identifier, "uuid": "00000000-0000-4000-8000-000000000000"},
                "version": manifest["version"],
                "location": location,
                "relativeLocation": folder.name,
                "metadata": {"installedTimestamp": 1_790_000_000_000, "source": "gallery", "publisherId": "x"},
            }
        )
    write(place / "extensions.json", json.dumps(rows))


def _jetbrains(home: Path, name: str) -> None:
    for at in range(PLUGINS):
        product = ("IntelliJIdea2026.1", "PyCharm2026.1", "WebStorm2025.3")[at % 3]
        folder = home / ".local/share/JetBrains" / product / f"plugin-{at}" / "lib"
        folder.mkdir(parents=True)
        xml = (
            f"<idea-plugin><id>com.example.{name}.{at}</id><name>Plugin {at}</name><version>1.{at}</version>"
            f"<vendor>Example</vendor></idea-plugin>"
        )
        with zipfile.ZipFile(folder / f"plugin-{at}.jar", "w", zipfile.ZIP_DEFLATED) as jar:
            jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
            for number in range(100):
                jar.writestr(f"com/example/C{number}.class", os.urandom(512))
            jar.writestr("META-INF/plugin.xml", xml)


def _chrome(home: Path, name: str) -> None:
    profile = home / ".config/google-chrome/Default"
    entries = {}
    for at in range(CHROME):
        key = hashlib.sha256(f"{name} {at}".encode()).digest() * 9
        identifier = hashlib.sha256(key).hexdigest()[:32].translate(_LETTERS)
        manifest = {"manifest_version": 3, "name": f"Extension {at}", "version": f"2.{at}"}
        manifest["key"] = base64.b64encode(key).decode()
        write(profile / "Extensions" / identifier / f"2.{at}_0" / "manifest.json", json.dumps(manifest))
        entries[identifier] = {"path": f"{identifier}/2.{at}_0", "state": 1, "from_webstore": True, "location": 1}
    settings = {"profile": {"name": name}, "extensions": {"settings": entries}}
    write(profile / "Preferences", json.dumps(settings))
    write(profile / "Secure Preferences", json.dumps({"extensions": {"settings": entries}}))
