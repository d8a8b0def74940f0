"""Folders by descriptor, for Linux and macOS.

On Linux every name is opened by openat2 without links, magic links or mount crossings; before kernel 5.6, and on
macOS, by O_NOFOLLOW one component at a time with the device number compared. macOS is weaker in two points: extended
attributes are neither recorded nor copied (a rename keeps them), and `look` asks by name instead of by descriptor.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

from agent.errors import NotRegular
from agent.host.faults import MountInside, OtherFilesystem, as_ours
from agent.host.folders import Attributes, Before, FileKind, Folder, nothing
from agent.host.mounts import list_mounts, mount_of
from agent.host.oserrors import printable

assert sys.platform != "win32"

_KINDS: tuple[tuple[Callable[[int], bool], FileKind], ...] = (
    (stat.S_ISREG, FileKind.FILE),
    (stat.S_ISDIR, FileKind.FOLDER),
    (stat.S_ISLNK, FileKind.LINK),
    (stat.S_ISFIFO, FileKind.PIPE),
    (stat.S_ISSOCK, FileKind.SOCKET),
)
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def attributes(status: os.stat_result) -> Attributes:
    """Our form of what lstat or fstat answered."""
    kind = next((kind for test, kind in _KINDS if test(status.st_mode)), FileKind.DEVICE)
    return Attributes(
        kind,
        stat.S_IMODE(status.st_mode),
        status.st_uid,
        status.st_gid,
        status.st_size,
        status.st_atime_ns,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_dev,
        status.st_ino,
        status.st_nlink,
        status.st_rdev,
        stat.S_IFMT(status.st_mode),
    )


class PosixFolder(Folder):
    """A folder held by descriptor."""

    def __init__(self, fd: int, path: str, before: Before = nothing) -> None:
        super().__init__(path, before)
        self.fd = fd
        self._dev = os.fstat(fd).st_dev

    def close(self) -> None:
        """Closes the descriptor; a second call does nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    # looking
    def names(self) -> list[str]:
        with self._step(False, "list"):
            return sorted(os.listdir(self.fd))

    def look(self, name: str) -> Attributes:
        with self._step(False, "look at", name):
            if sys.platform != "linux":
                found = attributes(os.stat(name, dir_fd=self.fd, follow_symlinks=False))
            else:
                fd = self._open(name, os.O_PATH | os.O_NOFOLLOW)
                try:
                    found = attributes(os.fstat(fd))
                finally:
                    os.close(fd)
        self._same_device(name, found.dev)
        return found

    def look_self(self) -> Attributes:
        with self._step(False, "look at"):
            return attributes(os.fstat(self.fd))

    def xattrs(self, name: str) -> dict[str, bytes]:
        if sys.platform != "linux":
            return {}
        with self._step(False, "read attributes of", name):
            fd = self._open(name, os.O_PATH | os.O_NOFOLLOW)
            try:
                return _read_xattrs(f"/proc/self/fd/{fd}")
            finally:
                os.close(fd)

    def target(self, name: str) -> str:
        with self._step(False, "read link", name):
            return os.readlink(name, dir_fd=self.fd)

    def folder(self, name: str) -> PosixFolder:
        path = os.path.join(self.path, name)
        with self._step(False, "open folder", name):
            found = PosixFolder(self._open(name, _FOLDER_FLAGS), path, self.before)
        try:
            self._same_device(name, found._dev)
        except MountInside:
            found.close()
            raise
        return found

    def parent(self) -> PosixFolder:
        with self._step(False, "open the folder above"):
            fd = os.open("..", _FOLDER_FLAGS, dir_fd=self.fd)
        return PosixFolder(fd, os.path.dirname(self.path), self.before)

    def read(self, name: str) -> int:
        with self._step(False, "open", name):
            fd = self._open(name, _FILE_FLAGS)
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd
        os.close(fd)
        raise NotRegular(f"{printable(os.path.join(self.path, name))} is not a regular file")

    def cannot_change(self, name: str) -> bool:
        if sys.platform == "linux":
            from agent.host._linux_calls import cannot_change

            with self._step(False, "read flags of", name):
                fd = self._open(name, _FILE_FLAGS)
                try:
                    return cannot_change(fd)
                finally:
                    os.close(fd)
        return False

    def same_mount(self, other: Folder) -> bool:
        if not isinstance(other, PosixFolder) or self._dev != other._dev:
            return False
        if sys.platform == "linux":
            from agent.host._linux_calls import mount_id

            return mount_id(self.fd) == mount_id(other.fd)
        return True

    # changing
    def make_folder(self, name: str, mode: int = 0o700) -> None:
        with self._step(True, "make folder", name):
            os.mkdir(name, mode, dir_fd=self.fd)

    def create(self, name: str, mode: int = 0o600) -> int:
        with self._step(True, "create", name):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            return os.open(name, flags, mode, dir_fd=self.fd)

    def make_link(self, name: str, target: str) -> None:
        with self._step(True, "make link", name):
            os.symlink(target, name, dir_fd=self.fd)

    def make_special(self, name: str, attributes: Attributes) -> None:
        with self._step(True, "make special file", name):
            os.mknod(name, attributes.type_bits | 0o600, attributes.rdev, dir_fd=self.fd)

    def hard_link(self, name: str, to: Folder, new_name: str) -> None:
        with self._step(True, "make hard link of", name):
            os.link(name, new_name, src_dir_fd=self.fd, dst_dir_fd=_fd(to), follow_symlinks=False)

    def move(self, name: str, to: Folder, new_name: str) -> None:
        with self._step(True, "move", name):
            _move(self.fd, name, _fd(to), new_name)

    def replace(self, name: str, new_name: str) -> None:
        with self._step(True, "replace", new_name):
            os.replace(name, new_name, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def unlink(self, name: str) -> None:
        with self._step(True, "unlink", name):
            os.unlink(name, dir_fd=self.fd)

    def remove_folder(self, name: str) -> None:
        with self._step(True, "remove folder", name):
            os.rmdir(name, dir_fd=self.fd)

    def sync(self) -> None:
        with self._step(True, "sync"):
            os.fsync(self.fd)

    def set_self(self, uid: int, gid: int, mode: int) -> None:
        now = os.fstat(self.fd)
        if (now.st_uid, now.st_gid) != (uid, gid):
            with self._step(True, "give"):
                os.fchown(self.fd, uid, gid)
        if stat.S_IMODE(os.fstat(self.fd).st_mode) != mode:
            with self._step(True, "set mode of"):
                os.fchmod(self.fd, mode)

    def set_owner(self, name: str, uid: int, gid: int) -> None:
        with self._step(True, "give", name):
            os.chown(name, uid, gid, dir_fd=self.fd, follow_symlinks=False)

    def set_mode(self, name: str, mode: int) -> None:
        with self._step(True, "set mode of", name):
            if sys.platform != "linux":
                os.chmod(name, mode, dir_fd=self.fd, follow_symlinks=False)
                return
            fd = self._open(name, os.O_PATH | os.O_NOFOLLOW)
            try:
                os.chmod(f"/proc/self/fd/{fd}", mode)
            finally:
                os.close(fd)

    def set_times(self, name: str, atime_ns: int, mtime_ns: int) -> None:
        with self._step(True, "set times of", name):
            if name:
                os.utime(name, ns=(atime_ns, mtime_ns), dir_fd=self.fd, follow_symlinks=False)
            else:
                os.utime(self.fd, ns=(atime_ns, mtime_ns))

    def set_xattrs(self, name: str, values: Mapping[str, bytes]) -> None:
        if sys.platform != "linux":
            return
        now = self.xattrs(name)
        if now == values:
            return
        with self._step(True, "set attributes of", name):
            fd = self._open(name, os.O_PATH | os.O_NOFOLLOW)
            try:
                _write_xattrs(f"/proc/self/fd/{fd}", now, values)
            finally:
                os.close(fd)

    def _open(self, name: str, flags: int) -> int:
        """Opens a name here without following anything. Without O_NOATIME where the file is not ours."""
        if sys.platform == "linux" and not flags & os.O_PATH:
            with suppress(PermissionError):
                return _open_below(self.fd, name, flags | os.O_NOATIME)
        return _open_below(self.fd, name, flags)

    def _same_device(self, name: str, dev: int) -> None:
        if dev != self._dev:
            raise MountInside(f"{printable(os.path.join(self.path, name))}: another filesystem is mounted there")


def open_posix_folder(path: str, before: Before = nothing) -> PosixFolder:
    """Opens a folder by absolute path without following any link. Raises Gone, Denied, NotRegular, MountInside."""
    if not os.path.isabs(path) or os.path.normpath(path) != path:
        raise NotRegular(f"{printable(path)}: an absolute path without `.` and `..` is needed")
    mount = mount_of(path, list_mounts())
    point = mount.point if mount is not None else "/"
    try:
        before(False, f"open {path}")
        fd = _open_path(point, path)
    except OSError as error:
        raise as_ours(error, f"open {printable(path)}") from error
    return PosixFolder(fd, path, before)


def _open_path(point: str, path: str) -> int:
    """First the mount point, then what lies below it without leaving that mount again."""
    rest = os.path.relpath(path, point)
    if sys.platform == "linux":
        from agent.host import _linux_calls as calls

        plain = calls.RESOLVE_NO_SYMLINKS | calls.RESOLVE_NO_MAGICLINKS
        with suppress(NotImplementedError):
            fd = calls.openat2(-100, os.fsencode(point), _FOLDER_FLAGS, plain)
            try:
                return calls.openat2(fd, os.fsencode(rest), _FOLDER_FLAGS, plain | calls.RESOLVE_NO_XDEV)
            finally:
                os.close(fd)
    fd = os.open("/", _FOLDER_FLAGS)
    for part in path.strip("/").split("/") if path != "/" else ():
        above, fd = fd, -1
        try:
            fd = os.open(part, _FOLDER_FLAGS, dir_fd=above)
        finally:
            os.close(above)
    return fd


def _open_below(folder: int, name: str, flags: int) -> int:
    if sys.platform == "linux":
        from agent.host import _linux_calls as calls

        limits = calls.RESOLVE_NO_SYMLINKS | calls.RESOLVE_NO_MAGICLINKS | calls.RESOLVE_NO_XDEV | calls.RESOLVE_BENEATH
        try:
            return calls.openat2(folder, os.fsencode(name), flags, limits)
        except NotImplementedError:
            pass
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise MountInside(f"{printable(name)}: another filesystem is mounted there") from error
            raise
    return os.open(name, flags | os.O_CLOEXEC, dir_fd=folder)


def _move(fd: int, name: str, to: int, new_name: str) -> None:
    if sys.platform == "linux":
        from agent.host._linux_calls import rename_no_replace

        with suppress(NotImplementedError):
            rename_no_replace(fd, os.fsencode(name), to, os.fsencode(new_name))
            return
    # Without the flag there is a moment between look and rename; it lies in a folder of ours, or of the tree's owner.
    try:
        os.stat(new_name, dir_fd=to, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(name, new_name, src_dir_fd=fd, dst_dir_fd=to)
        return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _read_xattrs(path: str) -> dict[str, bytes]:
    if sys.platform != "linux":
        return {}
    found: dict[str, bytes] = {}
    try:
        for name in os.listxattr(path):
            with suppress(OSError):  # some are listed and cannot be read by anybody; then there is nothing to give back
                found[name] = os.getxattr(path, name)
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.EACCES, errno.EPERM):
            raise
    return found


def _write_xattrs(path: str, now: dict[str, bytes], values: Mapping[str, bytes]) -> None:
    if sys.platform != "linux":
        return
    for name in now.keys() - values.keys():
        os.removexattr(path, name)
    for name, value in values.items():
        if now.get(name) != value:
            os.setxattr(path, name, value)


def _fd(folder: Folder) -> int:
    if not isinstance(folder, PosixFolder):
        raise OtherFilesystem(f"{printable(folder.path)} is held in another way")
    return folder.fd
