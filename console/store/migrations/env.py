"""Alembic runs this for each migration; the connection comes from `console.store.migrate`."""

from __future__ import annotations

from alembic import context

from console.store.all_tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
