"""Which tool a file is by its bytes: content signatures, and who signed it; each file once while it does not change."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from agent.errors import InterdictError
from agent.host.program_file import is_settled, open_program
from agent.inventory.signed_files import MIN_SIZE
from agent.inventory.signers import Signer, signer_of
from policy_schema.rules.content import Signature, compile_signature, look
from policy_schema.rules.descriptor import DescriptorReader
from policy_schema.rules.rulebook import DeviceRules

_MOST = 2048
_LARGEST = 4 << 30
"""Programs larger than this are not looked through whole."""
_LONGEST = 20.0
"""Seconds that a look through all of one program may take."""
Match = tuple[str, str]
"""(signature id, version), both empty when nothing matches."""


class FileContent:
    """Looks into files and remembers; any thread."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, int, int, int], Match] = OrderedDict()
        self._signed: OrderedDict[tuple[int, int, int, int], Signer] = OrderedDict()
        self._signatures: tuple[Signature, ...] = ()
        self._signers: frozenset[str] = frozenset()
        self._through: OrderedDict[tuple[int, int, int, int], None] = OrderedDict()
        """Files that were looked through whole, and match nothing."""
        self._lock = threading.Lock()

    def want(self, rules: DeviceRules | None) -> None:
        """From now on these rules' signatures are looked for."""
        made = tuple(compile_signature(key, fields) for key, fields in rules.signatures()) if rules else ()
        tools = rules.book.tools.values() if rules else ()
        signers = frozenset(signer for tool in tools for signer in tool.signers)
        with self._lock:
            if (made, signers) != (self._signatures, self._signers):
                self._signatures, self._signers = made, signers
                self._known.clear()
                self._signed.clear()

    def __call__(self, path: str) -> Match:
        """What a file is. One that cannot be opened matches nothing: the inventory says what could not be looked at."""
        if not self._signatures:
            return "", ""
        try:
            with open_program(path) as file:
                with self._lock:
                    known = self._known.get(file.key)
                if known is not None:
                    return known
                found = look(file.fd, file.size, self._signatures)
                answer = (found[0].id, found[0].version) if found else ("", "")
                if is_settled(file.fd):
                    self._remember(file.key, answer)
                return answer
        except (InterdictError, OSError):
            return "", ""

    def signer(self, path: str) -> Signer:
        """Which wanted signer a program of macOS or Windows has; nobody also where it cannot be opened."""
        if not self._signers:
            return Signer()
        try:
            with open_program(path) as file:
                with self._lock:
                    known = self._signed.get(file.key)
                if known is not None or file.size < MIN_SIZE:
                    return known or Signer()
                found = signer_of(DescriptorReader(file.fd, file.size), self._signers, lambda: False)
                if is_settled(file.fd):
                    with self._lock:
                        self._signed[file.key] = found
                        if len(self._signed) > _MOST:
                            self._signed.popitem(last=False)
                return found
        except (InterdictError, OSError):
            return Signer()

    def through(self, path: str, stop: Callable[[], bool]) -> Match:
        """What a program is by all of its bytes: its usual places can be moved away from where a quick look expects
        them (40 MB of nothing behind its end). Each file once while it does not change; `stop` is asked before each
        piece.
        """
        signatures = self._signatures
        deadline = time.monotonic() + _LONGEST
        try:
            with open_program(path) as file:
                with self._lock:
                    if file.key in self._through or file.size > _LARGEST:
                        return "", ""
                found = look(file.fd, file.size, signatures, lambda: stop() or time.monotonic() > deadline, whole=True)
                if not found and is_settled(file.fd) and not stop():
                    with self._lock:
                        self._through[file.key] = None
                        if len(self._through) > _MOST:
                            self._through.popitem(last=False)
                return (found[0].id, found[0].version) if found else ("", "")
        except (InterdictError, OSError):
            return "", ""

    def _remember(self, key: tuple[int, int, int, int], answer: Match) -> None:
        with self._lock:
            self._known[key] = answer
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
