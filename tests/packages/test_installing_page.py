"""The page about installing, followed by somebody who has nothing else: its lines and commands, in its order.

On a machine with systemd as its first process; the packages come as the page says, once as a file and then from a
signed repository, laid out by the page's own command and served on loopback.
"""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.fakes.built import NEW, OLD, built
from tests.fakes.little_machine import LittleMachine, little_machine
from tests.fakes.packaged import Fleet, blocking, fleet, until
from tests.fakes.running_console import SECRET

pytestmark = [pytest.mark.packages, pytest.mark.root, pytest.mark.slow]
PAGE = (ROOT / "docs/installing.md").read_text(encoding="utf-8")
KEY = "Interdict Test <packages@example.com>"


def section(title: str) -> str:
    """One part of the page."""
    return next(part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE) if part.startswith(title + "\n"))


def blocks(title: str) -> list[str]:
    """The blocks of commands and files of that part, in their order."""
    return re.findall(r"^```\w*\n(.*?)^```", section(title), re.DOTALL | re.MULTILINE)


def test_from_the_page_alone_to_the_first_report_an_upgrade_and_back(tmp_path: Path) -> None:
    with fleet(tmp_path) as servers, little_machine("debian-12") as machine:
        servers.publish(blocking())
        machine.put("/etc/interdict/root.json", servers.repository.trust)
        machine.put("/root/preset.txt", _filled_in(blocks("The preset")[0], servers))
        _install_as_the_page_says(machine)
        until("the console knows the device", lambda: bool(servers.device()), told=machine.journal)
        assert machine.run("interdict", "doctor", check=False).code in (0, 1)
        assert "Policy" in machine.run("interdict", "status").out
        with _repository(tmp_path) as address:
            _add_the_repository(machine, address, tmp_path)
            machine.run("apt-get", "upgrade", "-y", timeout=300)
            assert _version(machine) == NEW
            back = re.search(r"`(apt-get install interdict=[\d.]+)`", section("Upgrade and back"))
            assert back is not None and back[1].endswith(OLD)
            machine.run(*back[1].split(), "-y", "--allow-downgrades", timeout=300)
            assert _version(machine) == OLD
        for command in re.findall(r"`(apt-get (?:remove|purge) interdict)`", section("Removal")):
            machine.run(*command.split(), "-y", timeout=300)
        until("the console was told", lambda: servers.device().get("removed_at") is not None)
        gone = "ls -d /etc/interdict /var/lib/interdict /usr/lib/interdict 2>/dev/null"
        assert machine.run("sh", "-c", gone, check=False).out == ""


def _filled_in(lines: str, servers: Fleet) -> str:
    """The page's answers with the addresses of these servers."""
    found = {
        "https://policy.example.com/interdict/": servers.policy_url,
        "https://interdict.example.com/": servers.console.address,
        "THE-SECRET": SECRET,
    }
    for word, value in found.items():
        assert word in lines
        lines = lines.replace(word, value)
    return lines


def _install_as_the_page_says(machine: LittleMachine) -> None:
    package = built(OLD).deb
    machine.put(f"/root/{package.name}", package.read_bytes())
    command = next(line for line in blocks("Install")[0].splitlines() if "apt-get" in line)
    command = command.replace("interdict_VERSION_amd64.deb", package.name)
    machine.run("sh", "-c", f"cd /root && {command}", timeout=300)


@contextmanager
def _repository(folder: Path) -> Iterator[str]:
    """Laid out by the page's command with a key of its own, and served; its address."""
    home = folder / "gnupg"
    home.mkdir(mode=0o700)
    environment = {**os.environ, "GNUPGHOME": os.fspath(home)}
    words = ["gpg", "--batch", "--passphrase", "", "--quick-generate-key", KEY, "ed25519", "sign", "never"]
    subprocess.run(words, env=environment, check=True, capture_output=True)
    packages = folder / "packages"
    packages.mkdir()
    for version in (OLD, NEW):
        for path in (built(version).deb, built(version).rpm):
            shutil.copy(path, packages)
    (command,) = re.findall(r"`(packaging/repository) KEY`", PAGE)
    places = ["--home", os.fspath(home), "--from", os.fspath(packages), "--into", os.fspath(folder / "repository")]
    words = [sys.executable, os.fspath(ROOT / command), KEY, *places]
    subprocess.run(words, env=environment, check=True, capture_output=True)
    handler = functools.partial(_Quiet, directory=os.fspath(folder / "repository"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        subprocess.run(["gpgconf", "--kill", "all"], env=environment, check=False)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Files, without a line for each."""

    def log_message(self, format: str, *words: object) -> None:
        """Nothing."""


def _add_the_repository(machine: LittleMachine, address: str, folder: Path) -> None:
    machine.put("/usr/share/keyrings/interdict.asc", (folder / "repository/apt/interdict.asc").read_bytes())
    line = next(line for line in blocks("Install")[1].splitlines() if line.startswith("deb "))
    assert "https://packages.example.com" in line
    machine.put("/etc/apt/sources.list.d/interdict.list", line.replace("https://packages.example.com", address) + "\n")
    machine.run("apt-get", "update", timeout=300)


def _version(machine: LittleMachine) -> str:
    return machine.run("dpkg-query", "--show", "--showformat=${Version}", "interdict").out
