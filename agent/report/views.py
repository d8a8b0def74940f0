"""What others may read of the agent: small JSON files, replaced as a whole.

`machine.json` is for everybody: policy, age, coverage, health; no findings, and no name from inside a home.
`<uid>.json` is for that person alone: their findings, notices, places that were looked at, reports word for word.
`0.json` holds everything and is root's. So `status` and `sent` work with a dead daemon, and nobody opens the journal.
Without root there is one person, whose file holds everything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence

from agent.errors import Denied, Gone, NotRegular, StateBroken, TooBig
from agent.host.own_files import own_uid, read_bounded, write_atomically

FOLDER = "views"
_MOST = 32 * 1024 * 1024


class Views:
    """Writes the views of one state folder."""

    def __init__(self, state_dir: str) -> None:
        self._folder = os.path.join(state_dir, FOLDER)
        os.makedirs(self._folder, mode=0o755, exist_ok=True)
        self._written: dict[str, bytes] = {}

    def machine(self, view: Mapping[str, object]) -> None:
        """Replaces `machine.json`."""
        self._write("machine.json", view, 0o644, None)

    def rules(self, view: Mapping[str, object]) -> None:
        """Replaces `rules.json`: the rulebook in force, which is no secret."""
        self._write("rules.json", view, 0o644, None)

    def persons(self, views: Mapping[int, Mapping[str, object]]) -> None:
        """Replaces the file of each person given, and removes those of persons without anything."""
        for uid, view in views.items():
            owner = (uid, 0) if own_uid() == 0 and uid != 0 else None
            self._write(f"{uid}.json", view, 0o400, owner)
        for name in os.listdir(self._folder):
            stem = name.removesuffix(".json")
            if stem.isdigit() and int(stem) not in views:
                os.unlink(os.path.join(self._folder, name))
                self._written.pop(name, None)

    def _write(self, name: str, view: Mapping[str, object], mode: int, owner: tuple[int, int] | None) -> None:
        data = json.dumps(view, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        if self._written.get(name) == data:
            return
        write_atomically(os.path.join(self._folder, name), data, mode, owner)
        self._written[name] = data


def read_view(state_dir: str, name: str) -> dict[str, object] | None:
    """Reads a view; None when there is none (no daemon ran, or nothing concerns this person).

    Raises:
        StateBroken: there is one and it cannot be read.
    """
    path = os.path.join(state_dir, FOLDER, name)
    try:
        data = read_bounded(path, _MOST)
    except Gone:
        return None
    except (Denied, NotRegular, TooBig) as error:
        raise StateBroken(str(error), "Only the person themselves and root can read this file.") from error
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StateBroken(f"{path}: {error}") from error
    if not isinstance(value, dict):
        raise StateBroken(f"{path}: not an object")
    return value


def own_view(state_dir: str) -> dict[str, object] | None:
    """The view of whoever asks: everything for root, else one's own."""
    return read_view(state_dir, f"{own_uid()}.json")


def person_view(
    uid: int,
    findings: Sequence[object],
    history: Sequence[object],
    reports: Sequence[object],
    coverage: Sequence[object] = (),
) -> dict[str, object]:
    """One person's view; its `coverage` names what was looked at in their own home."""
    rows = {"findings": findings, "history": history, "reports": reports, "coverage": coverage}
    return {"schema": 1, "uid": uid, **{name: list(row) for name, row in rows.items()}}
