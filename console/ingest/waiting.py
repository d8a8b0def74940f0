"""From the writing thread back to the event loop: what is committed together wakes the loop once, not once a report."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import CancelledError, Future
from typing import Any, NamedTuple


class _Done(NamedTuple):
    answer: asyncio.Future[Any]
    future: Future[Any]


class Waiting:
    """Shared by all requests of one event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done: deque[_Done] = deque()
        self._woken = False

    async def result(self, future: Future[Any]) -> Any:
        """The result of work that another thread does, or its exception."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        future.add_done_callback(lambda done: self._put(loop, _Done(answer, done)))
        try:
            return await answer
        except asyncio.CancelledError:
            future.cancel()
            raise

    def _put(self, loop: asyncio.AbstractEventLoop, done: _Done) -> None:
        """In the thread that has done it. Waking costs a system call, so only the first of many does."""
        with self._lock:
            self._done.append(done)
            first, self._woken = not self._woken, True
        if first:
            loop.call_soon_threadsafe(self._take)

    def _take(self) -> None:
        """In the loop."""
        with self._lock:
            taken, self._done, self._woken = self._done, deque(), False
        for answer, future in taken:
            if answer.done():
                continue
            try:
                answer.set_result(future.result())
            except CancelledError:
                answer.cancel()
            except BaseException as error:
                answer.set_exception(error)
