"""The parts of a console that decide: who follows the policy, publishes, brakes. Started and stopped together."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from console.brake.watch import Tell, Watch
from console.clock import Clock
from console.decisions import Decisions, Publish
from console.exceptions.publish import Publisher, seen_in_repository
from console.policy.follow import Follower
from console.store.db import Database


class Deciding:
    """One for each process of a console. The database lets one of them at a time look, publish and brake."""

    def __init__(
        self,
        *,
        database: Database,
        decisions: Decisions,
        clock: Clock,
        tell: Tell | None = None,
    ) -> None:
        """`tell` passes alarms on."""
        self.decisions = decisions
        self.follower = Follower(database=database, source=decisions.source, clock=clock, kept=self._kept)
        self.publisher = Publisher(database=database, publishing=decisions.publishing, clock=clock)
        self.watch = Watch(database=database, brake=decisions.brake, clock=clock, paused=self.publisher.poke, tell=tell)

    def _kept(self, connection: Connection, files: Mapping[str, bytes], now: int) -> None:
        """What somebody else has signed for us stands in the repository."""
        if self.publisher.how is Publish.STAGED:
            seen_in_repository(connection, files, now)

    def start(self) -> None:
        """Begins what is set up."""
        self.follower.start()
        self.publisher.start()
        self.watch.start()

    def stop(self) -> None:
        """Ends everything, and what is under way first."""
        self.watch.stop()
        self.publisher.stop()
        self.follower.stop()
