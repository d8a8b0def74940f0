"""Where programs are started from: what settings of shells say, and what is there."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.machine import open_machine
from agent.inventory.search_paths import path_lines
from tests.fakes.machine_folder import MachineFolder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the shells here are those of POSIX")

LINES = {
    "a plain line": ("export PATH=/opt/x/bin:$PATH", ["/opt/x/bin"]),
    "quoted, with HOME": ('export PATH="$HOME/.x/bin:${HOME}/y:$PATH"', ["/home/li/.x/bin", "/home/li/y"]),
    "with a tilde": ("PATH=~/x:$PATH; export PATH", ["/home/li/x"]),
    "zsh's list": ("path+=(/opt/a /opt/b)", ["/opt/a", "/opt/b"]),
    "fish, one folder": ("fish_add_path -g ~/.x/bin", ["/home/li/.x/bin"]),
    "fish, the variable": ("set -gx PATH /opt/x $PATH", ["/opt/x"]),
    "/etc/environment": ('PATH="/usr/local/bin:/usr/bin"', ["/usr/local/bin", "/usr/bin"]),
    "/etc/paths": ("/usr/local/bin\n/usr/bin\n", ["/usr/local/bin", "/usr/bin"]),
    "another variable": ("export MANPATH=/opt/man\nexport SECRET_TOKEN=/abc", []),
    "a folder that another variable names": ("export PATH=$PNPM_HOME/bin:/opt/x", ["/opt/x"]),
    "a command": ("export PATH=$(brew --prefix)/bin:`x`/y:/opt/x", ["/opt/x"]),
    "a relative folder": ("PATH=.:bin:/opt/x", ["/opt/x"]),
    "commented out": ("# export PATH=/opt/x", []),
}


@pytest.mark.parametrize("what", LINES)
def test_the_folders_that_settings_name(what: str) -> None:
    text, expected = LINES[what]
    assert [path for path in path_lines(text, "/home/li") if path != "/bin"] == expected


@given(st.text(max_size=300))
def test_any_settings_give_absolute_folders(text: str) -> None:
    assert all(path.startswith("/") and "$" not in path for path in path_lines(f"PATH={text}", "/home/li"))


def test_folders_that_are_there_are_named_once_where_they_really_are(machine: MachineFolder) -> None:
    for path in ("/usr/bin", "/opt/tool/bin", "/home/li/.local/bin", "/home/li/own", "/data/bin"):
        machine.at(path).mkdir(parents=True)
    machine.link("/bin", "usr/bin")
    machine.file("/home/li/.bashrc", "export PATH=$HOME/own:/nowhere:$PATH\n")
    machine.file("/etc/environment", 'PATH="/bin:/usr/bin"\n')
    with open_machine(root=str(machine.root), path_folders=[str(machine.at("/data/bin"))]) as opened:
        assert opened.path_folders == ("/data/bin", "/usr/bin", "/opt/tool/bin", "/home/li/.local/bin", "/home/li/own")
    with open_machine(root=str(machine.root), system=False) as opened:
        assert opened.path_folders == ("/home/li/.local/bin", "/home/li/own")
