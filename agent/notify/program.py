"""The notifier: in a person's own session, shows what the daemon says, and tells it what the person pressed.

It has the person's rights and no others, holds nothing, decides nothing, and can be ended at any time: the daemon then
finds another way to the person. A button that opens something is answered here, by the person's own programs; what is
to be done on the machine is a wish that the daemon weighs.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from agent.errors import InterdictError
from agent.host.person_socket import connect
from policy_schema.messages import local
from policy_schema.messages.local import FrameRefused, FromPerson

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between two tries to reach the daemon; each is twice the one before."""
_MOST_REMEMBERED = 50


class Screen(Protocol):
    """Where notices appear (`agent.notify.desktop`)."""

    async def show(self, notice: local.Notice, pressed: Callable[[str], None]) -> local.Came:
        """What became of it; true once the notification service took it."""

    async def withdraw(self, notice: str) -> None:
        """Takes it off the screen."""


class Opening(NamedTuple):
    """How things are opened for the person. Neither may raise, and neither waits."""

    address: Callable[[str], None]
    """A web address, in their browser."""
    details: Callable[[], None]
    """The page with everything the agent knows."""
    alternative: Callable[[str, str], None]
    """What the policy offers instead, by the notice's id and a link."""


class Notifier:
    """One session's notifier."""

    def __init__(self, path: str, screen: Screen, opening: Opening, languages: tuple[str, ...]) -> None:
        """`path` is the daemon's socket."""
        self._path, self._screen, self._opening, self._languages = path, screen, opening, languages
        self._notices: dict[str, local.Notice] = {}
        self._send: Callable[[FromPerson], None] = lambda message: None
        self.trouble = ""
        """Why the daemon cannot be reached; empty while it can."""

    async def run(self, tell: Callable[[str], None], pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Goes on until it is cancelled. `tell` is told when the daemon cannot be reached, once for each reason."""
        wait = FIRST_PAUSE
        while True:
            try:
                await self._converse()
                wait = FIRST_PAUSE
            except (InterdictError, FrameRefused, OSError, EOFError) as error:
                said = str(error) or "the agent ended the conversation"
                if said != self.trouble:
                    tell(said)
                self.trouble = said
            self._send = lambda message: None
            await pause(wait * random.uniform(0.5, 1.0))
            wait = min(wait * 2, LONGEST_PAUSE)

    async def _converse(self) -> None:
        reader, writer = await asyncio.open_connection(sock=connect(self._path).detach())
        self._send = lambda message: writer.write(local.pack(message))
        try:
            self._send(local.Hello(what="notifier", languages=self._languages))
            while True:
                length = local.length_of(await reader.readexactly(local.HEAD))
                await self._hear(local.read_from_daemon(await reader.readexactly(length)))
                await writer.drain()
        finally:
            writer.close()

    async def _hear(self, message: local.FromDaemon) -> None:
        match message:
            case local.Ready():
                self.trouble = ""
            case local.Notice(id=number):
                self._notices.pop(number, None)
                self._notices[number] = message
                if len(self._notices) > _MOST_REMEMBERED:
                    del self._notices[next(iter(self._notices))]
                came = await self._screen.show(message, lambda key: self._pressed(number, key))
                self._send(local.Shown(notice=number, ok=bool(came), kept=came is local.Came.KEPT))
            case local.Withdraw(id=number):
                await self._screen.withdraw(number)
            case local.Answer():
                pass

    def _pressed(self, number: str, key: str) -> None:
        notice = self._notices.get(number)
        button = next((one for one in notice.buttons if one.key == key), None) if notice else None
        if button is None:
            return
        if key == local.GET:
            self._opening.alternative(number, button.url)
        elif button.url:
            self._opening.address(button.url)
        elif key == local.DETAILS:
            self._opening.details()
        # What was opened is a hint too: nobody who asked to see more is told again at once.
        self._send(local.Pressed(notice=number, key=key))
