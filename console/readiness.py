"""Whether this process can take reports now: said to load balancers, in words."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError

from console.ingest.agents import AgentRoutes
from console.store.db import Database
from console.store.migrate import newest, revision_of


def not_ready(database: Database, agents: AgentRoutes) -> list[str]:
    """A line for each thing that is not well; none when all is. No address and no error text: anybody may ask."""
    wrong = ["there is no room for reports"] if agents.full else []
    try:
        with database.read() as connection:
            revision = revision_of(connection)
    except SQLAlchemyError:
        return [*wrong, "the database does not answer"]
    if revision != newest():
        wrong.append("the database has another form than this program expects: interdict-console migrate")
    return wrong
