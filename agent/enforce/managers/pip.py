"""pip: the system's own pip, told which environment is meant; it removes what the RECORD of the distribution lists.

The environment's pip is never called by name: who owns an environment chooses what it is. Its interpreter is run, as
its owner. RECORD is what pip itself goes by, so what it would take is known without a dry run.
"""

from __future__ import annotations

from agent.enforce.managers.interface import Command, Facts, Keeps, Plan, no_home
from agent.host.package_tools import PYTHON

_QUIET = ("--disable-pip-version-check", "--no-cache-dir", "--no-input")
_ANYWAY = "--break-system-packages"
"""pip refuses to work beside a distribution's packages (PEP 668); what it had been forced to put there it may take."""


def plan(facts: Facts) -> Plan:
    """How pip takes a distribution out of an environment, a user's own folder or the system's local one."""
    runs: tuple[str, ...] = ()
    arguments: tuple[str, ...]
    if _is_of_a_user(facts):
        arguments = ("-m", "pip", *_QUIET, "uninstall", "--yes", _ANYWAY, facts.name)
        # `-I` would leave the user's own folder out, and that is where it lies.
        environment = no_home(PYTHONUSERBASE=facts.prefix, PYTHONSAFEPATH="1", PIP_CONFIG_FILE="/dev/null")
    elif _is_an_environment(facts):
        runs = (f"{facts.prefix}/bin/python",)
        where = ("--python", facts.prefix)
        arguments = ("-I", "-m", "pip", "--isolated", *_QUIET, *where, "uninstall", "--yes", facts.name)
        environment = no_home()
    else:
        arguments = ("-I", "-m", "pip", "--isolated", *_QUIET, "uninstall", "--yes", _ANYWAY, facts.name)
        environment = no_home()
    return Plan(PYTHON, Command(arguments, environment), keeps=Keeps.RECORD, runs=runs)


def _is_of_a_user(facts: Facts) -> bool:
    return bool(facts.home) and facts.prefix == f"{facts.home}/.local"


def _is_an_environment(facts: Facts) -> bool:
    return facts.prefix not in ("", "/", "/usr", "/usr/local")
