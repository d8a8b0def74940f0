"""Notices on the person's own desktop, by the `desktop-notifier` library. Loaded in the notifier alone."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable

from desktop_notifier import Button, Capability, DesktopNotifier, Notification, Urgency
from msgspec import structs

from agent.notify.manners import Manners, manners
from policy_schema.messages import local
from policy_schema.notices.discreet import discreet

APP = "Interdict"
_STEP_WITHIN = 5.0
"""Seconds for one question to the notification service."""
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class Desktop:
    """The notification service of this session. What it cannot do is left out: the text says everything."""

    def __init__(self, languages: tuple[str, ...] = (), ask: Callable[[], Awaitable[Manners]] = manners) -> None:
        """`languages` of the session; `ask` tells whether a notice would disturb, or be seen by others."""
        logging.getLogger("desktop_notifier").setLevel(logging.ERROR)
        self._languages, self._ask = languages, ask
        self._service: DesktopNotifier | None = None
        self._markup = False
        self._covered: set[str] = set()
        """Notices in whose place stands that there is one."""

    async def show(self, notice: local.Notice, pressed: Callable[[str], None]) -> local.Came:
        """Shows a notice in the place of an earlier one with its id. True once the service took it.

        While the person does not want to be disturbed, or others see the screen, only what stays (something happens
        within the hour) appears; on a screen that others see without its content.
        """
        try:
            return await asyncio.wait_for(self._politely(notice, pressed), _STEP_WITHIN)
        except Exception:
            # The session ends, no service answers, one of another kind: whoever asked tries elsewhere. The library
            # lets through whatever its bus says.
            self._service = None
            return local.Came.NOT

    async def withdraw(self, notice: str) -> None:
        """Takes a notice off the screen, if it is there."""
        if self._service is None:
            return
        try:
            await asyncio.wait_for(self._service.clear(notice), _STEP_WITHIN)
        except Exception:
            # It was closed already, or the service is gone.
            return

    async def _politely(self, notice: local.Notice, pressed: Callable[[str], None]) -> local.Came:
        how = await self._ask()
        if (how.disturbs or how.mirrored) and not notice.stays:
            return local.Came.KEPT
        if how.mirrored:
            if notice.id not in self._covered:
                title, body = discreet(self._languages)
                await self._show(structs.replace(notice, title=title, body=body, buttons=()), pressed)
                self._covered.add(notice.id)
            return local.Came.KEPT
        self._covered.discard(notice.id)
        took = await self._show(notice, pressed)
        if took and how.keeps_urgent:
            return local.Came.KEPT
        return local.Came.SHOWN if took else local.Came.NOT

    async def _show(self, notice: local.Notice, pressed: Callable[[str], None]) -> bool:
        service = await self._there()
        can = await service.get_capabilities()
        buttons = tuple(
            Button(title=one.label, on_pressed=_pressing(pressed, one.key), identifier=one.key)
            for one in notice.buttons
            if Capability.BUTTONS in can
        )
        await self.withdraw(notice.id)
        took: list[bool] = []
        await service.send_notification(
            Notification(
                title=notice.title,
                message=notice.body.translate(_MARKUP) if self._markup else notice.body,
                urgency=Urgency.Critical if notice.stays else Urgency.Normal,
                buttons=buttons,
                on_dispatched=lambda: took.append(True),
                identifier=notice.id,
            )
        )
        if not took:
            self._service = None
        return bool(took)

    async def _there(self) -> DesktopNotifier:
        if self._service is None:
            self._markup = await _reads_markup()
            self._service = DesktopNotifier(app_name=APP, app_icon=None)
        return self._service


def _pressing(pressed: Callable[[str], None], key: str) -> Callable[[], None]:
    return lambda: pressed(key)


async def _reads_markup() -> bool:
    """Whether the service takes the body for markup, as the specification of desktop notifications lets it."""
    if sys.platform != "linux":
        return False
    from dbus_fast import Message, MessageType
    from dbus_fast.aio import MessageBus

    place = "org.freedesktop.Notifications"
    bus = await MessageBus().connect()
    try:
        question = Message(
            destination=place, path="/org/freedesktop/Notifications", interface=place, member="GetCapabilities"
        )
        answer = await bus.call(question)
        return answer.message_type is MessageType.METHOD_RETURN and "body-markup" in answer.body[0]
    finally:
        bus.disconnect()
