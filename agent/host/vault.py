"""Where quarantined things lie: a vault for each filesystem, so that taking something is one rename.

As root a vault is a folder of root's, mode 0700, directly in a root-owned folder of the same filesystem: the agent's
state folder, else the top of the mount. Where there is none (a home that is its own filesystem and belongs to its
user) things are copied into the state folder's vault. Without root the only vault is that of the state folder.
A vault holds one folder for each quarantine (`q-…`), `restore.py` and `README.txt`.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b

from agent.errors import Denied, Gone, InterdictError, NotRegular
from agent.host.faults import Occupied, translated
from agent.host.folders import Before, FileKind, Folder, nothing, open_folder
from agent.host.mounts import list_mounts
from agent.host.oserrors import printable

MOUNT_VAULT = ".interdict-quarantine"
OWN_STATE = "/var/lib/interdict"
"""The state folder of the machine's own agent (the default of the setting `state_dir`)."""
STATE_VAULT = "quarantine"
_LOCK = "lock"
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""For ids that people read out over the telephone: nothing that looks like something else."""


def mount_vault(state_dir: str) -> str:
    """The name of an agent's vault at the top of a filesystem: a trial beside the machine's own agent has its own.

    Otherwise the one would give back, or finish, what the other has taken.
    """
    place = os.path.realpath(state_dir)
    if place == OWN_STATE:
        return MOUNT_VAULT
    return f"{MOUNT_VAULT}-{blake2b(os.fsencode(place), digest_size=4).hexdigest()}"


class NoVault(InterdictError):
    """There is no safe place to put things."""

    default_advice = "Look at that folder as root: it must belong to the agent's account and have mode 0700."


class Vault:
    """One open vault."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.path = folder.path

    def __enter__(self) -> Vault:
        return self

    def __exit__(self, *_: object) -> None:
        self.folder.close()

    def ids(self) -> tuple[str, ...]:
        """Every quarantine in it, in no special order."""
        return tuple(name for name in self.folder.names() if name.startswith("q-"))

    def make(self) -> tuple[str, Folder]:
        """A new, empty place with an id of its own."""
        while True:
            name = "q-" + "".join(secrets.choice(_ALPHABET) for _ in range(8))
            try:
                self.folder.make_folder(name)
            except Occupied:
                continue
            self.folder.sync()
            return name, self.folder.folder(name)

    def open(self, name: str) -> Folder:
        """The place of one quarantine. Raises Gone."""
        if name not in self.ids():
            raise Gone(f"{printable(name)}: not in {printable(self.path)}")
        return self.folder.folder(name)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process at a time changes a vault: what is under way never looks interrupted to another."""
        with translated(f"lock {printable(self.path)}"):
            fd = os.open(os.path.join(self.path, _LOCK), _LOCK_FLAGS, 0o600)
        try:
            with translated(f"lock {printable(self.path)}"):
                _lock(fd)
            yield
        finally:
            os.close(fd)


if sys.platform == "win32":

    def am_root() -> bool:
        """True for the service account: only it can move things of other people."""
        return os.environ.get("USERNAME", "").endswith("$")

    def my_uid() -> int:
        """There are no numbers here."""
        return -1

else:

    def am_root() -> bool:
        """True when things of other people can be moved."""
        return os.geteuid() == 0

    def my_uid() -> int:
        """The account that we act as."""
        return os.geteuid()


def open_vault(path: str, furniture: Mapping[str, bytes] | None = None, before: Before = nothing) -> Vault:
    """Opens a vault; with `furniture` (the files that lie in every vault) it is made if it is not there.

    Raises:
        Gone: there is none, and it shall not be made.
        NoVault: something else stands there, or others could reach into it.
    """
    above, name = os.path.split(path)
    with open_folder(above, before) as holder:
        if furniture is not None and not holder.exists(name):
            try:
                holder.make_folder(name)
                holder.sync()
            except Occupied:
                pass  # another of our processes was faster; what stands there is judged below
        facts = holder.look(name)
        private = sys.platform == "win32" or (facts.uid == my_uid() and facts.mode & 0o077 == 0)
        if facts.kind is not FileKind.FOLDER or not private:
            raise NoVault(f"{printable(path)}: not a folder of ours with mode 0700")
        vault = Vault(holder.folder(name))
    for leaf, data in (furniture or {}).items():
        _furnish(vault.folder, leaf, data)
    return vault


def _furnish(folder: Folder, leaf: str, data: bytes) -> None:
    try:
        if folder.read_all(leaf, 1 << 20) == data:
            return
    except (Gone, NotRegular):
        pass  # the first time here
    folder.write_durably(leaf, data)


def vault_near(holder: Folder, state_dir: str, vault_dir: str, furniture: Mapping[str, bytes]) -> Vault | None:
    """A vault that a rename from `holder` can lead to; None when things must be copied."""
    for path in _candidates(holder, state_dir, vault_dir):
        try:
            vault = open_vault(path, furniture, holder.before)
        except (Denied, Gone, NotRegular, NoVault):
            continue  # squatted or not ours: the next place, and in the end a copy
        if vault.folder.same_mount(holder):
            return vault
        vault.folder.close()
    return None


def state_vault(state_dir: str, furniture: Mapping[str, bytes], before: Before = nothing) -> Vault:
    """The vault that is always there. Raises NoVault, Gone, Denied."""
    return open_vault(os.path.join(os.path.realpath(state_dir), STATE_VAULT), furniture, before)


def _candidates(holder: Folder, state_dir: str, vault_dir: str) -> Iterator[str]:
    with open_folder(os.path.realpath(state_dir), holder.before) as state:
        if state.same_mount(holder):
            yield os.path.join(state.path, STATE_VAULT)
    if vault_dir:
        yield os.path.realpath(vault_dir)
    if am_root() and sys.platform != "win32":
        top = _mount_top(holder)
        if top is not None:
            yield os.path.join(top, mount_vault(state_dir))


def _mount_top(holder: Folder) -> str | None:
    """Path of the mount's uppermost folder, if it is root's and nobody else can rename what lies in it."""
    folder, opened = holder, []
    try:
        while True:
            above = folder.parent()
            opened.append(above)
            if not above.same_mount(folder) or above.look_self().identity == folder.look_self().identity:
                break
            folder = above
        facts = folder.look_self()
        safe = facts.uid == 0 and (facts.mode & 0o022 == 0 or bool(facts.mode & stat.S_ISVTX))
        return (folder.path or "/") if safe else None
    finally:
        for one in opened:
            one.close()


def find_vaults(state_dir: str, vault_dir: str = "", before: Before = nothing) -> tuple[Vault, ...]:
    """Every vault of this machine that is ours to open: of the state folder, the settings, and each local mount."""
    paths = [os.path.join(os.path.realpath(state_dir), STATE_VAULT)]
    if vault_dir:
        paths.append(os.path.realpath(vault_dir))
    if am_root():
        tops = [os.path.join(mount.point, mount_vault(state_dir)) for mount in list_mounts() if mount.local]
        paths += [path for path in tops if os.path.lexists(path)]
    return tuple(_open_each(paths, before))


def _open_each(paths: Iterable[str], before: Before) -> Iterator[Vault]:
    seen: set[tuple[int, int]] = set()
    for path in dict.fromkeys(paths):
        try:
            vault = open_vault(path, None, before)
        except InterdictError:
            continue  # most mounts have none
        identity = vault.folder.look_self().identity
        if identity in seen:  # a bind mount shows the same vault twice
            vault.folder.close()
            continue
        seen.add(identity)
        yield vault


def _lock(fd: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(fd, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_EX)
