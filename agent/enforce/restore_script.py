#!/usr/bin/env python3
"""Gives back what Interdict quarantined, when Interdict itself is gone.

This file lies in every quarantine folder as `restore.py`. It needs Python 3.8 or newer and nothing else, not even the
whole of its library: what Debian's python3-minimal has is enough (no json, no ctypes).

    python3 restore.py list
    python3 restore.py ID [--to FOLDER]

Run it as root when the folder belongs to root. Everything comes back as it was: content, owners, modes, times, links.
When the old place is taken, or is another folder now, the name becomes NAME.restored-ID and this is said. Nothing is
ever overwritten or deleted, except the copy in the quarantine after a copy of it (to another filesystem) was
compared. Exit code 0: done; 2: not done, with one line that says why. It imports nothing of Interdict, and is one file.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import os
import stat
import sys
from typing import Any, Iterator  # noqa: UP035  # for Python 3.8

from agent.enforce.restore_records import Facts, load, save  # restore.py has its text here

HELD_STATES = ("copied", "moved", "sealed", "restoring")
if sys.platform == "win32":
    sys.exit("On Windows move held\\0 back by hand; record.json says where it was.")
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
CHUNK = 1 << 20
NO_HARD_LINKS = (errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP)


def main(arguments: list[str]) -> int:
    """Runs the command line."""
    here = os.path.dirname(os.path.realpath(__file__))
    if arguments == ["list"]:
        return show(here)
    if len(arguments) == 1 and not arguments[0].startswith("-"):
        return attempt(here, arguments[0], None)
    if len(arguments) == 3 and arguments[1] == "--to":
        return attempt(here, arguments[0], arguments[2])
    return fail("usage: python3 restore.py list | ID [--to FOLDER]")


def show(here: str) -> int:
    """Prints one line for each quarantine beside this file."""
    for name in sorted(os.listdir(here)):
        if name.startswith("q-"):
            try:
                record = load(os.path.join(here, name, "record.json"))
                print(f"{name}  {record['state']:<9}  {record['at']}  {shown(record['path'])}")
            except (OSError, ValueError, KeyError) as error:
                print(f"{name}  unreadable: {error}")
    return 0


def attempt(here: str, name: str, to: str | None) -> int:
    """Restores one quarantine and says where it is now."""
    for one in together(here, name):
        try:
            place, notes = restore(here, one, to)
        except (OSError, ValueError, KeyError) as error:
            return fail(f"{one}: {error}")
        print(f"{one} is back at {shown(place)}")
        for note in notes:
            print(note)
    return 0


def together(here: str, name: str) -> list[str]:
    """This one and what was taken in the same act; the first of them first, whose record knows the signposts."""
    found = [name]
    with contextlib.suppress(OSError, ValueError, KeyError):
        act = load(os.path.join(here, name, "record.json")).get("act")
        for other in set(os.listdir(here)) - {name} if act else ():
            with contextlib.suppress(OSError, ValueError, KeyError):
                record = load(os.path.join(here, other, "record.json"))
                found += [other] if record.get("act") == act and record["state"] in HELD_STATES else []
        found.sort(key=lambda one: (one != act, one))
    return found


def take_signposts_away(record: Facts) -> None:
    """The files that say what happened, in the place of commands: only while they are byte for byte ours."""
    for path, digest in record.get("signposts", []):
        with contextlib.suppress(OSError):
            folder, leaf = open_folder(os.path.dirname(path)), os.path.basename(path)
            was = os.fstat(folder).st_mtime_ns
            with open(os.open(leaf, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder), "rb") as file:
                if hashlib.sha256(file.read(8192)).hexdigest() == digest:
                    os.unlink(leaf, dir_fd=folder)
            after, now = record.get("after", {}), os.fstat(folder).st_mtime_ns
            record["after"] = {slot: now if at == was else at for slot, at in after.items()}
    record["signposts"] = []


def restore(here: str, name: str, to: str | None) -> tuple[str, list[str]]:
    """Puts the tree and then its links back. Raises OSError, ValueError or KeyError with a clear text."""
    import fcntl

    if not name.startswith("q-") or "/" in name:
        raise ValueError("not an id; see `python3 restore.py list`")
    cell = os.path.join(here, name)
    with open(os.path.join(here, "lock"), "ab") as lock:
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
        manifest, record = load(os.path.join(cell, "manifest.json")), load(os.path.join(cell, "record.json"))
        held = os.open(os.path.join(cell, "held"), FOLDER)
        if not exists(held, "0"):
            raise ValueError(f"nothing is held (it is {record['state']})")
        if record["state"] not in (*HELD_STATES, "prepared"):
            raise ValueError(f"it is {record['state']}")
        tree = manifest["pieces"][0]
        if tree["copied"] and record["state"] == "prepared":
            raise ValueError("its copy was not finished; the original is still at " + shown(tree["path"]))
        take_signposts_away(record)
        notes = [] if tree["entries"][0]["kind"] == "link" else compare(held, tree)
        around = [] if to else untouched(manifest["pieces"], record)
        place, moved = put(held, tree, name, to, record, cell)
        if moved:
            notes.append("Its old place is taken or is another folder now, so it lies beside.")
        elif not to:
            notes += put_links(held, manifest["pieces"][1:], name)
        for fd, was in around:
            os.utime(fd, ns=(was["atime_ns"], was["mtime_ns"]))
        save(cell, record, "restored", place, place_identity(place))
        remove(held, "0")
    return place, notes


# ------------------------------------------------------------------------------------------------------------ places
def put(held: int, piece: Facts, name: str, to: str | None, record: Facts, cell: str) -> tuple[str, bool]:
    """Puts a piece into its folder; answers where it is and whether that is beside its old place."""
    folder, leaf = os.path.split(piece["path"])
    if to:
        folder, same = os.path.realpath(to), True
        parent = os.open(folder, FOLDER)
    else:
        parent, same = open_or_make(folder, piece["above"])
    names = [leaf, f"{leaf}.restored-{name}"]
    for candidate in names if same else names[1:]:
        if exists(parent, candidate):
            continue
        place = os.path.join(folder, candidate)
        if cell:
            save(cell, record, "restoring", place, (0, 0))
        move(held, piece, parent, candidate, name)
        return place, candidate != leaf
    raise ValueError(f"{shown(piece['path'])} and the name beside it are taken; use --to FOLDER")


def open_or_make(path: str, above: list[Facts]) -> tuple[int, bool]:
    """The open folder at a path, and whether it is the one recorded; a removed one is made again as it was."""
    try:
        fd = open_folder(path)
    except FileNotFoundError:
        if len(above) < 2:
            raise
        around, _ = open_or_make(os.path.dirname(path), above[1:])
        os.mkdir(os.path.basename(path), 0o700, dir_fd=around)
        fd = os.open(os.path.basename(path), FOLDER, dir_fd=around)
        dress_folder(fd, above[0])
        return fd, True
    now = os.fstat(fd)
    if os.geteuid() == 0 and now.st_uid not in (0, above[0]["uid"]):
        raise ValueError(f"{shown(path)} belongs to somebody else now; use --to FOLDER")
    return fd, (now.st_dev, now.st_ino) == (above[0]["dev"], above[0]["ino"])


def open_folder(path: str) -> int:
    """Opens a folder from the top down, never through a link."""
    fd = os.open("/", FOLDER)
    for part in path.strip("/").split("/") if path != "/" else []:
        fd, above = os.open(part, FOLDER, dir_fd=fd), fd
        os.close(above)
    return fd


def untouched(pieces: list[Facts], record: Facts) -> list[tuple[int, Facts]]:
    """The folders around in which nothing else happened since: they get their times back."""
    found = []
    for piece in pieces:
        with contextlib.suppress(OSError):
            fd = open_folder(os.path.dirname(piece["path"]))
            expected = (record.get("after", {}).get(piece["slot"]), piece["above"][0]["mtime_ns"])
            if os.fstat(fd).st_mtime_ns in expected:
                found.append((fd, piece["above"][0]))
    return found


def place_identity(place: str) -> tuple[int, int]:
    """Device and inode of what was restored."""
    facts = os.lstat(place)
    return facts.st_dev, facts.st_ino


# ------------------------------------------------------------------------------------------------------------ moving
def move(held: int, piece: Facts, parent: int, leaf: str, name: str) -> None:
    """Renames, or copies to another filesystem under a hidden name and renames there."""
    slot, entries = piece["slot"], piece["entries"]
    mine = os.geteuid() != 0
    if not mine:
        dress_tree(held, slot, entries, "")  # in here, where nobody else can reach it yet
    try:
        rename(held, slot, parent, leaf)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        move_copy(held, piece, parent, leaf, ".interdict-" + name)
    else:
        if mine:
            dress_tree(parent, leaf, entries, "")  # only now: its own mode may forbid to move it
    set_times(parent, leaf, entries[0])
    os.fsync(parent)


def move_copy(held: int, piece: Facts, parent: int, leaf: str, beside: str) -> None:
    """To another filesystem: the copy is closed to everybody else until it is whole and compared."""
    remove(parent, beside)
    copy(held, piece["slot"], parent, beside, piece["entries"])
    wrong = [path for path in compare(parent, piece, beside) if path not in compare(held, piece)]
    if wrong:
        remove(parent, beside)
        raise ValueError(wrong[0])
    dress_tree(parent, beside, piece["entries"], "")
    rename(parent, beside, parent, leaf)


def set_times(parent: int, leaf: str, was: Facts) -> None:
    """Some filesystems count a move as a change of the folder itself."""
    if os.stat(leaf, dir_fd=parent, follow_symlinks=False).st_mtime_ns != was["mtime_ns"]:
        os.utime(leaf, ns=(was["atime_ns"], was["mtime_ns"]), dir_fd=parent, follow_symlinks=False)


def rename(source: int, name: str, target: int, leaf: str) -> None:
    """Renames without ever replacing anything.

    A folder comes over an empty one that was made for it a moment before: the kernel replaces a folder only by a
    folder, and only while it is empty, so nothing of anybody's can be lost, whatever happens in between. Anything else
    gets its new name by a hard link, which never replaces, and then loses its old one.
    """
    if stat.S_ISDIR(os.stat(name, dir_fd=source, follow_symlinks=False).st_mode):
        os.mkdir(leaf, 0o700, dir_fd=target)
        try:
            os.rename(name, leaf, src_dir_fd=source, dst_dir_fd=target)
        except OSError:
            with contextlib.suppress(OSError):
                os.rmdir(leaf, dir_fd=target)
            raise
        return
    try:
        os.link(name, leaf, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        if exists(target, leaf):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), leaf) from None
        os.rename(name, leaf, src_dir_fd=source, dst_dir_fd=target)
    else:
        os.unlink(name, dir_fd=source)


def put_links(held: int, pieces: list[Facts], name: str) -> list[str]:
    """Puts the links back that led into the tree."""
    notes = []
    for piece in pieces:
        if not exists(held, piece["slot"]):
            continue
        try:
            place, beside = put(held, piece, name, None, {}, "")
            if beside:
                notes.append(f"{shown(piece['path'])} is taken; its link lies at {shown(place)}")
            if exists(held, piece["slot"]):
                os.unlink(piece["slot"], dir_fd=held)
        except (OSError, ValueError) as error:
            notes.append(f"The link {shown(piece['path'])} could not be put back: {error}")
    return notes


def dress_folder(fd: int, was: Facts) -> None:
    """Owner, mode, attributes and times of one folder."""
    now = os.fstat(fd)
    if (now.st_uid, now.st_gid) != (was["uid"], was["gid"]) and os.geteuid() == 0:
        os.fchown(fd, was["uid"], was["gid"])
    if stat.S_IMODE(now.st_mode) != int(was["mode"], 8):
        os.fchmod(fd, int(was["mode"], 8))
    set_xattrs(fd, was)
    os.utime(fd, ns=(was["atime_ns"], was["mtime_ns"]))


def dress_tree(parent: int, name: str, entries: list[Facts], path: str) -> None:
    """The same for every recorded folder of a tree, from the bottom up; others go to the owner of the top."""
    known = {entry["path"]: entry for entry in entries if entry["kind"] == "folder"}
    if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
        return
    fd = os.open(name, FOLDER, dir_fd=parent)
    try:
        for leaf in os.listdir(fd):
            dress_tree(fd, leaf, entries, path + "/" + leaf if path else leaf)
        if path in known:
            dress_folder(fd, known[path])
        elif os.geteuid() == 0:
            os.fchown(fd, entries[0]["uid"], entries[0]["gid"])
    finally:
        os.close(fd)


def set_xattrs(where: Any, entry: Facts) -> None:
    """Extended attributes, access lists among them. One that this filesystem refuses is passed over."""
    if sys.platform == "linux":
        for name, value in entry.get("xattrs", {}).items():
            data = base64.b64decode(value)
            try:
                if os.getxattr(where, name) == data:
                    continue
            except OSError:
                pass
            with contextlib.suppress(OSError):
                os.setxattr(where, name, data)


# ----------------------------------------------------------------------------------------------------------- copying
def copy(held: int, slot: str, parent: int, beside: str, entries: list[Facts]) -> None:
    """Copies a tree by its manifest. Folders stay closed to others until everything is in them."""
    for entry in entries:
        with Walk(parent, beside, entry["path"]) as (target, new):
            if entry.get("same_as") is not None:
                with Walk(parent, beside, entry["same_as"]) as (first, leaf):
                    os.link(leaf, new, src_dir_fd=first, dst_dir_fd=target, follow_symlinks=False)
                continue
            if entry["kind"] == "folder":
                os.mkdir(new, 0o700, dir_fd=target)
                continue
            if entry["kind"] == "file":
                with Walk(held, slot, entry["path"]) as (source, leaf):
                    copy_file(source, leaf, target, new, entry)
                continue
            if entry["kind"] == "link":
                os.symlink(entry["target"], new, dir_fd=target)
            else:
                os.mknod(new, entry["type_bits"] | int(entry["mode"], 8), entry["rdev"], dir_fd=target)
            give(target, new, entry)
            os.utime(new, ns=(entry["atime_ns"], entry["mtime_ns"]), dir_fd=target, follow_symlinks=False)


def copy_file(source: int, leaf: str, target: int, new: str, entry: Facts) -> None:
    """One regular file; holes stay holes."""
    old = os.open(leaf, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=source)
    made = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=target)
    try:
        size = os.fstat(old).st_size
        for start, end in filled(old, size):
            os.lseek(old, start, os.SEEK_SET)
            os.lseek(made, start, os.SEEK_SET)
            while start < end:
                data = os.read(old, min(CHUNK, end - start))
                if not data:
                    raise ValueError("a file became shorter while it was read")
                view = memoryview(data)
                while view:
                    view = view[os.write(made, view) :]
                start += len(data)
        os.ftruncate(made, size)
        if os.geteuid() == 0:
            os.fchown(made, entry["uid"], entry["gid"])
        set_xattrs(made, entry)
        os.fchmod(made, int(entry["mode"], 8))
        os.utime(made, ns=(entry["atime_ns"], entry["mtime_ns"]))
        os.fsync(made)
    finally:
        os.close(old)
        os.close(made)


def filled(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """The parts of a file that are not holes."""
    position = 0
    while position < size:
        try:
            start = os.lseek(fd, position, os.SEEK_DATA)
            end = os.lseek(fd, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            start, end = position, size
        yield start, end
        position = end


def give(target: int, new: str, entry: Facts) -> None:
    """Gives something that we made to its owner."""
    if os.geteuid() == 0:
        os.chown(new, entry["uid"], entry["gid"], dir_fd=target, follow_symlinks=False)


def compare(parent: int, piece: Facts, name: str | None = None) -> list[str]:
    """Compares every file that has a recorded sha256; answers what differs."""
    wrong = []
    for entry in piece["entries"]:
        if entry["kind"] == "file" and entry.get("sha256"):
            with Walk(parent, name or piece["slot"], entry["path"]) as (folder, leaf):
                if digest(folder, leaf) != entry["sha256"]:
                    wrong.append(f"Its content is not what was recorded: {shown(entry['path'] or piece['path'])}")
    return wrong


def digest(folder: int, leaf: str) -> str:
    """The sha256 of a regular file; empty when it is not there."""
    try:
        fd = os.open(leaf, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return ""
    reckoner = hashlib.sha256()
    try:
        while True:
            data = os.read(fd, CHUNK)
            if not data:
                return reckoner.hexdigest()
            reckoner.update(data)
    finally:
        os.close(fd)


def remove(parent: int, name: str) -> None:
    """Removes what is left after a compared copy, or a part of a copy. Nothing there: nothing done."""
    try:
        facts = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(facts.st_mode):
        os.unlink(name, dir_fd=parent)
        return
    fd = os.open(name, FOLDER, dir_fd=parent)
    try:
        if stat.S_IMODE(facts.st_mode) & 0o700 != 0o700:
            os.fchmod(fd, 0o700)
        for leaf in os.listdir(fd):
            remove(fd, leaf)
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=parent)


# ------------------------------------------------------------------------------------------------------------- words
class Walk:
    """Opens the folder that holds an entry of a tree: `with Walk(parent, tree, "a/b") as (folder, "b")`."""

    def __init__(self, parent: int, name: str, path: str) -> None:
        self._parent = parent
        self._parts = [name, *(path.split("/") if path else [])]
        self._opened: list[int] = []

    def __enter__(self) -> tuple[int, str]:
        fd = self._parent
        for part in self._parts[:-1]:
            fd = os.open(part, FOLDER, dir_fd=fd)
            self._opened.append(fd)
        return fd, self._parts[-1]

    def __exit__(self, *_: Any) -> None:
        for fd in reversed(self._opened):
            os.close(fd)


def exists(folder: int, name: str) -> bool:
    """True when something has that name, a link that leads nowhere too."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def shown(text: str) -> str:
    """A path for a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def fail(text: str) -> int:
    """One line about what is wrong."""
    print("restore.py: " + text, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
