"""`python -m agent`, and the one entry of the frozen program: hidden verbs of our children first, then the commands."""

from __future__ import annotations

import codecs
import gc
import importlib
import sys
from collections.abc import Mapping, Sequence

HIDDEN: Mapping[str, str] = {
    "_adopter": "agent.policy.adopter",
    "_courier": "agent.policy.courier",
    "_probe": "agent.host.probe",
    "_signer": "agent.policy.signer",
}
"""Verbs of `agent.host.child` and the modules that answer them, each with `answer(question) -> answer`.

By name, so that neither the commands nor an import contract load what only a child needs.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a hidden verb or an ordinary command and gives its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in HIDDEN:
        return serve(arguments[0], arguments[1:])
    ordinary = importlib.import_module("agent.cli.main")
    # As itself where we are the program: then it may end without the interpreter's own end.
    return int(ordinary.main(None if argv is None else arguments))


def serve(verb: str, arguments: Sequence[str]) -> int:
    """One question on stdin, one answer on stdout, after the rights that are not needed were given away."""
    from agent.host.confine import Cage, confine
    from agent.policy import frames

    try:
        cage = Cage.from_argument(arguments[0])
    except (IndexError, ValueError):
        print(f"{verb} is for the agent's own use; see `interdict --help`", file=sys.stderr)
        return 2
    module = importlib.import_module(HIDDEN[verb])
    importlib.import_module("_strptime")  # by datetime.strptime when first used
    for codec in ("ascii", "latin-1"):
        codecs.lookup(codec)  # loaded when first used otherwise, which may be too late
    gc.disable()  # one question, then the end: nothing is worth collecting, and a large policy is read twice as fast
    confine(cage)
    for piece in frames.write(module.answer(frames.read(sys.stdin.buffer))):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
