"""Alembic runs this for each migration; the connection comes from `console.store.migrate`."""

from __future__ import annotations

from alembic import context

from console.store.all_tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=connection.dialect.name == "postgresql",
)
if connection.dialect.name == "postgresql":
    with context.begin_transaction():
        context.run_migrations()
else:
    # The caller's one transaction holds all of it.
    context.run_migrations()
