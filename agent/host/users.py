"""Whose homes there are on this machine (or in another tree): every real user's, not only the caller's.

From the account list and from the folders in which homes stand, since accounts of a directory service are in no file.
A home that cannot be looked at (of another user without root, on a network) is an Unknown, not a missing one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from agent.errors import Gone, InterdictError
from agent.host.files import Facts, Kind, Tree
from agent.host.oserrors import reason_of
from agent.host.own_files import own_uid as own_uid
from policy_schema.rules.observation import Unknown

FIRST_UID = 500 if sys.platform == "darwin" else 1000
"""People's accounts begin here (login.defs(5), macOS directory services); below are accounts of services."""
NOBODY = 65534
HOME_FOLDERS = ("/home", "/Users", "/var/home")
ROOT_HOMES = ("/root", "/var/root")
_MAX_PASSWD = 8 << 20
_SUBUID = "/etc/subuid"
_MAX_HOMES = 10_000
_NO_LOGIN = frozenset({"nologin", "false", "sync", "shutdown", "halt"})
_NOT_HOMES = frozenset({"/", "/home", "/opt", "/srv", "/tmp", "/var", "/var/tmp", "/Users"})
_SYSTEM = (
    "/bin/",
    "/dev/",
    "/etc/",
    "/lib/",
    "/proc/",
    "/run/",
    "/sbin/",
    "/sys/",
    "/usr/",
    "/var/run/",
    "/var/spool/",
)
_NOT_USERS = frozenset(
    {"lost+found", "Shared", "Guest", "Public", "Default", "Default User", "All Users", ".localized"}
)


class User(NamedTuple):
    """Somebody with a home. `home` is canonical; `uid` is -1 where the system has no numbers."""

    name: str
    uid: int
    gid: int
    home: str


class Account(NamedTuple):
    """A line of /etc/passwd."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


class Users(NamedTuple):
    """Whose homes to look at, which could not be, and what the account list calls the numbers."""

    users: tuple[User, ...]
    unknown: tuple[Unknown, ...]
    owners: Owners


class Owners:
    """Names of user ids: of the tree's own account list, then (on the running machine) of the system's services."""

    def __init__(self, accounts: Iterable[Account], live: bool) -> None:
        self._names: dict[int, str] = {}
        for account in accounts:
            self._names.setdefault(account.uid, account.name)
        self._live = live

    def __call__(self, uid: int) -> str:
        """The name, or the number as text where it has none."""
        if uid not in self._names:
            self._names[uid] = (self._ask(uid) if self._live else "") or str(uid)
        return self._names[uid]

    def _ask(self, uid: int) -> str:
        if sys.platform == "win32":
            return ""
        import pwd

        try:
            return pwd.getpwuid(uid).pw_name
        except (KeyError, OverflowError):
            return ""


def find_users(tree: Tree, homes: Sequence[str] = ()) -> Users:
    """Everybody with a home in this tree; with `homes` only those, whoever owns them.

    Without root only one's own home on the running machine; the others are Unknown.
    """
    unknown: list[Unknown] = []
    accounts = _accounts(tree, unknown)
    live = tree.root == os.path.abspath(os.sep)
    owners = Owners(accounts, live)
    found: dict[str, User] = {}
    for wish in _given(homes) if homes else _candidates(tree, accounts, unknown, live):
        try:
            facts = tree.facts(wish.home)
        except Gone:
            if homes:
                unknown.append(Unknown(wish.home, "no such folder"))
            continue
        except InterdictError as error:
            unknown.append(Unknown(wish.home, reason_of(error, wish.home)))
            continue
        if facts.kind is Kind.FOLDER and (homes or not _is_system(facts.path)):
            found.setdefault(facts.path, _user(wish, facts, owners))
    if live and not homes and sys.platform != "win32" and os.geteuid() != 0:
        others = [user for user in found.values() if user.uid != os.geteuid()]
        unknown += [Unknown(user.home, "permission denied") for user in others]
        found = {home: user for home, user in found.items() if user.uid == os.geteuid()}
    return Users(tuple(sorted(found.values(), key=lambda user: user.home)), tuple(unknown), owners)


def parse_passwd(text: str) -> list[Account]:
    """Reads passwd(5). Lines that are none (comments, `+` of NIS, wrong numbers) are left out."""
    found: list[Account] = []
    for line in text.split("\n"):
        fields = line.strip("\r").split(":")
        if len(fields) < 7 or not fields[0] or fields[0][0] in "#+-":
            continue
        uid, gid = fields[2], fields[3]
        if uid.isascii() and uid.isdigit() and gid.isascii() and gid.isdigit() and len(uid) < 11 and len(gid) < 11:
            found.append(Account(fields[0], int(uid), int(gid), fields[5], fields[6]))
    return found


def is_person(account: Account) -> bool:
    """True for root, for people, and for a service account that somebody can log in to."""
    if account.uid == NOBODY or not account.home.startswith("/"):
        return False
    logs_in = account.shell.rpartition("/")[2] not in _NO_LOGIN
    return account.uid == 0 or account.uid >= FIRST_UID or logs_in


def _user(wish: Account, facts: Facts, owners: Owners) -> User:
    if wish.uid >= 0:
        return User(wish.name, wish.uid, wish.gid, facts.path)
    if sys.platform == "win32":
        return User(facts.path.rpartition("/")[2], -1, -1, facts.path)
    return User(owners(facts.uid), facts.uid, facts.gid, facts.path)


def _given(homes: Sequence[str]) -> Iterator[Account]:
    for home in homes:
        yield Account("", -1, -1, home, "")


def _candidates(tree: Tree, accounts: list[Account], unknown: list[Unknown], live: bool) -> Iterator[Account]:
    yield from (account for account in accounts if is_person(account))
    for folder in HOME_FOLDERS:
        yield from _homes_in(tree, folder, unknown)
    yield from (Account("root", 0, 0, home, "") for home in ROOT_HOMES)
    if live and sys.platform != "win32" and os.geteuid() != 0:
        yield from _given([home for home in [os.environ.get("HOME", "")] if home.startswith("/")])


def _homes_in(tree: Tree, folder: str, unknown: list[Unknown]) -> Iterator[Account]:
    try:
        entries = tree.list(folder, _MAX_HOMES)
    except Gone:
        return
    except InterdictError as error:
        unknown.append(Unknown(folder, reason_of(error, folder)))
        return
    for entry in entries:
        if entry.kind is Kind.FOLDER and entry.name not in _NOT_USERS:
            yield from _given([f"{folder}/{entry.name}"])
            yield from _domain_homes(tree, f"{folder}/{entry.name}")


def _domain_homes(tree: Tree, folder: str) -> Iterator[Account]:
    """/home/DOMAIN/USER: a folder of root's that holds the homes of a directory service."""
    try:
        if sys.platform == "win32" or tree.facts(folder).uid != 0:
            return
        inner = [f"{folder}/{e.name}" for e in tree.list(folder, _MAX_HOMES) if e.kind is Kind.FOLDER]
        yield from _given([path for path in inner if tree.facts(path).uid >= FIRST_UID])
    except InterdictError:
        return  # the folder itself is a candidate and is reported as such


def _accounts(tree: Tree, unknown: list[Unknown]) -> list[Account]:
    try:
        return parse_passwd(tree.read("/etc/passwd", _MAX_PASSWD).decode("utf-8", "surrogateescape"))
    except Gone:
        return []  # no such file on this system: the folders tell
    except InterdictError as error:
        unknown.append(Unknown("/etc/passwd", reason_of(error, "/etc/passwd")))
        return []


def _is_system(home: str) -> bool:
    return home in _NOT_HOMES or f"{home}/".startswith(_SYSTEM)


def person_of(uid: int) -> int:
    """Who is behind a user id: whoever was given it as a subordinate one (subuid(5)), else the same number.

    With `newuidmap` anybody runs and owns things as some 65,536 others, none of whom was ever told anything.
    """
    if uid < FIRST_UID or sys.platform != "linux":
        return uid
    try:
        mark = os.stat(_SUBUID).st_mtime_ns
    except OSError:
        return uid
    return next((owner for first, count, owner in _subordinate(mark) if first <= uid < first + count), uid)


@lru_cache(maxsize=1)
def _subordinate(mark: int) -> tuple[tuple[int, int, int], ...]:
    """(first, count, owner) of every range. `mark` changes with the file."""
    if sys.platform == "win32":
        return ()
    import pwd

    found: list[tuple[int, int, int]] = []
    try:
        with Tree("/") as tree:
            lines = tree.read(_SUBUID, _MAX_PASSWD).decode("utf-8", "replace").splitlines()
    except InterdictError:
        return ()
    for line in lines:
        name, _, numbers = line.partition(":")
        first, _, count = numbers.partition(":")
        if not (first.isascii() and first.isdigit() and count.isascii() and count.isdigit()):
            continue
        try:
            owner = int(name) if name.isascii() and name.isdigit() else pwd.getpwnam(name).pw_uid
        except (KeyError, ValueError):
            continue
        found.append((int(first), int(count), owner))
    return tuple(found)
