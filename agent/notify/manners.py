"""What the desktop tells of the person's wish for quiet, and of who else sees their screen. In the notifier alone.

Asked before each notice. Each desktop has its own way; where it tells nothing, or does not answer, a notice is shown
as any other program's would be.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from agent.errors import InterdictError
from agent.host.command import PLAIN_ENVIRONMENT, XRANDR, run_tool

if TYPE_CHECKING:
    from dbus_fast.aio import MessageBus

NOTIFICATIONS = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"
_OUTPUT = re.compile(r"^\S+ (?:dis)?connected (?:primary )?(\d+)x(\d+)\+(\d+)\+(\d+)\b", re.MULTILINE)
_XFCE, _DUNST = "Xfce Notify Daemon", "dunst"
_WITHIN = 3.0


class Manners(NamedTuple):
    """How it stands just now."""

    disturbs: bool = False
    """The person does not want to be disturbed."""
    keeps_urgent: bool = False
    """… and the service keeps even what is urgent to itself until then."""
    mirrored: bool = False
    """Others may see this screen."""


async def manners(
    environment: Mapping[str, str] = os.environ, run: Callable[[Mapping[str, str]], str] | None = None
) -> Manners:
    """Asks the notification service and the display of this session. `run` gives the display's outputs as text."""
    if sys.platform != "linux":
        return Manners()
    import asyncio

    from dbus_fast.aio import MessageBus

    bus = await MessageBus().connect()
    try:
        name = str((await _call(bus, NOTIFICATIONS, PATH, NOTIFICATIONS, "GetServerInformation") or [""])[0])
        disturbs = await _disturbs(bus, name)
    finally:
        bus.disconnect()
    outputs = await asyncio.to_thread(run or outputs_of, environment)
    return Manners(disturbs, disturbs and name == _DUNST, is_mirrored(outputs))


async def _disturbs(bus: MessageBus, name: str) -> bool:
    """Each service's own word for it; `Inhibited` is Plasma's, which sets it for mirrored and shared screens too."""
    if name == _DUNST:
        return await _property(bus, "org.dunstproject.cmd0", "paused") is True
    if name == _XFCE:
        where = ("org.xfce.Xfconf", "/org/xfce/Xfconf", "org.xfce.Xfconf", "GetProperty")
        answer = await _call(bus, *where, "ss", ["xfce4-notifyd", "/do-not-disturb"])
        return bool(answer) and _value(answer[0]) is True
    return await _property(bus, NOTIFICATIONS, "Inhibited") is True


async def _property(bus: MessageBus, interface: str, name: str) -> object:
    where = (NOTIFICATIONS, PATH, "org.freedesktop.DBus.Properties", "Get")
    answer = await _call(bus, *where, "ss", [interface, name])
    return _value(answer[0]) if answer else None


async def _call(
    bus: MessageBus,
    name: str,
    path: str,
    interface: str,
    member: str,
    signature: str = "",
    body: list[str] | None = None,
) -> list[object]:
    """The answer's values; none where nobody answers as asked."""
    import asyncio

    from dbus_fast import Message, MessageType

    question = Message(
        destination=name, path=path, interface=interface, member=member, signature=signature, body=body or []
    )
    try:
        answer = await asyncio.wait_for(bus.call(question), _WITHIN)
    except TimeoutError:
        return []
    return list(answer.body) if answer.message_type is MessageType.METHOD_RETURN else []


def _value(given: object) -> object:
    return getattr(given, "value", given)


def outputs_of(environment: Mapping[str, str]) -> str:
    """What RANDR says of the outputs of an X display; nothing where there is none, or a Wayland one, of which an X
    program sees a copy."""
    display = environment.get("DISPLAY", "")
    if not display or environment.get("WAYLAND_DISPLAY"):
        return ""
    known = {key: environment[key] for key in ("XAUTHORITY", "HOME") if key in environment}
    try:
        done = run_tool(
            XRANDR, ["--query"], timeout=_WITHIN, environment={**PLAIN_ENVIRONMENT, **known, "DISPLAY": display}
        )
    except InterdictError:
        return ""
    return done.stdout.decode("utf-8", "replace")


def is_mirrored(outputs: str) -> bool:
    """Whether two outputs show the same piece of the screen, after `xrandr --query`."""
    areas = [tuple(map(int, found.groups())) for found in _OUTPUT.finditer(outputs)]
    return any(_overlap(one, other) for number, one in enumerate(areas) for other in areas[:number])


def _overlap(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    (width, height, x, y), (other_width, other_height, other_x, other_y) = one, other
    return x < other_x + other_width and other_x < x + width and y < other_y + other_height and other_y < y + height
