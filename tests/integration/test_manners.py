"""Do-not-disturb and mirrored screens, asked of the real services: what waits, what appears, and what it then says."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.notify.desktop import Desktop as Screen
from agent.notify.manners import Manners, is_mirrored, manners
from policy_schema.messages.local import Came, Notice
from tests.fakes.desktop import Desktop, desktop

pytestmark = pytest.mark.desktop
SOON = Notice(id="0-1", title="Claude Code may not be used in 60 minutes", body="From 09:00 on.", stays=True)
WHENEVER = SOON.__class__(id="0-2", title="Claude Code may not be used from Friday on", body="From 09:00 on.")
XORG = """Section "Device"
Identifier "device"
Driver "dummy"
VideoRam 64000
EndSection
Section "Monitor"
Identifier "monitor"
HorizSync 5-1000
VertRefresh 5-200
EndSection
Section "Screen"
Identifier "screen"
Device "device"
Monitor "monitor"
DefaultDepth 24
SubSection "Display"
Depth 24
Virtual 2560 720
Modes "1280x720"
EndSubSection
EndSection
"""


@pytest.fixture(params=["dunst", "xfce4"])
def screen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    with tempfile.TemporaryDirectory() as folder, desktop(Path(folder), os.geteuid(), os.getegid()) as one:
        one.serve(request.param)
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={one.socket}")
        monkeypatch.setenv("DISPLAY", one.display)
        yield one


def _do_not_disturb(screen: Desktop, on: bool) -> None:
    """As the person does it, with their desktop's own switch."""
    word = "true" if on else "false"
    commands = {
        "dunst": ["dunstctl", "set-paused", word],
        "xfce4": ["xfconf-query", "-c", "xfce4-notifyd", "-p", "/do-not-disturb", "-n", "-t", "bool", "-s", word],
    }
    environment = screen.environment(DISPLAY=screen.display)
    subprocess.run(commands[screen.service], env=environment, check=True, capture_output=True, timeout=20)


def _show(*notices: Notice, how: Manners | None = None, languages: tuple[str, ...] = ()) -> list[Came]:
    async def show() -> list[Came]:
        service = Screen(languages) if how is None else Screen(languages, functools.partial(_always, how))
        came = [await service.show(notice, lambda key: None) for notice in notices]
        with contextlib.suppress(AttributeError):
            service._service._backend.interface.bus.disconnect()  # type: ignore[union-attr]
        return came

    return asyncio.run(show())


async def _always(how: Manners) -> Manners:
    return how


def test_whoever_wants_no_disturbance_sees_only_what_cannot_wait(screen: Desktop) -> None:
    assert _show(WHENEVER) == [Came.SHOWN]
    _do_not_disturb(screen, True)
    # dunst keeps also what is urgent until then, so nobody claims that it was shown; Xfce shows it.
    urgent = {"dunst": Came.KEPT, "xfce4": Came.SHOWN}[screen.service]
    assert _show(WHENEVER, SOON) == [Came.KEPT, urgent]
    if screen.service == "xfce4":
        screen.wait_for_notice()
    _do_not_disturb(screen, False)
    assert _show(WHENEVER, SOON) == [Came.SHOWN, Came.SHOWN]


@pytest.fixture
def outputs() -> Iterator[dict[str, str]]:
    """A real X server with outputs that can be put side by side or over one another; its environment."""
    reading, writing = os.pipe()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "xorg.conf"
        config.write_text(XORG)
        options = ["-noreset", "-novtswitch", "-sharevts", "-ac", "-nolisten", "tcp", "-logfile", f"{folder}/log"]
        server = subprocess.Popen(
            ["/usr/lib/xorg/Xorg", "-displayfd", str(writing), "-config", str(config), *options],
            pass_fds=(writing,),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        with os.fdopen(reading) as pipe:
            number = pipe.readline().strip()
        try:
            assert number, (Path(folder) / "log").read_text()
            yield {"PATH": "/usr/bin:/bin", "DISPLAY": f":{number}"}
        finally:
            server.terminate()
            server.wait(20)


def _xrandr(environment: dict[str, str], *arguments: str) -> None:
    subprocess.run(["xrandr", *arguments], env=environment, check=True, capture_output=True, timeout=20)


@pytest.mark.root
def test_a_screen_on_a_projector_is_seen_to_be_mirrored(outputs: dict[str, str], screen: Desktop) -> None:
    def mirrored() -> bool:
        return asyncio.run(manners(outputs)).mirrored

    assert not mirrored()
    _xrandr(outputs, "--addmode", "DUMMY1", "1280x720")
    _xrandr(outputs, "--output", "DUMMY1", "--mode", "1280x720", "--right-of", "DUMMY0")
    assert not mirrored()
    _xrandr(outputs, "--output", "DUMMY1", "--mode", "1280x720", "--same-as", "DUMMY0")
    assert mirrored()


def test_on_a_mirrored_screen_stands_only_that_there_is_something(screen: Desktop) -> None:
    mirrored = Manners(mirrored=True)
    assert _show(WHENEVER, SOON, SOON, how=mirrored, languages=("zh-CN",)) == [Came.KEPT] * 3
    if screen.service == "dunst":
        assert screen.shown() == [("有一条给您的通知", "屏幕被镜像期间，此处不显示其内容。查看方法：interdict status")]


ONE = "Screen 0: current 1920 x 1080\neDP-1 connected primary 1920x1080+0+0 (normal left) 344mm x 194mm\n"
OUTPUTS = {
    "no display": ("", False),
    "one output": (ONE, False),
    "an output that is off": (ONE + "HDMI-1 connected (normal left inverted)\n", False),
    "a second one beside it": (ONE + "HDMI-1 connected 1920x1080+1920+0 (normal) 1mm x 1mm\n", False),
    "a second one above it": (ONE + "HDMI-1 connected 1920x1080+0-1080 (normal) 1mm x 1mm\n", False),
    "the same on a projector": (ONE + "HDMI-1 connected 1920x1080+0+0 (normal) 1mm x 1mm\n", True),
    "the middle of it on a projector": (ONE + "HDMI-1 connected 1024x768+400+100 (normal) 1mm x 1mm\n", True),
    "a mode that looks like an output": (ONE + "   1920x1080     60.00*+\n", False),
}


@pytest.mark.parametrize(("text", "mirrored"), OUTPUTS.values(), ids=OUTPUTS)
def test_outputs_that_show_the_same_are_mirrored(text: str, mirrored: bool) -> None:
    assert is_mirrored(text) is mirrored
