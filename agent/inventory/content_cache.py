"""What is known of files that were looked through, so that a second look reads nothing twice.

The key is (device, inode, ctime, size): a file that was changed has another one. Oldest entries go first. A file that
is still open for writing through memory could keep its ctime; what it then runs is seen by the process watcher.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from agent.host.files import Facts
from agent.inventory.signers import Signer

Key = tuple[int, int, int, int]
MAX_ENTRIES = 8192


class Content(NamedTuple):
    """What a file's bytes say: a signature's id (empty: none matched), the version, and the hash if it was wanted."""

    id: str = ""
    version: str = ""
    sha256: str = ""


class ContentCache:
    """Bounded memory for one set of signatures; another set starts afresh."""

    def __init__(self, bound: int = MAX_ENTRIES) -> None:
        self._bound = bound
        self._known: OrderedDict[Key, Content] = OrderedDict()
        self._signed: OrderedDict[Key, Signer] = OrderedDict()
        self._rules: object = None

    def under(self, rules: object) -> ContentCache:
        """The cache for these rules: what was found out under others is forgotten."""
        if rules != self._rules:
            self._known.clear()
            self._signed.clear()
            self._rules = rules
        return self

    def get(self, facts: Facts) -> Content | None:
        """What is known of a file as it is now."""
        return self._known.get(_key(facts))

    def put(self, facts: Facts, content: Content) -> None:
        """Remembers a file, and forgets the oldest one beyond the bound."""
        self._known[_key(facts)] = content
        if len(self._known) > self._bound:
            self._known.popitem(last=False)

    def get_signer(self, facts: Facts) -> Signer | None:
        """Who signed a file as it is now, if that is known."""
        return self._signed.get(_key(facts))

    def put_signer(self, facts: Facts, signer: Signer) -> None:
        """Remembers who signed a file, nobody included, within the same bound."""
        self._signed[_key(facts)] = signer
        if len(self._signed) > self._bound:
            self._signed.popitem(last=False)


def _key(facts: Facts) -> Key:
    return facts.device, facts.inode, facts.ctime, facts.size
