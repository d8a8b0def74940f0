"""osquery: a pack of queries that finds the banned tools in osquery's own tables. It reports and stops nothing.

Tables and columns as of osquery 5. Tables with a `uid` column show the rows of root alone unless they are joined with
`users`. `npm_packages` leaves out packages with a scope (osquery issue 8683), so those are looked for as files. No
query watches files or processes: the pack works without events.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from policy_schema.engines.common.faces import apple_signers, authenticode_signers, hashes, packages, under
from policy_schema.engines.common.words import nothing
from policy_schema.engines.interface import File, Options, Order, Orders, Translated

NAME = "osquery"
HELP = "osquery: a query pack that finds the banned tools, and a schedule for it."
SAYS = "osquery"
INTERVAL = 3600
"""Seconds between two runs."""
NPM_PREFIXES = {
    "linux": ("/usr/lib", "/usr/local/lib", "/home/%/.npm-global/lib", "/home/%/.nvm/versions/node/%/lib"),
    "darwin": ("/usr/local/lib", "/opt/homebrew/lib", "/Users/%/.npm-global/lib", "/Users/%/.nvm/versions/node/%/lib"),
    "windows": ("C:\\Users\\%\\AppData\\Roaming\\npm",),
}
COMMANDS = {
    "linux": ("/usr/local/bin/%", "/home/%/.local/bin/%", "/root/.local/bin/%"),
    "darwin": ("/usr/local/bin/%", "/opt/homebrew/bin/%", "/Users/%/.local/bin/%"),
    "windows": ("C:\\Users\\%\\.local\\bin\\%.exe",),
}
"""Where programs lie that somebody put there by hand; only these are hashed or asked for their signature."""
HOMES = {"linux": ("/home/%", "/root"), "darwin": ("/Users/%",), "windows": ("C:\\Users\\%",)}


class Query(NamedTuple):
    """One query of the pack; `platform` is osquery's word, `all` for every system."""

    name: str
    platform: str
    sql: str


class Table(NamedTuple):
    """A table with one row an installed thing: which column holds the name, and the columns to show."""

    face: tuple[str, str]
    platform: str
    select: str
    column: str


TABLES = {
    "apps": Table(
        ("apps", "macos"), "darwin", "name, bundle_short_version AS version, path FROM apps", "bundle_identifier"
    ),
    "programs": Table(("apps", "windows"), "windows", "name, version, install_location AS path FROM programs", "name"),
    "vscode": Table(
        ("extensions", "vscode"),
        "all",
        "name, version, path FROM users CROSS JOIN vscode_extensions USING (uid)",
        "name",
    ),
    "chromium": Table(
        ("extensions", "chromium"),
        "all",
        "name, version, path FROM users CROSS JOIN chrome_extensions USING (uid)",
        "identifier",
    ),
    "firefox": Table(
        ("extensions", "firefox"),
        "all",
        "name, version, path FROM users CROSS JOIN firefox_addons USING (uid)",
        "identifier",
    ),
}
PACKAGES = {
    "deb": ("linux", "name, version, '' AS path FROM deb_packages"),
    "rpm": ("linux", "name, version, '' AS path FROM rpm_packages"),
    "brew": ("darwin", "name, version, path FROM homebrew_packages"),
    "pypi": ("all", "name, version, path FROM users CROSS JOIN python_packages USING (uid)"),
    "choco": ("windows", "name, version, path FROM chocolatey_packages"),
}


def translate(orders: Orders, options: Options) -> Translated:
    """The pack, and a configuration that schedules it."""
    queries: dict[str, dict[str, object]] = {}
    cannot: list[str] = []
    for order in orders.orders:
        made = list(_queries(order))
        for query in made:
            queries[f"{order.ban}.{order.tool_id}.{query.name}"] = _entry(order, query)
        if not made:
            cannot.append(nothing(order, SAYS, "none of its tables shows what the tool is known by"))
        elif order.versions:
            cannot.append(
                f"{order.ban}: all versions are found; banned are {order.versions}: compare the column `version`."
            )
        if order.spared:
            cannot.append(f"{order.ban}: what its except list spares is found too.")
    if queries:
        cannot.append(
            "osquery refuses nothing and tells nobody at the machine; it shows what is installed, not what is used."
        )
        cannot.append(
            "Content, names on PATH, editors other than osquery knows, and homes in unusual places are not looked at."
        )
    pack = json.dumps({"version": "5.0.0", "queries": queries}, ensure_ascii=False, indent=2) + "\n"
    config = {"packs": {"interdict": "/etc/osquery/packs/interdict.conf"}}
    return Translated(
        (
            File("osquery/interdict.conf", pack.encode(), "/etc/osquery/packs, or your fleet manager's packs"),
            File(
                "osquery/osquery.conf.d/interdict.conf",
                (json.dumps(config, indent=2) + "\n").encode(),
                "/etc/osquery/osquery.conf.d",
            ),
        ),
        tuple(cannot),
    )


def _entry(order: Order, query: Query) -> dict[str, object]:
    entry: dict[str, object] = {
        "query": query.sql,
        "interval": INTERVAL,
        "description": f"{order.tool_name}: {order.action} by the ban {order.ban}",
        "snapshot": True,
    }
    return entry if query.platform == "all" else {**entry, "platform": query.platform}


def _queries(order: Order) -> Iterator[Query]:
    for name, table in TABLES.items():
        if wanted := under(order, *table.face):
            yield Query(name, table.platform, _select(order, table.select, table.column, wanted))
    for kind, (platform, select) in PACKAGES.items():
        if wanted := list(packages(order, kind)):
            yield Query(kind, platform, _select(order, select, "name", wanted))
    yield from _npm(order)
    yield from _folders(order)
    yield from _signed(order)


def _npm(order: Order) -> Iterator[Query]:
    wanted = list(packages(order, "npm"))
    plain = [name for name in wanted if not name.startswith("@")]
    scoped = [name for name in wanted if name.startswith("@")]
    if plain:
        yield Query("npm", "all", _select(order, "name, version, path FROM npm_packages", "name", plain))
    for platform, prefixes in NPM_PREFIXES.items() if scoped else ():
        paths = [f"{prefix}/node_modules/{name}/package.json" for prefix in prefixes for name in scoped]
        yield Query(f"npm-files-{platform}", platform, _files(order, paths, platform))


def _folders(order: Order) -> Iterator[Query]:
    """By what lies in the tool's own folders: often one entry a version. osquery shows no folder by its bare path."""
    folders = [folder.rstrip("/") for folder in under(order, "executables", "folders")]
    for platform, homes in HOMES.items():
        paths = [
            path
            for folder in folders
            for path in ([f"{home}/{folder[2:]}/%" for home in homes] if folder.startswith("~/") else [f"{folder}/%"])
            if (platform == "windows") == (path[1:2] == ":")
        ]
        if paths:
            yield Query(f"folders-{platform}", platform, _files(order, paths, platform))


def _signed(order: Order) -> Iterator[Query]:
    """By signature, where osquery knows one: programs in the usual places for commands and applications."""
    apple = " OR ".join(
        f"(s.team_identifier = {_quoted(who)} AND s.identifier = {_quoted(what)})" for who, what in apple_signers(order)
    )
    if apple:
        select = f"{_head(order)} s.identifier AS name, '' AS version, f.path {_beside('signature', 's')}"
        yield Query("signed-darwin", "darwin", f"{select} WHERE {_like(COMMANDS['darwin'])} AND ({apple});")
    products = [signer.who for signer in authenticode_signers(order)]
    if products:
        select = f"{_head(order)} a.subject_name AS name, '' AS version, f.path {_beside('authenticode', 'a')}"
        where = f"{_like(COMMANDS['windows'])} AND a.subject_name IN ({_list(products)})"
        yield Query("signed-windows", "windows", f"{select} WHERE {where};")
    if known := hashes(order):
        select = f"{_head(order)} f.filename AS name, '' AS version, f.path {_beside('hash', 'h')}"
        for platform, places in COMMANDS.items():
            where = f"{_like(places)} AND h.sha256 IN ({_list(known)})"
            yield Query(f"hashes-{platform}", platform, f"{select} WHERE {where};")


def _beside(table: str, short: str) -> str:
    return f"FROM file f JOIN {table} {short} ON {short}.path = f.path"


def _like(places: tuple[str, ...]) -> str:
    return f"({' OR '.join(f'f.path LIKE {_quoted(place)}' for place in places)})"


def _select(order: Order, select: str, column: str, wanted: list[str]) -> str:
    return f"{_head(order)} {select} WHERE LOWER({column}) IN ({_list([name.lower() for name in wanted])});"


def _files(order: Order, paths: list[str], platform: str) -> str:
    if platform == "windows":
        paths = [path.replace("/", "\\") for path in paths]
    where = " OR ".join(f"path LIKE {_quoted(path)}" for path in dict.fromkeys(paths))
    return f"{_head(order)} filename AS name, '' AS version, path FROM file WHERE {where};"


def _head(order: Order) -> str:
    return f"SELECT {_quoted(order.ban)} AS ban, {_quoted(order.tool_id)} AS tool,"


def _list(names: list[str]) -> str:
    return ", ".join(_quoted(name) for name in names)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
