"""Tables of decisions; how they are made stands in the migration of the same name."""

from __future__ import annotations

from console.store.tables import metadata

__all__ = ["metadata"]
