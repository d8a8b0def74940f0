"""Bad input, for all three commands as they are typed: one line on stderr that says where and what to do, exit code 2,
nothing on stdout, no traceback."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import update

from agent.cli.main import COMMANDS as AGENT_COMMANDS
from agent.cli.main import main as agent_main
from console.cli import main as console_main
from console.store.tables import enrolment_secret
from policy_schema.rules.instant import Instant
from tests.fakes.other_person import UID, person
from tests.fakes.policies import ban, closed
from tests.fakes.policy_server import PolicyRepository, encode
from tests.fakes.running_console import SECRET, running

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "examples" / "claude-code-ban" / "policy.yaml"
COMMANDS = {
    "interdict": [sys.executable, "-m", "agent"],
    "interdict-policy": [sys.executable, "-m", "policy_schema.authoring.cli.main"],
    "interdict-console": [sys.executable, "-m", "console.cli"],
}
BIG = 100 << 20
# What somebody else runs in a process that began as ours is loaded before.
for module in (*AGENT_COMMANDS.values(), "console.commands"):
    importlib.import_module(module)

Prepare = Callable[[Path], list[str]]
"""Makes what is wrong in a folder; answers with the arguments."""


class Case(NamedTuple):
    """What is typed, and what the one line must name: where it is and what to do."""

    prepare: Prepare
    says: tuple[str, ...]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter: some cases are somebody else's."""
    with tempfile.TemporaryDirectory(prefix="interdict-bad-input-") as name:
        made = Path(name).resolve()
        made.chmod(0o755)
        yield made


def typed(command: str, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "INTERDICT_SETTINGS": "/nonexistent/settings.toml", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*COMMANDS[command], *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def assert_one_line(done: subprocess.CompletedProcess[str], command: str, says: tuple[str, ...], folder: Path) -> None:
    assert "Traceback" not in done.stderr
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith(f"{command}: ") and done.stderr.endswith("\n"), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    for text in says:
        assert text.replace("FOLDER", str(folder)) in done.stderr, done.stderr


def settings(folder: Path, text: str = "", mode: int = 0o644) -> str:
    """A settings file with these lines; the state folder is beside it."""
    file = folder / "settings.toml"
    state = "" if "state_dir" in text else f'state_dir = "{folder}/state"\n'
    file.write_text(f"system = false\nhomes = [{json.dumps(str(folder))}]\n{state}{text}")
    file.chmod(mode)
    return str(file)


def with_settings(*arguments: str, text: str = "", mode: int = 0o644) -> Prepare:
    return lambda folder: [*arguments, "--config", settings(folder, text, mode)]


def with_file(make: Callable[[Path], object], *arguments: str) -> Prepare:
    """Makes `settings.toml` itself."""

    def prepare(folder: Path) -> list[str]:
        make(folder / "settings.toml")
        return [*arguments, "--config", str(folder / "settings.toml")]

    return prepare


def with_state(make: Callable[[Path], object], *arguments: str) -> Prepare:
    """Makes the state folder, or something in it."""

    def prepare(folder: Path) -> list[str]:
        make(folder / "state")
        return [*arguments, "--config", settings(folder)]

    return prepare


def in_state(name: str, content: bytes) -> Callable[[Path], object]:
    def make(state: Path) -> None:
        (state / name).parent.mkdir(parents=True)
        (state / name).write_bytes(content)

    return make


def newer_journal(state: Path) -> None:
    state.mkdir()
    journal = sqlite3.connect(state / "journal.db")
    journal.execute("PRAGMA user_version = 99")
    journal.close()


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(BIG)
    path.chmod(0o644)


def policy(content: str | None, *arguments: str, name: str = "policy.yaml") -> Prepare:
    """A policy file with this content (None: none at all, empty: the example's)."""

    def prepare(folder: Path) -> list[str]:
        if content is not None:
            (folder / name).write_text(content)
        filled = [argument.replace("FOLDER", str(folder)) for argument in arguments]
        return [*filled, "--config", settings(folder)] if filled[0] in ("scan", "explain") else filled

    return prepare


def repository(*arguments: str, trust: bytes | None = None) -> Prepare:
    """A policy repository as a folder, and the trust root of somebody else."""

    def prepare(folder: Path) -> list[str]:
        made = PolicyRepository()
        made.publish_bytes(encode(closed(ban())))
        for path, content in made.files.items():
            (folder / "site" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "site" / path).write_bytes(content)
        (folder / "root.json").write_bytes(PolicyRepository().trust if trust is None else trust)
        return [argument.replace("FOLDER", str(folder)) for argument in arguments] + ["--config", settings(folder)]

    return prepare


def changed(old: str, new: str) -> str:
    """The example with one thing wrong."""
    text = POLICY.read_text(encoding="utf-8")
    assert old in text
    return text.replace(old, new, 1)


def ended() -> str:
    """The id of a process that is over."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return str(process.pid)


EXAMPLE = POLICY.read_text(encoding="utf-8")
SCAN = ("scan", "--policy", "FOLDER/policy.yaml", "--home", "FOLDER")

AGENT: dict[str, Case] = {
    "an unknown command": Case(lambda _: ["blok"], ("blok", "run, scan")),
    "an unknown option": Case(with_settings("status", "--jsn"), ("--jsn", "--help")),
    "an option without its value": Case(lambda _: ["status", "--config"], ("--config", "--help")),
    "settings that are missing": Case(
        lambda f: ["status", "--config", f"{f}/none.toml"], ("FOLDER/none.toml: No such file", "--config FILE")
    ),
    "no settings on this machine": Case(lambda _: ["run"], ("/nonexistent/settings.toml", "--config FILE")),
    "settings that others can write": Case(
        with_settings("run", mode=0o666), ("FOLDER/settings.toml: can be written by others", "chmod")
    ),
    "settings that are no TOML": Case(
        with_settings("run", text="policy_url = \n"), ("FOLDER/settings.toml", "line 4", "TOML")
    ),
    "settings that are not UTF-8": Case(
        with_file(lambda p: p.write_bytes(b'server = "\xff"\n'), "run"), ("settings.toml: not UTF-8", "Save")
    ),
    "an unknown setting": Case(with_settings("run", text='polcy_url = "x"\n'), ("polcy_url", "docs/settings.md")),
    "a setting of the wrong kind": Case(with_settings("run", text="server = 7\n"), ("server: a text", "quotes")),
    "a list of the wrong kind": Case(with_settings("run", text='roots = "/opt"\n'), ("roots: a list", '["one"')),
    "a choice that is none": Case(with_settings("run", text='mode = "off"\n'), ("mode: 'off'", "enforce, observe")),
    "a duration that is none": Case(
        with_settings("run", text='poll_interval = "5 minutes"\n'), ("poll_interval", "5m")
    ),
    "a duration that is too long": Case(with_settings("run", text='poll_interval = "8d"\n'), ("poll_interval", "7d")),
    "settings that are a pipe": Case(with_file(os.mkfifo, "run"), ("settings.toml: not a regular file", "regular")),
    "settings that are a folder": Case(with_file(Path.mkdir, "status"), ("settings.toml: not a regular file",)),
    "settings of 100 MB": Case(with_file(sparse, "run"), ("settings.toml: larger than 256 KB", "docs/settings.md")),
    "settings that nest without end": Case(
        with_file(lambda p: p.write_text("a = " + "[" * 100_000), "run"), ("settings.toml", "TOML")
    ),
    "a state folder that is a file": Case(
        with_state(lambda s: s.write_text(""), "run"), ("FOLDER/state", "Set state_dir")
    ),
    "a state folder that others can write": Case(
        with_state(lambda s: (s.mkdir(), s.chmod(0o777)), "run"), ("FOLDER/state", "set state_dir")
    ),
    "a state folder below a file": Case(
        with_settings("run", text='state_dir = "/dev/null/state"\n'), ("/dev/null/state", "Set state_dir")
    ),
    "a journal of a newer agent": Case(
        with_state(newer_journal, "run"), ("journal.db: written by a newer", "format 99")
    ),
    "a journal that is a folder": Case(
        with_state(lambda s: (s / "journal.db").mkdir(parents=True), "run"), ("FOLDER/state/journal.db", "Move")
    ),
    "a device key that is damaged": Case(
        with_state(in_state("device.json", b"{"), "run"), ("device.json is damaged", "enrol")
    ),
    "a device key that is a list": Case(with_state(in_state("device.json", b"[]"), "run"), ("device.json is damaged",)),
    "views that are a file": Case(with_state(in_state("views", b""), "run"), ("FOLDER/state/views", "Check")),
    "status without an agent": Case(with_settings("status"), ("no agent has run", "interdict run")),
    "a view that is no JSON": Case(with_state(in_state("views/machine.json", b"{"), "status"), ("machine.json",)),
    "a view of another form": Case(with_state(in_state("views/machine.json", b"[]"), "status"), ("machine.json",)),
    "a rulebook of another form": Case(
        with_state(in_state("views/rules.json", b'{"policy": {}, "rulebook": {"bans": 7}}'), "scan"),
        ("form", "Restart the agent"),
    ),
    "a policy that is missing": Case(policy(None, *SCAN), ("FOLDER/policy.yaml", "No such file")),
    "a policy that is a pipe": Case(
        lambda f: (os.mkfifo(f / "policy.yaml"), policy(None, *SCAN)(f))[1], ("FOLDER/policy.yaml",)
    ),
    "a policy of 100 MB": Case(
        lambda f: (sparse(f / "policy.yaml"), policy(None, *SCAN)(f))[1], ("FOLDER/policy.yaml",)
    ),
    "a policy that is no YAML": Case(
        policy(changed("approved: [", "approved: [[{"), *SCAN), ("policy.yaml:14: is not YAML", "quotes")
    ),
    "a policy with an unknown key": Case(
        policy(changed("min_notice:", "min_notise:"), *SCAN), ("min_notise", "policy.yaml")
    ),
    "no policy at all": Case(with_settings("scan"), ("no policy", "--policy FILE")),
    "a repository without a trust root": Case(
        repository("scan", "--policy", "FOLDER/site"), ("--trust-root", "root.json")
    ),
    "a trust root that is missing": Case(
        repository("scan", "--policy", "FOLDER/site", "--trust-root", "FOLDER/no.json"), ("FOLDER/no.json", "root.json")
    ),
    "a trust root of others": Case(
        repository("scan", "--policy", "FOLDER/site", "--trust-root", "FOLDER/root.json"), ("sign",)
    ),
    "a trust root that is none": Case(
        repository("scan", "--policy", "FOLDER/site", "--trust-root", "FOLDER/root.json", trust=b"[]"), ("root",)
    ),
    "a folder that is no repository": Case(
        repository("scan", "--policy", "FOLDER", "--trust-root", "FOLDER/root.json"), ("FOLDER: ", "policy_url")
    ),
    "a policy server that is not there": Case(
        repository("scan", "--policy", "http://127.0.0.1:9/", "--trust-root", "FOLDER/root.json"),
        ("http://127.0.0.1:9/", "Check the network"),
    ),
    "explaining what is not there": Case(
        policy(EXAMPLE, "explain", "--policy", "FOLDER/policy.yaml", "FOLDER/nothing"), ("FOLDER/nothing",)
    ),
    "explaining a purl that is none": Case(
        policy(EXAMPLE, "explain", "--policy", "FOLDER/policy.yaml", "pkg:npm"), ("pkg:npm",)
    ),
    "explaining a process that has ended": Case(
        policy(EXAMPLE, "explain", "--policy", "FOLDER/policy.yaml", ended()), ("process",)
    ),
    "explaining nothing": Case(with_settings("explain"), ("TARGET", "--help")),
    "restoring what is not there": Case(
        with_settings("quarantine", "restore", "q-none"), ("q-none", "quarantine list")
    ),
    "purging what is not there": Case(with_settings("quarantine", "purge", "q-none"), ("q-none", "quarantine list")),
    "restoring a path": Case(with_settings("quarantine", "restore", "../../etc"), ("../../etc", "quarantine list")),
    "an inventory of an unknown source": Case(with_settings("inventory", "--source", "npn"), ("npn", "npm")),
    "an inventory of no folder": Case(with_settings("inventory", "--root", "/nonexistent"), ("/nonexistent: no such",)),
    "a scan of no folder": Case(policy(EXAMPLE, *SCAN[:3], "--home", "/nonexistent"), ("/nonexistent",)),
    "a scan of no tree": Case(policy(EXAMPLE, *SCAN[:3], "--root", "/nonexistent"), ("/nonexistent",)),
    "failing on no action": Case(policy(EXAMPLE, *SCAN, "--fail-on", "blok"), ("blok", "block")),
    "enrolling nowhere": Case(with_settings("enroll"), ("no server", "--server URL")),
    "enrolling without a secret": Case(with_settings("enroll", "--server", "http://127.0.0.1:9"), ("secret_file",)),
    "enrolling with a secret that is missing": Case(
        with_settings("enroll", "--server", "http://127.0.0.1:9", "--secret-file", "/nonexistent"), ("/nonexistent",)
    ),
    "enrolling where nobody listens": Case(
        lambda f: [
            *("enroll", "--server", "http://127.0.0.1:9", "--secret-file", settings(f)),
            *("--config", settings(f, "")),
        ],
        ("127.0.0.1:9",),
    ),
    "enrolling at an address that is none": Case(
        lambda f: (
            (f / "secret").write_text("s\n"),
            ["enroll", "--server", "nowhere", "--secret-file", f"{f}/secret", "--config", settings(f)],
        )[1],
        ("nowhere",),
    ),
    "a support file where there is one": Case(
        lambda f: ["doctor", "--bundle", settings(f), "--config", settings(f)], ("FOLDER/settings.toml",)
    ),
}


@pytest.mark.parametrize("case", AGENT.values(), ids=AGENT.keys())
def test_interdict_is_given(folder: Path, case: Case) -> None:
    assert_one_line(typed("interdict", case.prepare(folder)), "interdict", case.says, folder)


SOMEBODY_ELSE: dict[str, Case] = {
    "settings that they cannot read": Case(with_settings("status", mode=0o600), ("settings.toml: Permission denied",)),
    "a state folder of root's": Case(with_state(Path.mkdir, "run"), ("FOLDER/state", "set state_dir")),
    "a state folder that they cannot make": Case(with_settings("run"), ("FOLDER/state", "Set state_dir")),
    "a settings file of a third person": Case(
        lambda f: (settings(f), os.chown(f / "settings.toml", UID + 1, 0), ["run", "--config", f"{f}/settings.toml"])[
            2
        ],
        (f"belongs to uid {UID + 1}", "chown"),
    ),
    "a support file where they may not write": Case(
        lambda f: ["doctor", "--bundle", f"{f}/bundle", "--config", settings(f)], ("FOLDER/bundle",)
    ),
    "an enrolment of root's device": Case(with_settings("enroll", "--server", "http://127.0.0.1:9"), ("FOLDER/state",)),
}


def typed_by_somebody_else(command: str, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """In a process of theirs, which began as ours: they need not be able to read this Python."""

    def act() -> dict[str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = {"interdict": agent_main, "interdict-console": console_main}[command](arguments)
        return {"code": str(code), "out": out.getvalue(), "err": err.getvalue()}

    with person(lambda: None, act) as somebody:
        said = somebody.act()
    return subprocess.CompletedProcess(arguments, int(said["code"]), said["out"], said["err"])


@pytest.mark.root
@pytest.mark.parametrize("case", SOMEBODY_ELSE.values(), ids=SOMEBODY_ELSE.keys())
def test_interdict_is_given_by_somebody_else(folder: Path, case: Case) -> None:
    assert_one_line(typed_by_somebody_else("interdict", case.prepare(folder)), "interdict", case.says, folder)


AUTHOR: dict[str, Case] = {
    "an unknown command": Case(lambda _: ["lnt"], ("lnt", "lint")),
    "a policy that is missing": Case(lambda f: ["lint", f"{f}/policy.yaml"], ("FOLDER/policy.yaml",)),
    "a policy to preview that is no YAML": Case(policy("bans: [", "preview", "FOLDER/policy.yaml"), ("policy.yaml:1",)),
    "keys in a folder that is none": Case(lambda f: ["status", "--dir", f"{f}/none"], ("FOLDER/none",)),
    "publishing from a folder that is none": Case(lambda f: ["publish", "--dir", f"{f}/none"], ("FOLDER/none",)),
    "a repository where something lies": Case(
        lambda f: (settings(f), ["init", str(f), "--solo", "--signer", "Li", "--passphrase-file", settings(f)])[1],
        ("FOLDER",),
    ),
}


@pytest.mark.parametrize("case", AUTHOR.values(), ids=AUTHOR.keys())
def test_interdict_policy_is_given(folder: Path, case: Case) -> None:
    assert_one_line(typed("interdict-policy", case.prepare(folder)), "interdict-policy", case.says, folder)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


CONSOLE: dict[str, Case] = {
    "an unknown command": Case(lambda _: ["srve"], ("srve", "--help")),
    "no command": Case(lambda _: [], ("no command", "--help")),
    "a data folder that is a file": Case(
        lambda f: ["migrate", "--data", settings(f)], ("FOLDER/settings.toml cannot be made", "--data")
    ),
    "a database that is none": Case(
        lambda f: ((f / "console.sqlite3").write_bytes(b"no" * 9999), ["migrate", "--data", str(f)])[1],
        ("FOLDER", "--data"),
    ),
    "a report of no console": Case(lambda f: ["report", "--data", f"{f}/none"], ("FOLDER/none", "serve")),
    "a secret for no machine": Case(
        lambda f: ["enroll-secret", "new", "--uses", "0", "--data", str(f)], ("--uses 0", "1 to")
    ),
    "a secret for a time that is none": Case(
        lambda f: ["enroll-secret", "new", "--expires", "soon", "--data", str(f)], ("soon", "--help")
    ),
    "a password file that is missing": Case(
        lambda f: ["user", "add", "chen", "--password-file", f"{f}/none", "--data", str(f)], ("FOLDER/none",)
    ),
    "a password from no terminal": Case(
        lambda f: ["user", "add", "chen", "--data", str(f)], ("no terminal", "--password-file")
    ),
    "a list of devices of 100 MB": Case(
        lambda f: (sparse(f / "list"), ["devices", "import", f"{f}/list", "--data", str(f)])[1], ("FOLDER/list",)
    ),
    "a device that nobody knows": Case(
        lambda f: (
            typed("interdict-console", ["migrate", "--data", str(f)]),
            ["devices", "remove", "x", "--data", str(f)],
        )[1],
        ("called x", "id"),
    ),
    "a trial for everybody": Case(
        lambda f: ["serve", "--trial", "--host", "0.0.0.0", "--data", str(f)], ("--trial", "127.0.0.1")
    ),
}


@pytest.mark.parametrize("case", CONSOLE.values(), ids=CONSOLE.keys())
def test_interdict_console_is_given(folder: Path, case: Case) -> None:
    assert_one_line(typed("interdict-console", case.prepare(folder)), "interdict-console", case.says, folder)


def test_interdict_console_is_given_a_port_in_use(folder: Path, taken_port: int) -> None:
    done = typed("interdict-console", ["serve", "--data", str(folder), "--port", str(taken_port)])
    assert_one_line(done, "interdict-console", (f"port {taken_port}", "--port"), folder)


@pytest.mark.root
def test_interdict_console_is_given_a_data_folder_that_is_not_theirs(folder: Path) -> None:
    (folder / "data").mkdir(mode=0o755)
    arguments = ["serve", "--data", str(folder / "data"), "--port", "0"]
    done = typed_by_somebody_else("interdict-console", arguments)
    assert_one_line(done, "interdict-console", ("FOLDER/data", "--data"), folder)


def test_adding_somebody_twice_gives_them_the_new_password(folder: Path) -> None:
    """Not bad input: the second time says so too, and ends with 0."""
    (folder / "password").write_text("several words are easier\n")
    arguments = ["user", "add", "chen", "--password-file", str(folder / "password"), "--data", str(folder)]
    answers = [typed("interdict-console", arguments) for _ in range(2)]
    assert [(done.returncode, done.stdout, done.stderr) for done in answers] == [
        (0, "chen can sign in as admin\n", "")
    ] * 2


@pytest.mark.parametrize(
    ("secret", "says"),
    [("some-other-secret", "the secret is unknown"), (SECRET, "the secret is used up")],
    ids=["the wrong secret", "a secret that is used up"],
)
def test_interdict_is_to_enrol_with(folder: Path, secret: str, says: str) -> None:
    (folder / "console").mkdir()
    with running(folder / "console") as console:
        console.now = Instant(int(time.time()))
        with console.database.write() as connection:
            connection.execute(update(enrolment_secret).values(uses_left=0))
        (folder / "secret").write_text(secret + "\n")
        arguments = ["enroll", "--server", console.address, "--secret-file", str(folder / "secret")]
        done = typed("interdict", [*arguments, "--config", settings(folder)])
        assert_one_line(done, "interdict", (console.address, says, "new secret"), folder)
