"""apt: `apt-get remove` of one package of Debian and its relatives; its simulation names everything that goes or comes.

Never `purge` (settings stay) and never its dependencies (nothing is taken that nobody asked for).
"""

from __future__ import annotations

import posixpath
import re

from agent.enforce.managers.interface import Command, Facts, Keeps, Plan, lines_of, no_home
from agent.host.package_tools import APT_GET, DPKG_QUERY

_LINE = re.compile(r"(Inst|Conf|Remv|Purg) (\S+)")
_SET = (
    "-o",
    "APT::Get::AutomaticRemove=false",
    "-o",
    "Dpkg::Use-Pty=0",
    "-o",
    "DPkg::Lock::Timeout=30",
)


def plan(facts: Facts) -> Plan:
    """How apt takes a package out."""
    name = package_of(facts)
    environment = no_home(
        PATH="/usr/sbin:/usr/bin:/sbin:/bin", DEBIAN_FRONTEND="noninteractive", NEEDRESTART_SUSPEND="1"
    )
    return Plan(
        APT_GET,
        Command(("remove", "--yes", "--quiet", *_SET, name), environment, seconds=600),
        dry_run=Command(("remove", "--simulate", *_SET, name), environment),
        others=others,
        keeps=Keeps.SYSTEM,
        listing=(DPKG_QUERY, Command(("--listfiles", name), environment)),
        whole=False,
        as_root=True,
        undo=f"apt-get install {name}",
    )


def package_of(facts: Facts) -> str:
    """The package with its architecture where dpkg's record of it names one (`libc6:amd64`)."""
    record = posixpath.basename(facts.path)
    return record.removesuffix(".list") if record.partition(".list")[0].partition(":")[0] == facts.name else facts.name


def others(written: bytes, facts: Facts) -> frozenset[str] | None:
    """Every package that would be removed, or brought in, beside the one that is meant."""
    found = [match for line in lines_of(written) if (match := _LINE.match(line))]
    names = frozenset(match[2].partition(":")[0] for match in found)
    return names - {facts.name} if facts.name in names else None
