"""A home with a made-up tool in it, and the actor that uninstalls: what the daemon does, without the daemon."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.cases import Kind
from agent.enforce.interface import Intent, Outcome
from agent.enforce.managers.interface import Command
from agent.enforce.quarantine import Quarantiner
from agent.enforce.restore import Restorer
from agent.enforce.uninstall import Run, Uninstaller, run_manager
from agent.host.command import Account, Output, Tool
from agent.inventory.machine import open_machine
from agent.inventory.runner import look
from policy_schema.notices.signpost import signpost
from policy_schema.rules.decision import Action
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Observation

NOW = Instant(1_800_000_000)
STUB = signpost(
    {"name": "Example Group", "contacts": {"help": "https://help.example.com"}},
    {"id": "b", "reason": {"en": "No."}, "stages": [], "alternatives": [{"name": "Qoder", "url": "https://qoder.com"}]},
    {"id": "made-up", "name": "Made Up"},
    NOW,
)


class Uninstalling:
    """One machine with one home. `between` is called ahead of every program that is started."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.home = base / "home"
        self.state = base / "state"
        self.home.mkdir(parents=True)
        self.state.mkdir()
        self.between: Callable[[Command], None] = lambda command: None
        self.ran: list[tuple[str, Account | None]] = []
        self.arguments: list[str] = []
        self.instead: Run = run_manager
        self.seconds = 60.0

    def find(self, source: str, name: str) -> Observation:
        """What the inventory says of it."""
        with open_machine(homes=[str(self.home)], system=False) as machine:
            (seen,) = [one for one in look(machine, [source]).observations[source] if one.name == name]
        return seen

    def uninstall(self, seen: Observation, **changes: object) -> Outcome:
        """Lets the actor do it."""
        quarantiner = Quarantiner(state_dir=str(self.state), now=lambda: NOW, homes=(str(self.home),))
        return Uninstaller(quarantiner=quarantiner, now=lambda: NOW, run=self._run).act(intent_for(seen, **changes))

    def restore(self, quarantine_id: str) -> Outcome:
        """Gives it back."""
        actor = Restorer(state_dir=str(self.state), now=lambda: NOW)
        wish = Intent(Kind.RESTORE, "f-1", "i-1", "f-1", Action.REPORT, "ban", "made-up", quarantine_id=quarantine_id)
        return actor.act(wish)

    def _run(self, tool: Tool, command: Command, account: Account | None) -> Output:
        self.ran.append((tool.name, account))
        self.arguments += command.arguments
        self.between(command)
        return self.instead(tool, command._replace(seconds=min(command.seconds, self.seconds)), account)


def intent_for(seen: Observation, **changes: object) -> Intent:
    """What the decider would ask for."""
    wish = Intent(
        Kind.UNINSTALL,
        "f-1",
        "i-1",
        "f-1",
        Action.REMOVE,
        "ban",
        "made-up",
        path=seen.path,
        identity=seen.inode,
        uid=seen.uid,
        links=seen.links,
        purl=seen.purl,
        package=True,
        project=seen.project,
        manager=seen.manager,
        prefix=seen.prefix,
        home=seen.home,
        extension=seen.extension,
        parts=((seen.path, seen.inode),),
        signpost=STUB,
        policy_version=7,
    )
    return wish._replace(**changes)  # type: ignore[arg-type]
