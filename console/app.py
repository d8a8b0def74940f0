"""Builds the console of its parts; its routes stand in `console/web/routes.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware

from console.access import Access
from console.access.settings import DEFAULTS, AccessSettings
from console.brake.tell import teller
from console.clock import Clock, wall_clock
from console.deciding import Deciding
from console.decisions import Decisions
from console.ingest.agents import AgentRoutes
from console.ingest.writer import Writer
from console.patience import Crowd
from console.schedules.runner import Runner
from console.schedules.settings import Delivering
from console.settings import Settings
from console.store.db import Database
from console.store.retention import Keep
from console.upkeep import Upkeep
from console.web.context import Context
from console.web.guard import NEEDS, Guard
from console.web.headers import Headers, LocalOnly
from console.web.routes import RULES
from console.web.templating import Templates

NO_DECISIONS = Decisions()
USUAL_KEEP = Keep()
NOTHING_SET_UP = Delivering()


def build(
    settings: Settings,
    database: Database,
    *,
    clock: Clock = wall_clock,
    writer: Writer | None = None,
    access: AccessSettings = DEFAULTS,
    decisions: Decisions = NO_DECISIONS,
    keep: Keep = USUAL_KEEP,
    delivering: Delivering = NOTHING_SET_UP,
) -> Starlette:
    """The application. It starts and stops the writer, who decides, and the upkeep; the database stays the caller's."""
    writer = writer or Writer(database)
    tell = teller(decisions.brake, delivering)
    deciding = Deciding(database=database, decisions=decisions, clock=clock, tell=tell)
    upkeep = Upkeep(database, keep=keep, silent_after=settings.silent_after, clock=clock)
    runner = Runner(database, delivering=delivering, silent_after=settings.silent_after, clock=clock)
    context = Context(
        database=database,
        settings=settings,
        clock=clock,
        access=Access(database=database, clock=clock, settings=access),
        agents=AgentRoutes(database=database, writer=writer, clock=clock, report_every=settings.report_every),
        templates=Templates(),
        keep=keep,
        pages=tuple((rule.path, NEEDS[rule.who]) for rule in RULES if rule.who in NEEDS and rule.method == "GET"),
    )
    guard = Guard(context)

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        writer.start()
        upkeep.start()
        runner.start()
        deciding.start()
        app.state.deciding = deciding
        yield
        await run_in_threadpool(deciding.stop)
        await run_in_threadpool(runner.stop)
        await run_in_threadpool(upkeep.stop)
        await run_in_threadpool(writer.stop)

    middleware = [Middleware(Headers, clock=clock, behind_tls=settings.behind_tls), Middleware(Crowd)]
    if settings.trial:
        middleware.append(Middleware(LocalOnly))
    return Starlette(
        routes=[guard.route(rule) for rule in RULES],
        middleware=middleware,
        lifespan=life,
        exception_handlers={404: guard.nothing},
    )
