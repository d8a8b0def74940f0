r"""Windows' named pipes: one name for the agent, opened by people on this machine, each known by their security id.

A thin door: `agent.host.pipe_bridge` does the rest, on every system. The name carries a list of who may do what: the
system and administrators everything; people at the machine read and write, and cannot make another instance of the name
(which `GENERIC_WRITE` would allow); nobody from the network. The first instance is made with a flag that fails where
somebody else has taken the name. Whoever connects lets us know them and not act as them (SECURITY_IDENTIFICATION), and
believes a name only that the system or administrators own. It has not run on a real Windows yet.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from ctypes import wintypes
from hashlib import blake2b

from agent.errors import Denied, Gone, StateBroken
from agent.host.pipe_bridge import MOST_PIPES

assert sys.platform == "win32"

import _winapi  # noqa: E402  # what multiprocessing builds its pipes on

_READ_AND_WRITE = 0x12019B
"""FILE_GENERIC_READ, FILE_WRITE_DATA and attributes, without FILE_CREATE_PIPE_INSTANCE."""
_WHO_MAY = f"D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;BA)(A;;0x{_READ_AND_WRITE:x};;;IU)"
"""Security descriptor language: denied to the network; the system, administrators, interactive people."""
_OWNERS = frozenset({"S-1-5-18", "S-1-5-32-544"})
_BUFFER = 65536
_FIRST_INSTANCE, _REJECT_REMOTE = 0x00080000, 0x00000008
_IDENTIFY = 0x00100000 | 0x00010000  # SECURITY_SQOS_PRESENT, SECURITY_IDENTIFICATION
_TURN_MS = 1000
_TOKEN_QUERY, _TOKEN_USER = 0x0008, 1
_KERNEL_OBJECT, _OWNER = 6, 1
_CONNECT_WITHIN_MS = 5000

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_security = ctypes.WinDLL("advapi32", use_last_error=True)
_kernel.GetCurrentThread.restype = wintypes.HANDLE
_kernel.LocalFree.argtypes = [ctypes.c_void_p]
_kernel.CloseHandle.argtypes = [wintypes.HANDLE]
_kernel.DisconnectNamedPipe.argtypes = [wintypes.HANDLE]
_security.ImpersonateNamedPipeClient.argtypes = [wintypes.HANDLE]


class _Attributes(ctypes.Structure):
    """SECURITY_ATTRIBUTES."""

    _fields_ = [("length", wintypes.DWORD), ("descriptor", ctypes.c_void_p), ("inherit", wintypes.BOOL)]


class WindowsPipe:
    """One connected pipe (`agent.host.pipe_bridge.Pipe`)."""

    def __init__(self, handle: int, served: bool) -> None:
        self._handle, self._served, self._closed = handle, served, False

    def read(self, most: int, within: float | None = None) -> bytes:
        """What has come; nothing at the end, or when nothing came in time."""
        if self._closed:
            return b""
        try:
            pending, code = _winapi.ReadFile(self._handle, most, overlapped=True)
            if not self._finish(pending, code, within):
                return b""
            return bytes(pending.getbuffer() or b"")
        except BrokenPipeError:
            return b""

    def write(self, data: bytes) -> None:
        """All of it. Raises OSError."""
        while data:
            if self._closed:
                raise BrokenPipeError("the pipe is closed")
            pending, code = _winapi.WriteFile(self._handle, data, overlapped=True)
            self._finish(pending, code, None)
            written, _ = pending.GetOverlappedResult(True)
            data = data[written:]

    def person(self) -> str:
        """Who is at the other end. Raises OSError."""
        if not _security.ImpersonateNamedPipeClient(self._handle):
            raise ctypes.WinError(ctypes.get_last_error())
        try:
            token = wintypes.HANDLE()
            if not _security.OpenThreadToken(_kernel.GetCurrentThread(), _TOKEN_QUERY, True, ctypes.byref(token)):
                raise ctypes.WinError(ctypes.get_last_error())
        finally:
            if not _security.RevertToSelf():
                os._exit(70)  # a thread that went on as somebody else would act with their rights
        try:
            return _sid_of(token)
        finally:
            _kernel.CloseHandle(token)

    def close(self) -> None:
        """Ends it: waiting reads and writes give up."""
        if self._closed:
            return
        self._closed = True
        _kernel.CancelIoEx(wintypes.HANDLE(self._handle), None)
        if self._served:
            _kernel.DisconnectNamedPipe(self._handle)
        _winapi.CloseHandle(self._handle)

    def _finish(self, pending: _winapi.Overlapped, code: int, within: float | None) -> bool:
        """Waits for a read or write; false when its time is over or the pipe was closed meanwhile."""
        left = None if within is None else int(within * 1000)
        while code == _winapi.ERROR_IO_PENDING:
            turn = _TURN_MS if left is None else min(left, _TURN_MS)
            if _winapi.WaitForMultipleObjects([pending.event], False, turn) != _winapi.WAIT_TIMEOUT:
                break
            left = None if left is None else left - turn
            if self._closed or left == 0:
                pending.cancel()
                return False
        pending.GetOverlappedResult(True)
        return True


class WindowsPipes:
    """The agent's name (`agent.host.pipe_bridge.Pipes`)."""

    def __init__(self, path: str) -> None:
        """`path` is where the socket would be: each state folder has a name of its own.

        Raises:
            StateBroken: somebody else has the name, or it cannot be made.
        """
        self._name, self._closed = pipe_name(path), False
        try:
            self._next = self._instance(_FIRST_INSTANCE)
        except OSError as error:
            raise StateBroken(
                f"{self._name}: {error.strerror or error}", "Another program may have its name."
            ) from error

    def accept(self) -> WindowsPipe:
        """The next pipe that somebody opened. Raises OSError, or EOFError once closed."""
        if not self._next:
            self._next = self._instance(0)
        handle, self._next = self._next, 0
        try:
            self._wait_for(handle)
        except (OSError, EOFError):
            _winapi.CloseHandle(handle)
            raise
        with contextlib.suppress(OSError):  # all instances are in use: made when the next one is waited for
            self._next = self._instance(0)
        return WindowsPipe(handle, served=True)

    def _wait_for(self, handle: int) -> None:
        pending = _winapi.ConnectNamedPipe(handle, overlapped=True)
        while True:
            came = _winapi.WaitForMultipleObjects([pending.event], False, _TURN_MS) != _winapi.WAIT_TIMEOUT
            if self._closed:
                pending.cancel()
                raise EOFError
            if came:
                break
        pending.GetOverlappedResult(True)

    def close(self) -> None:
        """Ends waiting, within a second."""
        self._closed = True

    def _instance(self, more: int) -> int:
        descriptor = ctypes.c_void_p()
        made = _security.ConvertStringSecurityDescriptorToSecurityDescriptorW(
            _WHO_MAY, 1, ctypes.byref(descriptor), None
        )
        if not made:
            raise ctypes.WinError(ctypes.get_last_error())
        attributes = _Attributes(ctypes.sizeof(_Attributes), descriptor, False)
        try:
            return _winapi.CreateNamedPipe(
                self._name,
                _winapi.PIPE_ACCESS_DUPLEX | _winapi.FILE_FLAG_OVERLAPPED | more,
                _REJECT_REMOTE,  # beside it the kind: bytes that are waited for, which is 0
                MOST_PIPES + 1,
                _BUFFER,
                _BUFFER,
                0,
                ctypes.addressof(attributes),
            )
        finally:
            _kernel.LocalFree(descriptor)


def open_pipe(path: str) -> WindowsPipe:
    """A person's side.

    Raises:
        Gone: nobody listens there.
        Denied: the name belongs to somebody who is not the agent, or nobody is let in.
    """
    name = pipe_name(path)
    try:
        _winapi.WaitNamedPipe(name, _CONNECT_WITHIN_MS)
        flags = _winapi.FILE_FLAG_OVERLAPPED | _IDENTIFY
        handle = _winapi.CreateFile(name, _READ_AND_WRITE, 0, 0, _winapi.OPEN_EXISTING, flags, 0)
    except FileNotFoundError as error:
        raise Gone(f"{name}: no agent listens there", "Is it running? `interdict doctor` tells.") from error
    except OSError as error:
        raise Denied(f"{name}: {error.strerror or error}") from error
    pipe = WindowsPipe(handle, served=False)
    if _owner(handle) not in _OWNERS:
        pipe.close()
        raise Denied(f"{name}: it is not the agent's", "Tell your administrator.")
    return pipe


def pipe_name(path: str) -> str:
    """The pipe's name for a state folder's socket."""
    return rf"\\.\pipe\interdict-{blake2b(os.path.normcase(path).encode(), digest_size=8).hexdigest()}"


def _sid_of(token: wintypes.HANDLE) -> str:
    needed = wintypes.DWORD()
    _security.GetTokenInformation(token, _TOKEN_USER, None, 0, ctypes.byref(needed))
    buffer = ctypes.create_string_buffer(needed.value)
    if not _security.GetTokenInformation(token, _TOKEN_USER, buffer, needed, ctypes.byref(needed)):
        raise ctypes.WinError(ctypes.get_last_error())
    # TOKEN_USER begins with SID_AND_ATTRIBUTES, which begins with the pointer.
    return _text_of(ctypes.cast(buffer, ctypes.POINTER(ctypes.c_void_p))[0])


def _owner(handle: int) -> str:
    owner, descriptor = ctypes.c_void_p(), ctypes.c_void_p()
    failed = _security.GetSecurityInfo(
        wintypes.HANDLE(handle),
        _KERNEL_OBJECT,
        _OWNER,
        ctypes.byref(owner),
        None,
        None,
        None,
        ctypes.byref(descriptor),
    )
    if failed:
        return ""
    try:
        return _text_of(owner.value)
    finally:
        _kernel.LocalFree(descriptor)


def _text_of(sid: int | None) -> str:
    text = wintypes.LPWSTR()
    if not _security.ConvertSidToStringSidW(ctypes.c_void_p(sid), ctypes.byref(text)):
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        return str(text.value)
    finally:
        _kernel.LocalFree(ctypes.cast(text, ctypes.c_void_p))
