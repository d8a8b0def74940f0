"""Builds the console: database, writer, routes. Every part gets what it needs, and the clock, from here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from console.access import Access
from console.clock import Clock, wall_clock
from console.ingest.agents import AgentRoutes
from console.ingest.writer import Writer
from console.settings import Settings
from console.store.db import Database
from console.web.headers import Headers, LocalOnly
from console.web.pages import Pages
from policy_schema.messages.enrol import ENROL_PATH
from policy_schema.messages.report import REPORTS_PATH

STATIC = Path(__file__).parent / "web" / "static"


def build(
    settings: Settings, database: Database, *, clock: Clock = wall_clock, writer: Writer | None = None
) -> Starlette:
    """The application. It starts and stops the writer; the database stays the caller's."""
    writer = writer or Writer(database)
    access = Access(database=database, clock=clock)
    pages = Pages(database=database, access=access, settings=settings, clock=clock)
    agents = AgentRoutes(database=database, writer=writer, clock=clock, report_every=settings.report_every)

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        writer.start()
        yield
        await run_in_threadpool(writer.stop)

    middleware = [Middleware(Headers, clock=clock, behind_tls=settings.behind_tls)]
    if settings.trial:
        middleware.append(Middleware(LocalOnly))
    return Starlette(
        routes=_routes(pages, agents),
        middleware=middleware,
        lifespan=life,
        exception_handlers={404: pages.not_found},
    )


def _routes(pages: Pages, agents: AgentRoutes) -> list[Route | Mount]:
    """The page of contents."""
    return [
        Route(ENROL_PATH, agents.enrol, methods=["POST"]),
        Route(REPORTS_PATH, agents.reports, methods=["POST"]),
        Route("/healthz", _healthz),
        Route("/login", pages.login),
        Route("/login", pages.sign_in, methods=["POST"]),
        Route("/logout", pages.sign_out, methods=["POST"]),
        Route("/", pages.guarded(pages.compliance)),
        Route("/devices/{device}", pages.guarded(pages.device)),
        Route("/devices/{device}/reports/{epoch}/{sequence:int}", pages.guarded(pages.report)),
        Route("/export/compliance.csv", pages.guarded(pages.export_csv)),
        Route("/export/compliance.json", pages.guarded(pages.export_json)),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


async def _healthz(request: Request) -> PlainTextResponse:
    """For whatever restarts servers."""
    return PlainTextResponse("ok\n")
