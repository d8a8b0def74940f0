"""Changes of a large table while others use it; for migrations. On SQLite they are the plain ones."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError


def create_index(name: str, table: str, columns: list[str], *, where: str | None = None) -> None:
    """Makes an index; on PostgreSQL without keeping anybody from writing, which cannot be part of a transaction.

    What an interrupted try has left behind is an invalid index under this name: it is dropped first.
    """
    if op.get_bind().dialect.name != "postgresql":
        op.create_index(name, table, columns, unique=False, sqlite_where=None if where is None else text(where))
        return
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        invalid = text("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid")
        if connection.execute(invalid, {"name": name}).scalar_one_or_none():
            op.drop_index(name, table_name=table, postgresql_concurrently=True)
        # A statement that waits for old transactions to end may take as long as the longest export.
        connection.execute(text("SET lock_timeout = 0"))
        op.create_index(
            name,
            table,
            columns,
            unique=False,
            if_not_exists=True,
            postgresql_concurrently=True,
            postgresql_where=None if where is None else text(where),
        )


def trigrams(name: str, table: str, column: str) -> None:
    """An index for a search within texts, where PostgreSQL has one to offer: the extension `pg_trgm` comes with its
    contributed modules, and who owns a database may add it. Without it a search looks at every row.
    """
    if op.get_bind().dialect.name != "postgresql":
        return
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        try:
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
        except DBAPIError:
            return
        connection.execute(text("SET lock_timeout = 0"))
        connection.execute(
            text(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {table} USING gin ({column} gin_trgm_ops)")
        )
