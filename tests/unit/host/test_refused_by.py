"""What SELinux and AppArmor wrote about refusing us, in the forms that auditd and the kernel write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.host.refused_by import Denial, parse_denials

COMMANDS = frozenset({"interdict", "interdict-gate"})
SELINUX = (
    'type=AVC msg=audit(1795282795.824:417): avc:  denied  { read open } for  pid=812 comm="interdict" '
    'path="/home/li/.npmrc" dev="dm-0" ino=262 scontext=system_u:system_r:initrc_t:s0 '
    "tcontext=unconfined_u:object_r:user_home_t:s0 tclass=file permissive=0"
)
KERNEL = "4,1034,51234567,-;audit: type=1400 audit(1795282795.1:9): "
APPARMOR = (
    'apparmor="DENIED" operation="open" class="file" profile="interdict" name="/home/li/.config/x" pid=9 '
    'comm="interdict-gate" requested_mask="r" denied_mask="r" fsuid=0 ouid=1000'
)
CAPABILITY = (
    'apparmor="DENIED" operation="capable" profile="interdict" pid=9 comm="interdict" capability=21 capname="sys_admin"'
)
READ = Denial("SELinux", "interdict", "read open /home/li/.npmrc (file)", "system_u:system_r:initrc_t:s0")
OPENED = Denial("AppArmor", "interdict-gate", "open /home/li/.config/x", "interdict")


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([SELINUX], [READ]),
        ([KERNEL + APPARMOR], [OPENED]),
        ([CAPABILITY], [Denial("AppArmor", "interdict", "capable sys_admin", "interdict")]),
        ([SELINUX, KERNEL + APPARMOR, SELINUX], [READ, OPENED]),
        ([SELINUX.replace("interdict", "sshd")], []),
        ([SELINUX.replace("denied", "granted")], []),
        ([APPARMOR.replace("DENIED", "ALLOWED")], []),
        (
            [SELINUX.replace("/home/li/.npmrc", "/home/li/\x1b[2J")],
            [READ._replace(what="read open /home/li/?[2J (file)")],
        ),
        (["", "avc:", "avc: denied", 'apparmor="DENIED"'], []),
    ],
    ids=[
        "SELinux, by auditd",
        "AppArmor, by the kernel",
        "a capability that AppArmor keeps back",
        "each kind once, the newest first",
        "another program's",
        "what was granted",
        "what was only watched",
        "a name that a terminal obeys",
        "halves of lines",
    ],
)
def test_refusals_are_read(lines: list[str], found: list[Denial]) -> None:
    assert parse_denials(lines, COMMANDS) == found


@given(some.lists(some.text(max_size=200)))
def test_any_lines_can_be_read(lines: list[str]) -> None:
    assert parse_denials([f"avc:  denied {line} comm=interdict" for line in lines], COMMANDS) is not None
