"""Results of the writing thread in the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor as Threads
from typing import Any

import pytest

from console.ingest.waiting import Waiting


def test_what_is_done_together_arrives_each_at_its_own_request_and_wakes_the_loop_once() -> None:
    async def many() -> tuple[list[int], int]:
        waiting, loop, wakes = Waiting(), asyncio.get_running_loop(), 0
        futures: list[Future[int]] = [Future() for _ in range(50)]
        tasks = [asyncio.ensure_future(waiting.result(one)) for one in futures]
        await asyncio.sleep(0)
        wake = loop.call_soon_threadsafe

        def counted(*words: Any, **more: Any) -> Any:
            nonlocal wakes
            wakes += words[0] == waiting._take
            return wake(*words, **more)

        loop.call_soon_threadsafe = counted  # type: ignore[method-assign]
        with Threads(1) as thread:
            # The loop waits here, so that all of them are done before it looks.
            thread.submit(lambda: [one.set_result(place) for place, one in enumerate(futures)]).result()
        return await asyncio.gather(*tasks), wakes

    assert asyncio.run(many()) == (list(range(50)), 1)


def test_what_failed_fails_where_it_is_waited_for() -> None:
    async def one() -> None:
        future: Future[int] = Future()
        future.set_exception(ValueError("no"))
        await Waiting().result(future)

    with pytest.raises(ValueError, match="no"):
        asyncio.run(one())


def test_who_goes_away_takes_back_what_was_not_begun() -> None:
    async def one() -> bool:
        future: Future[int] = Future()
        task = asyncio.ensure_future(Waiting().result(future))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return future.cancelled()

    assert asyncio.run(one())
