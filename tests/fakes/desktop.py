"""A real desktop as small as it gets: a session bus, a virtual display, and dunst as the notification service."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.host.sessions import Session

_BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={socket}</listen>
<policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>
"""


_SERVICES = {
    "dunst": ["dunst", "-conf", "/dev/null"],
    "xfce4": [next(iter(glob.glob("/usr/lib/*/xfce4/notifyd/xfce4-notifyd")), "xfce4-notifyd")],
}


class Desktop:
    """One person's desktop. `bus` alone is there at first; `serve()` brings the notification service."""

    def __init__(self, folder: Path, uid: int, gid: int, stack: contextlib.ExitStack) -> None:
        self.uid, self.gid, self._stack = uid, gid, stack
        self._folder = folder
        self.service = ""
        os.chown(folder, uid, gid)
        self.socket = folder / "bus"
        config = folder / "bus.xml"
        config.write_text(_BUS_CONFIG.format(socket=self.socket), encoding="utf-8")
        bus = self._start(
            ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address"], stdout=subprocess.PIPE
        )
        assert bus.stdout is not None
        bus.stdout.readline()  # its address, said once it listens

    @property
    def session(self) -> Session:
        """As the agent would see this person's presence."""
        return Session(self.uid, self.gid, str(self.socket), ())

    def serve(self, service: str = "dunst") -> None:
        """Starts a display and a notification service (`dunst` or `xfce4`), and waits until that owns the name."""
        self.service = service
        reading, writing = os.pipe()
        display = self._start(
            ["Xvfb", "-displayfd", str(writing), "-ac", "-nolisten", "tcp", "-screen", "0", "1280x720x24"],
            pass_fds=(writing,),
        )
        os.close(writing)
        with os.fdopen(reading) as pipe:
            number = pipe.readline().strip()
        assert number, f"Xvfb ended with {display.poll()}"
        self.display = f":{number}"
        if service == "xfce4":
            # Where it reads its settings, such as whether nobody shall disturb.
            self._start([next(iter(glob.glob("/usr/lib/*/xfce4/xfconf/xfconfd")), "xfconfd")])
            self._call(["gdbus", "wait", "--session", "--timeout", "20", "org.xfce.Xfconf"])
        self._start(_SERVICES[service], DISPLAY=self.display, XDG_RUNTIME_DIR=str(self._folder))
        self._call(["gdbus", "wait", "--session", "--timeout", "20", "org.freedesktop.Notifications"])

    def press(self, button: int, of: int) -> None:
        """Clicks on a button of the newest notice; xfce4-notifyd lays them side by side along its lower edge."""
        window = max(self._windows(), key=int)  # of one program the newest has the highest id
        geometry = self._on_screen(["xdotool", "getwindowgeometry", "--shell", window])
        values = dict(line.split("=") for line in geometry.split())
        x = int(values["X"]) + 14 + (int(values["WIDTH"]) - 28) * (2 * button + 1) // (2 * of)
        y = int(values["Y"]) + int(values["HEIGHT"]) - 30
        self._on_screen(["xdotool", "mousemove", str(x), str(y), "click", "1"])

    def wait_for_notice(self, number: int = 1) -> None:
        """Until so many notices are on the screen."""
        self._on_screen(["xdotool", "search", "--sync", "--onlyvisible", "--name", "."])
        for _ in range(400):
            if len(self._windows()) >= number:
                return
            threading.Event().wait(0.05)
        raise AssertionError(f"{len(self._windows())} notices are on the screen, and not {number}")

    def type_into(self, kind: str, text: str) -> None:
        """Waits for a window of this kind (its class), points at it, as there is no window manager, and types."""
        window = self._on_screen(["xdotool", "search", "--sync", "--onlyvisible", "--class", kind]).split()[-1]
        self._on_screen(["xdotool", "mousemove", "--window", window, "20", "20", "type", text])

    def photograph(self, file: Path) -> None:
        """The whole screen, as it is now, into a PNG; its folder is made."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._on_screen(["import", "-window", "root", str(file)])

    def _windows(self) -> list[str]:
        return self._on_screen(["xdotool", "search", "--onlyvisible", "--name", "."]).split()

    def _on_screen(self, command: list[str]) -> str:
        environment = self.environment(DISPLAY=self.display)
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True).stdout

    def shown(self) -> list[tuple[str, str]]:
        """(title, body) of every notice on the screen or gone from it."""
        self._call(["dunstctl", "close-all"])
        history: dict[str, Any] = json.loads(self._call(["dunstctl", "history"]))
        return [(one["summary"]["data"], one["body"]["data"]) for one in history["data"][0]]

    def pause(self, on: bool = True) -> None:
        """The person wants no disturbance, with dunst's own switch; or wants it again."""
        self._call(["dunstctl", "set-paused", "true" if on else "false"])

    def environment(self, **more: str) -> dict[str, str]:
        """What a program of this session finds in its environment."""
        bus = f"unix:path={self.socket}"
        home = str(self._folder)
        return {"PATH": "/usr/bin:/bin", "HOME": home, "LANG": "C.UTF-8", "DBUS_SESSION_BUS_ADDRESS": bus, **more}

    def options(self) -> dict[str, Any]:
        """How `subprocess` starts a program as this person."""
        if os.geteuid() != 0 or self.uid == 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def _start(
        self, command: list[str], stdout: int = subprocess.DEVNULL, pass_fds: tuple[int, ...] = (), **more: str
    ) -> Any:
        process = subprocess.Popen(
            [shutil.which(command[0]) or command[0], *command[1:]],
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            pass_fds=pass_fds,
            **self.options(),
        )
        self._stack.callback(_end, process)
        return process

    def _call(self, command: list[str]) -> str:
        done = subprocess.run(
            command, env=self.environment(), capture_output=True, text=True, timeout=30, check=True, **self.options()
        )
        return done.stdout


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(30)
    if process.stdout:
        process.stdout.close()


@contextlib.contextmanager
def desktop(folder: Path, uid: int, gid: int) -> Iterator[Desktop]:
    """A desktop of this person, whose files lie in `folder`, until the block ends."""
    with contextlib.ExitStack() as stack:
        yield Desktop(folder, uid, gid, stack)
