"""What is never taken, whatever a policy says."""

from __future__ import annotations

import pytest

from agent.enforce.guard import refuse
from agent.enforce.interface import Detail

HOMES = ("/home/li", "/root")
OWN = ("/var/lib/interdict", "/opt/interdict")
MOUNTS = ("/", "/home", "/data", "/home/li/usb")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        pytest.param("/", Detail.SYSTEM_FOLDER, id="the root of everything"),
        pytest.param("/usr/bin", Detail.SYSTEM_FOLDER, id="the folder of programs"),
        pytest.param("/usr/lib/node_modules", Detail.SYSTEM_FOLDER, id="every global npm package at once"),
        pytest.param("/etc/profile.d/tool.sh", Detail.SYSTEM_FOLDER, id="a file of the system's settings"),
        pytest.param("/proc/1/root", Detail.SYSTEM_FOLDER, id="something of the kernel"),
        pytest.param("/dev/sda", Detail.SYSTEM_FOLDER, id="a disk"),
        pytest.param("/home/li", Detail.HOME_FOLDER, id="a home"),
        pytest.param("/root", Detail.SYSTEM_FOLDER, id="root's home"),
        pytest.param("/home/li/.local/bin", Detail.HOME_FOLDER, id="a person's own programs as a whole"),
        pytest.param("/var/lib/interdict/quarantine/q-1", Detail.OWN_FILES, id="something in our vault"),
        pytest.param("/opt/interdict", Detail.OWN_FILES, id="our own program"),
        pytest.param("/data", Detail.MOUNT_POINT, id="a mounted disk"),
        pytest.param("/usr/lib/node_modules/@anthropic-ai/claude-code", None, id="a global package"),
        pytest.param("/usr/bin/claude", None, id="a program among the system's"),
        pytest.param("/home/li/.local/share/claude", None, id="an installation in a home"),
        pytest.param("/dev/shm/claude", None, id="a program in shared memory"),
        pytest.param("/opt/interdict-not", None, id="a name that only begins like ours"),
        pytest.param("/data/tools/claude", None, id="something on a mounted disk"),
    ],
)
def test_the_guard_at_the_door(path: str, why: Detail | None) -> None:
    assert refuse(path, HOMES, OWN, MOUNTS) is why


@pytest.mark.parametrize(
    ("path", "mounts", "why"),
    [
        pytest.param("/srv/a", ("/srv/a/b",), Detail.MOUNT_INSIDE, id="a folder with a mount in it"),
        pytest.param("/srv/a", ("/srv/ab",), None, id="a mount with a longer name beside it"),
    ],
)
def test_mounts_below(path: str, mounts: tuple[str, ...], why: Detail | None) -> None:
    assert refuse(path, (), (), mounts) is why


def test_what_holds_a_home_or_our_files_is_refused_too() -> None:
    assert refuse("/srv", ("/srv/homes/li",), ()) is Detail.SYSTEM_FOLDER
    assert refuse("/srv/homes", ("/srv/homes/li",), ()) is Detail.HOME_FOLDER
    assert refuse("/srv/agents", (), ("/srv/agents/interdict",)) is Detail.OWN_FILES
