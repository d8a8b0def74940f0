"""Real packages from npm and PyPI, for tests of the `online` tier: installed by the real tools, fetched once.

Everything is kept in `$XDG_CACHE_HOME/interdict-zoo` (else `~/.cache/interdict-zoo` of the account, whatever HOME a
test has set): npm's own cache and pip's, and unpacked archives by their integrity hash. Nothing there is ever changed;
a test that wants to change a file copies it. Registries, certificates and proxies are the account's own settings.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

TIMEOUT = 900


def cache_folder() -> Path:
    """Where everything fetched is kept; outside any throw-away HOME."""
    base = os.environ.get("XDG_CACHE_HOME") or str(_account_home() / ".cache")
    folder = Path(base) / "interdict-zoo"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def npm_global(prefix: Path, *specs: str, scripts: bool = True, parts: bool = True) -> Path:
    """Runs `npm install -g --prefix PREFIX SPEC...`; returns the folder of the global packages.

    Install scripts run with a HOME of their own below the prefix, since some edit `~/.bashrc`. Without `parts` what is
    made for one system only stays out: hundreds of megabytes (`omit=optional` means nothing to a global install).
    """
    home = prefix / ".npm-home"
    home.mkdir(parents=True, exist_ok=True)
    without = [*([] if scripts else ["--ignore-scripts"]), *([] if parts else ["--os=none", "--cpu=none", "--force"])]
    # What the cache knows is not asked for again: a version never changes, and one it does not know is looked up.
    _npm(["install", "-g", "--prefix", str(prefix), "--prefer-offline", *without, *specs], home=home)
    shutil.rmtree(home)
    return prefix / "node_modules" if sys.platform == "win32" else prefix / "lib" / "node_modules"


def npm_local(project: Path, *specs: str) -> Path:
    """Runs `npm install SPEC...` in a project folder; returns its `node_modules`."""
    project.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="interdict-zoo-") as home:
        _npm(["install", "--prefix", str(project), *specs], home=Path(home), folder=project)
    return project / "node_modules"


def together(*jobs: Callable[[], object]) -> None:
    """Runs jobs side by side: an install waits for the network most of its time. Raises what the first one raised."""
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()


def pip_venv(folder: Path, *requirements: str) -> Path:
    """Makes a virtual environment with these packages, nothing of them compiled; returns its Python."""
    _run([sys.executable, "-m", "venv", str(folder)], folder.parent, {})
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if requirements:
        _pip([str(python), "-m", "pip", "install", "--quiet", "--no-compile", *requirements])
    return python


def pip_wheels(python: Path, *requirements: str) -> None:
    """Installs wheels into an environment without their dependencies; nothing is built, so nothing of them is run."""
    fixed = ["--quiet", "--no-deps", "--only-binary=:all:", "--no-compile"]
    _pip([str(python), "-m", "pip", "install", *fixed, *requirements])


def pip_installed(python: Path) -> dict[str, str]:
    """What pip itself says is installed: name in small letters to version."""
    with tempfile.TemporaryDirectory(prefix="interdict-zoo-") as home:
        listed = json.loads(_run([str(python), "-m", "pip", "list", "--format=json"], Path(home), {"HOME": home}))
    return {row["name"].lower(): row["version"] for row in listed}


def npm_installed(prefix: Path) -> dict[str, str]:
    """What npm itself says is installed globally below a prefix: name to version."""
    with tempfile.TemporaryDirectory(prefix="interdict-zoo-") as home:
        arguments = ["ls", "-g", "--depth=0", "--json", "--prefix", str(prefix)]
        listed = json.loads(_npm(arguments, home=Path(home)))
    return {name: facts["version"] for name, facts in listed["dependencies"].items()}


def pip_target(folder: Path, *requirements: str) -> Path:
    """Runs `pip install --target FOLDER` without dependencies; returns the folder."""
    _pip([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *requirements])
    return folder


def package(spec: str) -> Path:
    """The unpacked archive of `NAME@VERSION` (npm) or `NAME==VERSION` (PyPI, a wheel for this machine). Read only.

    A tag such as `NAME@latest` is looked up each time; the archive is fetched when its hash is new.
    """
    return _wheel(spec) if "==" in spec else _tarball(spec)


def npm_version(spec: str) -> str:
    """The version that an npm spec stands for now."""
    return _npm_facts(spec)["version"]


def npm_versions(name: str) -> list[str]:
    """Every version of an npm package that the registry lists."""
    with tempfile.TemporaryDirectory(prefix="interdict-zoo-") as home:
        listed = json.loads(_npm(["view", name, "versions", "--json"], home=Path(home)))
    return [str(version) for version in listed]


@cache
def _npm_facts(spec: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="interdict-zoo-") as home:
        answer = json.loads(
            _npm(["view", spec, "name", "version", "dist.integrity", "--json", "--prefer-online"], home=Path(home))
        )
    if not isinstance(answer, dict):
        raise ValueError(f"{spec} names more than one version: write one, or a tag")
    return {"name": answer["name"], "version": answer["version"], "integrity": answer["dist.integrity"]}


def _tarball(spec: str) -> Path:
    facts = _npm_facts(spec)
    kept = cache_folder() / "npm-unpacked" / hashlib.sha256(facts["integrity"].encode()).hexdigest()[:32]
    if not kept.exists():
        with _beside(kept) as work:
            _npm(["pack", "--silent", f"{facts['name']}@{facts['version']}"], home=work, folder=work)
            (archive,) = work.glob("*.tgz")
            with tarfile.open(archive) as tar:
                tar.extractall(work / "unpacked", filter="data")
            # The one folder in it is named `package` nearly always.
            (root,) = (work / "unpacked").iterdir()
            _settle(root, kept)
    return kept


def _wheel(spec: str) -> Path:
    # A released file of PyPI never changes: name, version and platform say which one it is.
    platform = f"{spec}|{sys.platform}|{os.uname().machine if sys.platform != 'win32' else ''}"
    kept = cache_folder() / "wheels" / hashlib.sha256(platform.encode()).hexdigest()[:32]
    if not kept.exists():
        with _beside(kept) as work:
            _pip(
                [
                    sys.executable,
                    "-m",
                    "pip",
                    "download",
                    "--quiet",
                    "--no-deps",
                    "--only-binary=:all:",
                    "-d",
                    str(work),
                    spec,
                ]
            )
            (archive,) = work.glob("*.whl")
            _unzip(archive, work / "unpacked")
            _settle(work / "unpacked", kept)
    return kept


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as wheel:
        for entry in wheel.infolist():
            made = Path(wheel.extract(entry, folder))
            # extract() forgets the modes, and a program inside must stay one.
            if (mode := entry.external_attr >> 16 & 0o777) and made.is_file():
                made.chmod(mode)


def _beside(kept: Path) -> _Work:
    kept.parent.mkdir(parents=True, exist_ok=True)
    return _Work(prefix="work-", dir=kept.parent)


class _Work(tempfile.TemporaryDirectory[str]):
    def __enter__(self) -> Path:  # type: ignore[override]
        return Path(super().__enter__())


def _settle(made: Path, kept: Path) -> None:
    try:
        made.rename(kept)
    except OSError:
        # Another test process was first: its copy is as good.
        if not kept.exists():
            raise


def _npm(arguments: Sequence[str], *, home: Path, folder: Path | None = None) -> str:
    program = shutil.which("npm")
    if program is None:
        raise FileNotFoundError("npm is not installed: the tier `online` needs node and npm")
    settings = {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "npm_config_cache": str(cache_folder() / "npm"),
        "npm_config_audit": "false",
        "npm_config_fund": "false",
        "npm_config_update_notifier": "false",
        "npm_config_loglevel": "error",
    }
    if not any(name.lower() == "npm_config_userconfig" for name in os.environ):
        settings["npm_config_userconfig"] = str(_account_home() / ".npmrc")
    return _run([program, *arguments], folder or home, settings)


def _pip(command: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="interdict-zoo-") as home:
        _run(command, Path(home), {"HOME": home, "PIP_CACHE_DIR": str(cache_folder() / "pip"), **_pip_settings()})


def _pip_settings() -> Mapping[str, str]:
    home = _account_home()
    files = (home / ".config" / "pip" / "pip.conf", home / ".pip" / "pip.conf", home / "pip" / "pip.ini")
    return next(({"PIP_CONFIG_FILE": str(f)} for f in files if f.is_file() and "PIP_CONFIG_FILE" not in os.environ), {})


def _run(command: Sequence[str], folder: Path, more: Mapping[str, str]) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **more}, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _account_home() -> Path:
    # Not HOME: tests set a throw-away one, and the cache and the registry's settings must outlive it.
    if sys.platform == "win32":
        return Path(os.environ["USERPROFILE"])
    import pwd

    return Path(pwd.getpwuid(os.getuid()).pw_dir)
