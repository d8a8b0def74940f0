"""The console's container, built by its own file on a Debian of ours, then run as its own user.

The base is made by debootstrap, since the usual one comes from a registry; libraries are fetched here, with their sums.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.fakes.little_machine import files_of

pytestmark = [pytest.mark.packages, pytest.mark.managers, pytest.mark.root, pytest.mark.online, pytest.mark.slow]
FILE = ROOT / "packaging/console/Containerfile"
LOOK = """
import sqlite3, subprocess, sys, urllib.request
words = ["interdict-console", "serve", "--data", "/data", "--host", "127.0.0.1", "--port", "18443", "--behind-tls"]
with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as served:
    print(served.stdout.readline().strip())
    print(urllib.request.urlopen("http://127.0.0.1:18443/login").status)
    served.terminate()
"""


class Builder:
    """buildah with a store of its own."""

    def __init__(self, folder: Path) -> None:
        self.words = ["buildah", "--root", folder / "root", "--runroot", folder / "run", "--storage-driver", "vfs"]

    def __call__(self, *words: str | Path) -> str:
        """Runs a command of it; what it printed."""
        environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        done = subprocess.run([*self.words, *words], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout.strip()


@pytest.fixture
def buildah(tmp_path: Path) -> Iterator[Builder]:
    """With a base image that has Python, as `python:3.13-slim` has."""
    builder = Builder(tmp_path / "store")
    made = builder("from", "scratch")
    builder("copy", "-q", made, files_of("debian-12"), "/")
    install = "apt-get update -qq && apt-get install -qq -y --no-install-recommends python3-venv"
    builder("run", made, "--", "sh", "-c", f"{install} && ln -s python3 /usr/bin/python")
    builder("commit", "-q", "--rm", made, "localhost/base")
    yield builder
    builder("rmi", "--all", "--force")


def test_it_is_built_and_serves_as_a_user_of_its_own(buildah: Builder, tmp_path: Path) -> None:
    context = tmp_path / "context"
    (context / "requirements").mkdir(parents=True)
    shutil.copy(ROOT / "requirements/console.lock", context / "requirements")
    wheel = [sys.executable, ROOT / "packaging/build", "wheel", "--out", context / "dist"]
    subprocess.run(wheel, check=True, capture_output=True)
    fetch = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--require-hashes",
        "-r",
        ROOT / "requirements/console.lock",
    ]
    for_debian = ["--only-binary=:all:", "--python-version=3.11", "--no-deps", "-d", tmp_path / "wheels"]
    subprocess.run([*fetch, *for_debian], check=True, capture_output=True)

    (tmp_path / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    mounts = ["-v", f"{tmp_path / 'wheels'}:/wheels:ro", "-v", f"{tmp_path / 'pip.conf'}:/etc/pip.conf:ro"]
    buildah("build", *mounts, "--build-arg", "PYTHON=localhost/base", "-f", FILE, "-t", "console", context)

    shown = buildah("inspect", "--type", "image", "--format", "{{.OCIv1.Config.User}} {{.OCIv1.Config.Cmd}}", "console")
    arguments = re.findall(r'"([^"]+)"', FILE.read_text(encoding="utf-8").rpartition("CMD ")[2])
    assert shown == f"interdict [{' '.join(arguments)}]"
    container = buildah("from", "console")
    said = buildah("run", "--user", "interdict", container, "--", "/opt/interdict/bin/python", "-c", LOOK)
    assert said.splitlines()[-1] == "200"
    assert "18443" in said
    owners = buildah("run", container, "--", "stat", "-c", "%U %a", "/data", "/opt/interdict/bin/interdict-console")
    assert owners.splitlines() == ["interdict 700", "root 755"], "what serves cannot change itself"
