"""Who signed a file of the tree, of the signers that rules name: each file once while it does not change.

Every other file costs its first bytes, once. Comparing a signed program reads all of it: of one home at most MAX_BYTES
in one look, so that who fills theirs with signed programs does not keep us from the others'. What is left over then is
`Unknown`, and looked at next time.
"""

from __future__ import annotations

from collections import Counter

from agent.errors import Gone, InterdictError, TooBig
from agent.host.files import Facts, Kind, printable
from agent.host.oserrors import translated
from agent.host.program_file import is_settled
from agent.inventory.interface import Machine
from agent.inventory.signers import Signer, is_signable, signer_of
from policy_schema.rules.binary import HEAD_SIZE
from policy_schema.rules.descriptor import DescriptorReader

MIN_SIZE = 4096
"""Bytes. Mach-O and PE programs that carry a signature are larger."""
MAX_BYTES = 4 << 30
_SYSTEMS = ("/System/Library/CoreServices", "/Windows/System32")


def has_signed_programs(machine: Machine) -> bool:
    """True for a tree of macOS or Windows: there every program may be signed, elsewhere few files are such at all."""
    return bool(machine.wanted.signers) and any(machine.tree.exists(path) for path in _SYSTEMS)


class SignedFiles:
    """The signers of one look."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._read: Counter[str] = Counter()

    def signer(self, facts: Facts) -> Signer:
        """The wanted signer of a file; an empty one if there is none.

        Raises:
            InterdictError: it cannot be read, changed while it was, or too much was read in this home already.
        """
        if not self._machine.wanted.signers or facts.kind is not Kind.FILE or facts.size < MIN_SIZE:
            return Signer()
        known = self._machine.cache.get_signer(facts)
        return self._look(facts) if known is None else known

    def _look(self, facts: Facts) -> Signer:
        machine, home = self._machine, self._machine.home_of(facts.path)
        with machine.tree.open(facts.path) as (fd, now), translated(facts.path):
            program = _Metered(DescriptorReader(fd, now.size), MAX_BYTES - self._read[home])
            found = self._compare(program) if is_signable(program.read_at(0, HEAD_SIZE)) else Signer()
            settled = is_settled(fd)
        self._read[home] += program.read
        if program.spent():
            raise TooBig(f"{printable(facts.path)}: more than {MAX_BYTES >> 30} GB of signed programs in this home")
        if machine.tree.facts(facts.path)._replace(path="") != now._replace(path=""):
            raise Gone(f"{printable(facts.path)}: changed while it was read")
        if settled and not machine.stopped():
            machine.cache.put_signer(now, found)
        return found

    def _compare(self, program: _Metered) -> Signer:
        return signer_of(program, self._machine.wanted.signers, lambda: program.spent() or self._machine.stopped())


class _Metered:
    """A program that counts what is read of it."""

    def __init__(self, inner: DescriptorReader, limit: int) -> None:
        self._inner = inner
        self._limit = limit
        self.read = 0

    @property
    def size(self) -> int:
        """In bytes."""
        return self._inner.size

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on."""
        data = self._inner.read_at(offset, length)
        self.read += len(data)
        return data

    def spent(self) -> bool:
        """True when more was read than may be."""
        return self.read > self._limit


def signer_or_reason(files: SignedFiles, facts: Facts) -> tuple[Signer, InterdictError | None]:
    """The signer, and why it could not be told: what is known of the file otherwise counts all the same."""
    try:
        return files.signer(facts), None
    except Gone:
        return Signer(), None
    except InterdictError as error:
        return Signer(), error
