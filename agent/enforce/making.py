"""Makes the actors, each when its first intent comes: a daemon that only reports loads nothing that acts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from agent.cases import Kind
from agent.enforce.interface import Actor, Intent
from agent.settings import Settings
from agent.version import VERSION
from policy_schema.rules.instant import Instant

if TYPE_CHECKING:
    from agent.enforce.notify import Notifiers
    from agent.enforce.quarantine import Quarantiner


def actor_makers(
    settings: Settings,
    now: Callable[[], Instant],
    homes: Callable[[], Iterable[str]],
    still_runs: Callable[[Intent], bool],
    notifiers: Notifiers,
) -> Mapping[Kind, Callable[[], Actor]]:
    """By kind, what makes its actor. `still_runs`: whether a process still runs what was found."""

    def notify() -> Actor:
        from agent.enforce.notify import NotifyActor

        return NotifyActor(channel=settings.notices, now=now, notifiers=notifiers)

    def quarantine() -> Quarantiner:
        from agent.enforce.quarantine import Quarantiner

        return Quarantiner(
            state_dir=settings.state_dir,
            now=now,
            vault_dir=settings.vault_dir,
            homes=tuple(homes()),
            own=(settings.file,),
            version=VERSION,
        )

    def uninstall() -> Actor:
        from agent.enforce.uninstall import Uninstaller

        return Uninstaller(quarantiner=quarantine(), now=now)

    def give_back() -> Actor:
        from agent.enforce.restore import Restorer

        return Restorer(state_dir=settings.state_dir, now=now, vault_dir=settings.vault_dir)

    def stop() -> Actor:
        from agent.enforce.stop import StopActor

        return StopActor(now=now, still_runs=still_runs)

    return {
        Kind.NOTIFY: notify,
        Kind.UNINSTALL: uninstall,
        Kind.QUARANTINE: quarantine,
        Kind.RESTORE: give_back,
        Kind.STOP: stop,
    }
