"""fapolicyd (Linux): rules that refuse execution by folder and by hash, and a last rule that allows the rest.

Rules as of fapolicyd 1.1 (Debian 12, RHEL 8 and 9), which later ones still read: the first rule that matches decides,
`dir=` is the beginning of a path without patterns, a value ends at a blank. Opening is never refused, only execution:
reading, backing up and uninstalling a banned package goes on working.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policy_schema.engines.common.faces import hashes, packages, under
from policy_schema.engines.common.words import left_out, nothing, spared_left_out, versions_left_out
from policy_schema.engines.interface import File, Options, Order, Orders, Translated

NAME = "fapolicyd"
HELP = "fapolicyd on Linux: two files for /etc/fapolicyd/rules.d."
SAYS = "fapolicyd"
NPM_PREFIXES = ("/usr/lib/node_modules", "/usr/local/lib/node_modules")
"""Where npm puts global packages on Linux: the prefix of the system's node and that of one built from source."""
DENY = "deny_syslog perm=execute all :"
REST = """# Interdict: the end of the list. What no rule before this one names is allowed, so that a machine
# which keeps no list of trusted files refuses nothing but what the policy bans. Leave this file out where you keep one.
allow perm=any all : all
"""


def translate(orders: Orders, options: Options) -> Translated:
    """The deny rules, early in the list, and the allow rule at its end."""
    lines = [
        f"# Interdict: policy {orders.policy} of {_comment(orders.organisation)}; written by `interdict-policy compile`"
    ]
    cannot: list[str] = []
    written = 0
    for order in orders.orders:
        rules = list(_rules(order, options)) if order.refuses and not order.versions else []
        if rules:
            lines += ["", f"# {_comment(f'{order.ban}: {order.says}')}", *rules]
        written += len(rules)
        cannot += _cannot(order, bool(rules), options)
    if written:
        cannot.append('fapolicyd shows no text: a refused start says "Operation not permitted" and is in the log.')
        cannot.append("fapolicyd does not end what runs, and `node FILE` starts what `FILE` could not.")
    files = (
        File(
            "fapolicyd/10-interdict.rules",
            ("\n".join(lines) + "\n").encode(),
            "/etc/fapolicyd/rules.d, then `fagenrules --load`",
        ),
        File(
            "fapolicyd/99-interdict-allow-rest.rules",
            REST.encode(),
            "/etc/fapolicyd/rules.d, if you keep no list of trusted files",
        ),
    )
    return Translated(files, tuple(cannot))


def _rules(order: Order, options: Options) -> Iterator[str]:
    denied = [*(f"dir={folder}/" for folder in _folders(order, options)), *(f"sha256hash={h}" for h in hashes(order))]
    if not denied:
        return
    for entry in order.spared:
        if entry.sha256:
            yield f"allow perm=execute all : sha256hash={entry.sha256.lower()}"
        elif _usable(entry.path):
            yield f"allow perm=execute all : path={entry.path}"
            yield f"allow perm=execute all : dir={entry.path.rstrip('/')}/"
    yield from (f"{DENY} {what}" for what in denied)


def _folders(order: Order, options: Options) -> Iterator[str]:
    """Own folders, those in homes for each home that was named, and those of global npm packages."""
    for folder in under(order, "executables", "folders"):
        yield from filter(_usable, _in_homes(folder.rstrip("/"), options.homes))
    for name in packages(order, "npm"):
        yield from filter(_usable, (f"{prefix}/{name}" for prefix in NPM_PREFIXES))


def _in_homes(folder: str, homes: Iterable[str]) -> Iterator[str]:
    if folder.startswith(("~/Library/", "~/Applications/", "~/AppData/", "/Applications/")) or "/Caskroom/" in folder:
        return  # of another system
    if folder.startswith("~/"):
        yield from (f"{home}/{folder[2:]}" for home in homes)
    else:
        yield folder


def _usable(path: str) -> bool:
    """A value ends at a blank, a comma parts values, % begins the name of a set."""
    return path.startswith("/") and len(path) > 1 and not any(char.isspace() or char in ',%"' for char in path)


def _comment(text: str) -> str:
    """One line, whatever the policy's words hold."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:400]


def _cannot(order: Order, made: bool, options: Options) -> Iterator[str]:
    if not order.refuses:
        yield nothing(order, SAYS, f"its stage is {order.action}, and a rule refuses")
        return
    if order.versions:
        yield versions_left_out(order, SAYS)
        return
    at_home = [folder for folder in under(order, "executables", "folders") if folder.startswith("~/.")]
    if at_home and not options.homes:
        named = ", ".join(at_home)
        yield f"{order.ban}: {named} in homes: name each home with --home, for fapolicyd has no pattern for them."
    if not made:
        yield nothing(order, SAYS, "no folder of it outside homes and no hash is known")
        return
    for entry in order.spared:
        if entry.purl or (entry.path and not _usable(entry.path)):
            yield spared_left_out(order, entry.purl or entry.path)
    yield from filter(None, [left_out(order, ("executables", "hashes"), SAYS)])
