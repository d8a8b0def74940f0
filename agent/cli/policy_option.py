"""`--policy FILE|DIR|URL`: where a command that only looks takes its policy from.

A file is good for looking only and is marked `unsigned`; a folder or an address is a TUF repository and is verified
against `--trust-root`. Without the option it is the policy that the agent on this machine has in force.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from agent.cli.look import known_device
from agent.configured import first_trust
from agent.errors import BadCommand, PolicyRefused
from agent.host.clock import wall
from agent.policy import children
from agent.policy.refresh import Place, refresh
from agent.policy.store import Store, read_repository
from agent.policy.wire import pack
from agent.settings import Settings
from policy_schema.errors import PolicyError
from policy_schema.rules.rulebook import Rulebook


class Chosen(NamedTuple):
    """The rulebook to look with, and how far it can be relied on."""

    book: Rulebook
    trust: str
    signers: tuple[str, ...]
    age_s: int | None
    relief: Mapping[str, object] = {}
    """The exceptions and pauses that hold on this device (`agent.policy_in_force.rules_of`)."""

    def head(self) -> dict[str, object]:
        """The `policy` part of `scan --json`."""
        return {
            "id": self.book.policy_id,
            "version": self.book.version,
            "trust": self.trust,
            "signers": list(self.signers),
            "age_s": self.age_s,
        }


def add_policy_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `--policy` and `--trust-root`."""
    parser.add_argument("--policy", metavar="FILE|DIR|URL", help="a policy file (unsigned), or a policy repository")
    parser.add_argument("--trust-root", metavar="FILE", help="the first root.json of the policy repository")


def choose_policy(args: argparse.Namespace, settings: Settings) -> Chosen:
    """The policy that the command line asks for.

    Raises:
        BadCommand: there is none, or it is a repository without `--trust-root`.
        PolicyRefused: the repository does not verify, or the file is not a policy.
    """
    try:
        if not args.policy:
            return _in_force(settings)
        if "://" in args.policy:
            return _from_url(args.policy, _trust(args, settings), settings)
        if os.path.isdir(args.policy):
            return _from_folder(args.policy, _trust(args, settings), settings)
        return _from_file(Path(args.policy))
    except PolicyError as error:
        code = str(getattr(error, "code", "bad-document"))
        raise PolicyRefused(code, str(error), error.advice()) from error


def _from_file(path: Path) -> Chosen:
    from policy_schema.document.catalogue import load_catalogue
    from policy_schema.document.close import close_policy
    from policy_schema.document.compile import compile_policy
    from policy_schema.document.lint import checked_policy

    catalogue = load_catalogue()
    closed = close_policy(checked_policy(path, catalogue), catalogue)
    return Chosen(Rulebook(compile_policy(closed.document, 0)), "unsigned", (), None)


def _from_folder(folder: str, trust: bytes, settings: Settings) -> Chosen:
    """A repository on this machine: its files are handed to the same adopter that the agent uses."""
    files = read_repository(folder)

    def courier(question: Mapping[str, object]) -> Mapping[str, object]:
        return {"result": "changed", "files": pack(files)}

    return _adopted(Place(folder, trust, device=known_device(settings) or ""), courier, settings)


def _from_url(url: str, trust: bytes, settings: Settings) -> Chosen:
    access = {"proxy": settings.proxy, "ca_file": settings.ca_file}
    return _adopted(
        Place(url, trust, access, known_device(settings) or ""), children.courier(settings.courier_user), settings
    )


def _adopted(place: Place, courier: children.Ask, settings: Settings) -> Chosen:
    adopter = children.adopter(settings.adopter_user)
    with tempfile.TemporaryDirectory(prefix="interdict-scan-") as folder:
        found = refresh(place, Store(folder), courier=courier, adopter=adopter, now=wall(), seen={}, in_force=None)
    adopted = found.adopted
    if adopted is None:
        raise PolicyRefused(found.status.value, f"{place.url}: {found.message.rstrip('.')}", found.advice)
    age = max(0, wall() - adopted.signed_at)
    return Chosen(Rulebook(adopted.rulebook), "verified", adopted.signers, age, adopted.relief)


def _trust(args: argparse.Namespace, settings: Settings) -> bytes:
    name = args.trust_root
    if not name and settings.trust_root:
        return first_trust(settings)
    if not name:
        raise BadCommand("a policy repository needs --trust-root FILE", "Name the root.json that the authors gave you.")
    try:
        with open(name, "rb") as file:
            return file.read(1_000_000)
    except OSError as error:
        raise BadCommand(f"{name}: {error.strerror}", "Name the root.json that the authors gave you.") from error


def _in_force(settings: Settings) -> Chosen:
    from agent.report.views import read_view

    view = read_view(settings.state_dir, "rules.json")
    if view is None:
        raise BadCommand(
            "there is no policy to look with", "Name one: --policy FILE, or a repository with --trust-root."
        )
    rulebook, policy = view.get("rulebook"), view.get("policy")
    if not isinstance(rulebook, dict) or not isinstance(policy, dict):
        raise BadCommand("the agent's policy cannot be read", "Start the agent once more: it writes it anew.")
    try:
        signers = tuple(str(name) for name in policy.get("signers") or ())
        age = wall() - int(policy.get("confirmed_at") or 0)
        relief = view.get("relief")
        return Chosen(
            Rulebook(rulebook), str(policy.get("trust")), signers, age, relief if isinstance(relief, dict) else {}
        )
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        # An agent of another version wrote it.
        raise BadCommand(
            "the agent's policy is not of a form that this program knows", "Restart the agent: it writes it anew."
        ) from error
