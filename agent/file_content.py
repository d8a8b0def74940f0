"""Which tool a file is by its bytes: content signatures over one file, each file once while it does not change."""

from __future__ import annotations

import threading
from collections import OrderedDict

from agent.errors import InterdictError
from agent.host.program_file import is_settled, open_program
from policy_schema.rules.content import Signature, compile_signature, look
from policy_schema.rules.rulebook import DeviceRules

_MOST = 2048
Match = tuple[str, str]
"""(signature id, version), both empty when nothing matches."""


class FileContent:
    """Looks into files and remembers; any thread."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, int, int, int], Match] = OrderedDict()
        self._signatures: tuple[Signature, ...] = ()
        self._lock = threading.Lock()

    def want(self, rules: DeviceRules | None) -> None:
        """From now on these rules' signatures are looked for."""
        made = tuple(compile_signature(key, fields) for key, fields in rules.signatures()) if rules else ()
        with self._lock:
            if made != self._signatures:
                self._signatures = made
                self._known.clear()

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

    def _remember(self, key: tuple[int, int, int, int], answer: Match) -> None:
        with self._lock:
            self._known[key] = answer
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
