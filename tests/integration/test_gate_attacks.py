"""What people without rights can try against a real gate: nobody else waits, nothing hangs, no wrong refusal."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.fakes.door_site import wait_until_settled
from tests.fakes.gate import Gate, call, gate_before, mounted, orders
from tests.fakes.other_person import UID, become, give_to
from tests.fakes.policies import BLOCK, ban, stages
from tests.fakes.synthetic import synthetic_native, synthetic_plain_package
from tests.fakes.terminal import converse

pytestmark = pytest.mark.root
NAME = "@anthropic-ai/claude-code"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody can enter, with a filesystem of its own at `m`."""
    folder = Path(tempfile.mkdtemp(prefix="gate-attacks-"))
    folder.chmod(0o711)
    try:
        with mounted(folder / "m", megabytes=1000):
            (folder / "gate").mkdir()
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def gate(place: Path) -> Iterator[Gate]:
    """A gate before it, with orders that ban Claude Code."""
    with gate_before(place / "gate", place / "m") as made:
        yield made


def start(path: Path, *words: str, uid: int = 0, wait: float = 10) -> str:
    """Starts a program as somebody; `refused`, or what it printed."""
    try:
        done = subprocess.run(
            [os.fspath(path), *words],
            user=uid,
            group=uid,
            extra_groups=[],
            capture_output=True,
            text=True,
            timeout=wait,
            check=False,
        )
    except PermissionError:
        return "refused"
    return done.stdout


AGAIN_AND_AGAIN = """
import os, sys
program, number = sys.argv[1], int(sys.argv[2])
refused = 0
for _ in range(number):
    try: os.execv(program, [program])
    except PermissionError: refused += 1
print(refused)
"""
"""A refused start is an error of the call: so one process can try it a thousand times in a second."""
MANY = [pytest.param(1_000, id="a thousand"), pytest.param(100_000, id="a hundred thousand", marks=pytest.mark.slow)]
"""Starts; the line between gate and daemon takes some three hundred messages."""


def refused_of(program: Path, number: int) -> int:
    """How many of so many starts of a banned program in one process, without a pause, were refused."""
    words = [sys.executable, "-c", AGAIN_AND_AGAIN, os.fspath(program), str(number)]
    return int(subprocess.run(words, capture_output=True, text=True, timeout=600, check=True).stdout)


def plain_program(path: Path) -> Path:
    """A program of a user that no rule is about."""
    shutil.copy("/bin/echo", path)
    return path


def in_new_mounts(script: str, cwd: Path, uid: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script],
        cwd=cwd,
        user=uid,
        group=uid,
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize("what", ["a FIFO", "a link to a FIFO", "a socket's name", "a folder", "a link to /dev/zero"])
def test_a_package_json_that_is_no_file_keeps_nobody_waiting(gate: Gate, place: Path, what: str) -> None:
    package = place / "m" / "node_modules" / "x"
    package.mkdir(parents=True)
    program, manifest = plain_program(package / "tool"), package / "package.json"
    if what == "a FIFO":
        os.mkfifo(manifest)
    elif what == "a link to a FIFO":
        os.mkfifo(package / "fifo")
        manifest.symlink_to("fifo")
    elif what == "a folder":
        manifest.mkdir()
    elif what == "a link to /dev/zero":
        manifest.symlink_to("/dev/zero")
    else:
        os.mknod(manifest, 0o140644)
    assert start(program, "x") == "x\n"
    assert gate.so_far("allowed-late") == []


def test_a_manifest_that_cannot_be_read_does_not_hide_the_package_that_its_folder_names(
    gate: Gate, place: Path
) -> None:
    folder = place / "m" / "node_modules" / NAME
    synthetic_plain_package(folder, "2.1.112", NAME)
    (folder / "package.json").unlink()
    os.mkfifo(folder / "package.json")
    assert start(folder / "bin" / "claude-code.js") == "refused"


def test_a_write_lease_of_the_owner_keeps_nobody_waiting(gate: Gate, place: Path) -> None:
    """Opening a leased file for the gate would wait for 45 s, and with the answering thread everybody."""
    leased, other = plain_program(place / "m" / "leased"), plain_program(place / "m" / "other")
    usual = signal.signal(signal.SIGIO, signal.SIG_IGN)  # what the broken lease sends us
    with leased.open("r+b") as held:
        fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        starter = threading.Thread(target=start, args=(leased, "x"))
        starter.start()
        try:
            assert start(other, "y", wait=5) == "y\n"
        finally:
            fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            starter.join()
            signal.signal(signal.SIGIO, usual)
    gate.wait(lambda message: message["t"] == "beat")


def test_a_bind_mount_shows_no_allowed_path(place: Path) -> None:
    """What is spared by its path is spared where it really lies, not where somebody's own mounts show it."""
    spared, banned = place / "m" / "spared", place / "m" / "banned"
    synthetic_native(spared, "2.1.200")
    synthetic_native(banned, "2.1.200")
    give_to(place / "m")
    with gate_before(place / "gate", place / "m", first=orders(spare=[os.fspath(spared)])):
        assert "Claude" in start(spared, "--version", uid=UID)
        shown = in_new_mounts(f"mount --bind {banned} {spared} && {spared} --version", place / "m", UID)
        assert "Operation not permitted" in shown.stderr
        assert shown.stdout == ""


def test_a_hard_link_does_not_carry_an_allow_into_a_package(gate: Gate, place: Path) -> None:
    """What was allowed under a name outside is asked about again under the package's own."""
    folder = place / "m" / "node_modules" / NAME
    synthetic_plain_package(folder, "2.1.112", NAME)
    script = folder / "bin" / "claude-code.js"
    script.write_text("#!/bin/sh\necho ran\n", encoding="utf-8")
    outside = place / "m" / "outside"
    os.link(script, outside)
    wait_until_settled(outside)
    for _ in range(3):
        assert start(outside) == "ran\n"
    assert start(script) == "refused"


def test_a_flood_of_sparse_programs_of_one_person_delays_nobody_else(gate: Gate, place: Path) -> None:
    """They would have to be read for 19 s; another person's start is asked about meanwhile and answered at once."""
    flood = place / "m" / "flood"
    flood.mkdir()
    for number in range(300):
        with (flood / f"p{number}").open("wb") as file:
            file.write(b"\x7fELF" + bytes(60))
            file.truncate(60 << 20)
            file.seek(59 << 20)
            file.write(os.urandom(64))
        (flood / f"p{number}").chmod(0o755)
    innocent = plain_program(place / "m" / "innocent")
    give_to(flood)
    # Again and again, so that it is never over first, however busy this machine is.
    script = f"while :; do for f in {flood}/*; do for i in 1 2 3; do $f 2>/dev/null & done; done; wait; done"
    attacker = subprocess.Popen(
        ["sh", "-c", script],
        user=UID,
        group=UID,
        extra_groups=[],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(20):
            assert start(innocent, "x", uid=UID + 1) == "x\n"
        assert attacker.poll() is None
    finally:
        os.killpg(attacker.pid, signal.SIGKILL)
        attacker.wait()
    assert not [message for message in gate.so_far("allowed-late") if message["uid"] == UID + 1]


def test_orders_that_somebody_else_could_have_written_are_not_followed(gate: Gate) -> None:
    answer = gate.order(orders(2))
    assert answer["ok"] is True
    gate.write(orders(3))
    gate.orders_file.chmod(0o666)
    gate.say({"t": "orders", "serial": 3})
    answer = gate.wait(lambda message: message["t"] == "orders" and not message["ok"])
    assert answer["serial"] == 2
    assert "others could have written it" in str(answer["why"])


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "refused"),
        ({"enforce": []}, "2.1.200 (Claude Code)\n"),
        ({"enforce": [["claude-code", "claude-code", UID]]}, "2.1.200 (Claude Code)\n"),
        ({"enforce": [["claude-code", "claude-code", 0]]}, "refused"),
        ({"enforce": [["another-ban", "claude-code", -1]]}, "2.1.200 (Claude Code)\n"),
        ({"floor": BLOCK - 60, "bans": [ban(stages=stages((4_000_000_000, "block")))]}, "2.1.200 (Claude Code)\n"),
        ({"bans": [ban(scope={"kinds": ["server"]})]}, "2.1.200 (Claude Code)\n"),
        ({"compiled": None}, "2.1.200 (Claude Code)\n"),
    ],
    ids=[
        "a block that is enforced towards everybody refuses",
        "a block that is enforced towards nobody refuses nobody",
        "a block that is enforced towards another refuses only them",
        "a block that is enforced towards this person refuses",
        "enforcing another ban of the same tool changes nothing",
        "a block that has not begun refuses nobody",
        "a block of servers refuses nobody on a workstation",
        "without a policy nobody is refused",
    ],
)
def test_orders_say_who_is_refused(gate: Gate, place: Path, changes: dict[str, object], verdict: str) -> None:
    program = synthetic_native(place / "m" / "native", "2.1.200")
    assert gate.order(orders(2, **changes))["ok"] is True
    assert start(program, "--version") == verdict


def test_a_block_begins_at_its_instant_without_new_orders(gate: Gate, place: Path) -> None:
    """Nothing that was concluded before a stage outlives its beginning: not in the table, not in the kernel."""
    program = synthetic_native(place / "m" / "native", "2.1.200")
    begins = int(time.time()) + 2
    gate.order(orders(2, floor=0, bans=[ban(stages=stages((begins, "block")))]))
    assert start(program, "--version") == "2.1.200 (Claude Code)\n"
    threading.Event().wait(begins + 0.1 - time.time())
    assert start(program, "--version") == "refused"


def test_what_is_protected_is_never_refused(gate: Gate, place: Path) -> None:
    program = synthetic_native(place / "m" / "native", "2.1.200")
    gate.order(orders(2, protected=[os.fspath(program)]))
    assert start(program, "--version") == "2.1.200 (Claude Code)\n"


def test_what_is_protected_belongs_to_whom_it_belonged(gate: Gate, place: Path) -> None:
    """The number of a removed file can come back as a file of somebody else's."""
    program = synthetic_native(place / "m" / "native", "2.1.200")
    gate.order(orders(2, protected=[os.fspath(program)]))
    os.chown(program, UID, UID)
    assert start(program.rename(place / "m" / "another"), "--version") == "refused"


def test_the_kernel_remembers_what_is_protected(gate: Gate, place: Path) -> None:
    """The loader of every program is protected: a question at each of its starts would slow down everything."""
    program = synthetic_native(place / "m" / "native", "2.1.200")
    gate.order(orders(2, protected=[os.fspath(program)]))
    assert start(program, "--version") == "2.1.200 (Claude Code)\n"
    (pid,) = psutil.Process(gate.process.pid).children(recursive=True) or [psutil.Process(gate.process.pid)]
    numbers = Path(f"/proc/{pid.pid}/fdinfo").iterdir()
    marks = "".join(number.read_text() for number in numbers)
    assert f"ino:{program.stat().st_ino:x} " in marks


def test_new_orders_under_load_lose_no_refusal_and_refuse_nobody_innocent(gate: Gate, place: Path) -> None:
    banned = synthetic_native(place / "m" / "native", "2.1.200")
    innocent = plain_program(place / "m" / "innocent")
    wrong: list[str] = []
    stop = threading.Event()

    def load(program: Path, expected: str) -> None:
        while not stop.is_set():
            answer = start(program, "x")
            if answer != expected:
                wrong.append(f"{program.name}: {answer!r}")

    threads = [threading.Thread(target=load, args=row) for row in ((banned, "refused"), (innocent, "x\n")) * 2]
    for thread in threads:
        thread.start()
    try:
        for serial in range(2, 14):
            assert gate.order(orders(serial))["ok"] is True
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_gate_without_its_daemon_goes_on_and_comes_back(gate: Gate, place: Path) -> None:
    program = synthetic_native(place / "m" / "native", "2.1.200")
    gate.hang_up()
    assert start(program) == "refused"
    assert gate.accept()["serial"] == 1
    assert start(program) == "refused"
    assert gate.wait(lambda message: message["t"] == "refused")["tool"] == "claude-code"


@pytest.mark.parametrize("number", MANY)
def test_a_daemon_that_never_reads_does_not_keep_the_gate(gate: Gate, place: Path, number: int) -> None:
    """The line fills up; refusals go on, and the messages that did not fit are dropped."""
    program = synthetic_native(place / "m" / "native", "2.1.200")
    assert refused_of(program, number) == number
    assert 0 < len(gate.so_far("refused")) < number


SHORT_LIVES = """
import os, sys
for _ in range(300):
    if os.fork() == 0:
        try: os.execv(sys.argv[1], sys.argv[1:])
        finally: os._exit(126)
    os.wait()
print("done")
input()
"""


def test_the_terminal_is_known_however_soon_the_refused_process_ends(gate: Gate, place: Path) -> None:
    """It is asked before the answer is given: a moment later there may be nobody left to ask about."""
    program = synthetic_native(place / "m" / "native", "2.1.200")
    words = ["/usr/bin/python3", "-c", SHORT_LIVES, os.fspath(program)]
    converse(words, [("done", "")], Path("/"), uid=UID)
    terminals = {message["tty"] for message in gate.so_far("refused")}
    assert len(terminals) == 1 and 136 <= os.major(int(str(terminals.pop()))) <= 143


def test_a_terminal_of_other_namespaces_is_none(gate: Gate, place: Path) -> None:
    """A container may have mounted terminals of its own: the same number is another one there."""
    program = synthetic_native(place / "m" / "native", "2.1.200")
    words = ["unshare", "-Urm", "sh", "-c", f"{program}; echo done; read x"]
    converse(words, [("done", "")], Path("/"), uid=UID)
    assert gate.wait(lambda message: message["t"] == "refused")["tty"] == 0


def test_a_killed_gate_lets_everything_start(gate: Gate, place: Path) -> None:
    program = synthetic_native(place / "m" / "native", "2.1.200")
    assert start(program, "--version") == "refused"
    gate.process.kill()
    gate.process.wait()
    assert start(program, "--version") == "2.1.200 (Claude Code)\n"
    gate.hang_up()


def test_an_ended_gate_ends_with_zero_and_lets_everything_start(gate: Gate, place: Path) -> None:
    program = synthetic_native(place / "m" / "native", "2.1.200")
    gate.say({"t": "stop"})
    assert gate.process.wait(10) == 0
    assert start(program, "--version") == "2.1.200 (Claude Code)\n"
    gate.hang_up()


def test_a_writer_that_breaks_the_lease_probe_does_not_end_the_gate(gate: Gate, place: Path) -> None:
    """A read lease that is broken sends SIGIO, whose default is to end the process."""
    program = plain_program(place / "m" / "program")
    gate.process.send_signal(signal.SIGIO)
    for _ in range(100):
        with program.open("r+b"):
            pass
        assert start(program, "x") == "x\n"
    assert gate.process.poll() is None


def test_a_plain_user_s_own_namespace_of_uids_is_seen_through(gate: Gate, place: Path) -> None:
    program = synthetic_native(place / "m" / "native", "2.1.200")
    shown = in_new_mounts(f"{program} --version", place / "m", UID)
    assert "Operation not permitted" in shown.stderr
    assert gate.wait(lambda message: message["t"] == "refused")["uid"] == UID


def test_helpers_of_another_person_are_given_up(place: Path) -> None:
    """The other person of these tests really has no rights."""
    pid = os.fork()
    if pid == 0:
        become()
        os._exit(0 if os.geteuid() == UID else 1)
    assert os.waitpid(pid, 0)[1] == 0


RIGHTS = "sys_admin,sys_ptrace,dac_read_search,lease"


@pytest.mark.parametrize("rights", [RIGHTS, RIGHTS.removesuffix(",lease")], ids=["four rights", "three rights"])
def test_without_root_s_other_rights_it_refuses_the_same(place: Path, rights: str) -> None:
    """As its unit runs it: a user of its own, no new privileges, nothing but what it needs."""
    only = "-all," + ",".join(f"+{right}" for right in rights.split(","))
    sets = [f"--{kind}={only}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    way = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--no-new-privs", *sets, "--", "env"]
    program = synthetic_native(place / "m" / "native", "2.1.200")
    package = synthetic_plain_package(place / "m" / "node_modules" / NAME, "2.1.112", NAME)
    script = package / "bin" / "claude-code.js"
    innocent = plain_program(place / "m" / "innocent")
    (place / "gate").chmod(0o755)
    with gate_before(place / "gate", place / "m", first=orders(entries=[os.fspath(script)]), way=way) as gate:
        assert start(program) == "refused"
        assert start(script) == "refused"
        assert start(innocent, "x") == "x\n"
        assert start(innocent, "x", uid=UID + 1) == "x\n"
        assert start(Path("/usr/bin/node"), os.fspath(script)) == ""
        assert {message["by"] for message in gate.so_far("refused")} >= {"content", "path"}


def test_a_manifest_nested_without_end_does_not_end_the_gate(gate: Gate, place: Path) -> None:
    package = place / "m" / "node_modules" / "x"
    package.mkdir(parents=True)
    program = plain_program(package / "tool")
    for depth in (900, 100_000):
        (package / "package.json").write_text('{"a":' * depth + "1" + "}" * depth, encoding="utf-8")
        assert start(program, "x") == "x\n"
    gate.wait(lambda message: message["t"] == "beat")


@pytest.mark.parametrize("number", MANY)
def test_a_loop_of_refused_starts_does_not_crowd_out_the_sign_of_life(gate: Gate, place: Path, number: int) -> None:
    """A line full of refusals would otherwise make the daemon take the gate for dead, and end it."""
    program = synthetic_native(place / "m" / "native", "2.1.200")
    assert refused_of(program, number) == number
    threading.Event().wait(2.1)
    gate.so_far("beat")
    kinds = [message["t"] for message in gate.messages]
    assert 0 < kinds.count("refused") < number, "the line was full"
    assert "beat" in kinds[kinds.index("refused") :][-3:]
    assert gate.order(orders(2))["ok"] is True


def test_a_filesystem_that_is_mounted_later_is_marked_and_can_be_unmounted(place: Path) -> None:
    later = place / "later"
    with gate_before(place / "gate", place / "m", later), mounted(later):
        program = synthetic_native(later / "native", "2.1.200")
        # Between the mount and its mark anything starts: that is on the page of limits.
        assert any(start(program, "--version") == "refused" for _ in range(200))
        call("umount", os.fspath(later))
        call("mount", "-t", "tmpfs", "again", os.fspath(later))
        program = synthetic_native(later / "native", "2.1.200")
        assert any(start(program, "--version") == "refused" for _ in range(200))


@pytest.mark.node
def test_a_script_that_was_refused_once_is_refused_to_its_interpreter_too(gate: Gate, place: Path) -> None:
    script = synthetic_plain_package(place / "m" / "node_modules" / NAME, "2.1.112", NAME) / "bin" / "claude-code.js"
    assert start(script) == "refused"
    assert gate.wait(lambda message: message["t"] == "refused")["by"] == "path"
    assert start(Path("/usr/bin/node"), os.fspath(script)) == ""
    assert gate.wait(lambda message: message["t"] == "refused")["by"] == "entry"
    shutil.copy(script, place / "m" / "copy.js")


def test_a_command_of_a_banned_python_package_is_refused_by_its_record(gate: Gate, place: Path) -> None:
    prefix = place / "m" / "venv"
    info = prefix / "lib" / "python3.11" / "site-packages" / "claude_code-2.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text("../../../bin/banned,sha256=x,10\n", encoding="utf-8")
    (prefix / "bin").mkdir()
    for name in ("banned", "other"):
        (prefix / "bin" / name).write_text("#!/bin/sh\necho ran\n", encoding="utf-8")
        (prefix / "bin" / name).chmod(0o755)
    assert start(prefix / "bin" / "banned") == "refused"
    assert start(prefix / "bin" / "other") == "ran\n"
