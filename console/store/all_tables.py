"""Every table, for whoever needs the whole: the migrations, and the tests over all queries."""

from __future__ import annotations

import console.store.tables_access
import console.store.tables_decisions
import console.store.tables_fleet
import console.store.tables_schedules  # noqa: F401 - as above
from console.store.tables import FLEET_TABLES, metadata

__all__ = ["FLEET_TABLES", "metadata"]
