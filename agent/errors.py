"""The agent's errors.

InterdictError
├── Gone            the file or process vanished between two looks: look again
├── Denied          the operating system refused: more rights or another place
├── NotRegular      a pipe, device, socket or link stands where a file was expected
├── TooBig          more bytes, entries or levels than the bound
├── ToolMissing     a program of the system is not there
├── ToolFailed      a program of the system ended with an error, or ran out of time
├── BadSettings     the settings file cannot be used
├── BadCommand      the command line cannot be carried out
├── PolicyRefused   a policy repository was refused (with a closed code)
├── Unreachable     a server did not answer
└── StateBroken     the agent's own state on disk cannot be used

Doors in `agent/host` turn foreign errors into these; no OSError travels above it.
"""

from __future__ import annotations


class InterdictError(Exception):
    """Root of the tree. `str()` says what is wrong; `advice()` says what to do, in one sentence."""

    default_advice = "Run `interdict doctor` to see what is wrong with this machine."

    def __init__(self, message: str, advice: str | None = None) -> None:
        super().__init__(message)
        self._advice = advice

    def advice(self) -> str:
        """One sentence somebody can act on."""
        return self._advice or self.default_advice


class Gone(InterdictError):
    """A file or process vanished between two looks."""

    default_advice = "Nothing to do: the next look sees what is there now."


class Denied(InterdictError):
    """The operating system refused."""

    default_advice = "Run the agent as root, or give it the right to read this place."


class NotRegular(InterdictError):
    """A pipe, device, socket or link stands where a regular file or folder was expected."""

    default_advice = "Remove what stands in the way; the agent never opens such things."


class TooBig(InterdictError):
    """More bytes, entries or levels than the bound allows."""

    default_advice = "This is beyond what the agent reads; it is reported as not looked at."


class ToolMissing(InterdictError):
    """A program of the system is not installed."""


class ToolFailed(InterdictError):
    """A program of the system ended with an error or ran out of time."""


class BadSettings(InterdictError):
    """The settings file is missing, unreadable, writable by others, or says something impossible."""

    default_advice = "Mend the settings file; `interdict doctor` checks it."


class BadCommand(InterdictError):
    """The command line asks for something that cannot be done."""

    default_advice = "See `interdict --help`."


class PolicyRefused(InterdictError):
    """A policy repository was refused. `code` is one of the closed list in `agent.policy.refresh`."""

    default_advice = "The last verified policy stays in force; tell the people who publish the policy."

    def __init__(self, code: str, message: str, advice: str | None = None) -> None:
        super().__init__(message, advice)
        self.code = code


class Unreachable(InterdictError):
    """A server did not answer, or not in time."""

    default_advice = "Check the network and the server's address in the settings."


class StateBroken(InterdictError):
    """The agent's own state on disk cannot be used."""

    default_advice = "Move the state folder aside and start the agent again; quarantined files stay where they are."


class StateDamaged(StateBroken):
    """The journal is there and is none, or not whole: it is set aside and another one begins."""
