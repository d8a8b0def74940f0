"""The agent as a service of Windows: its start is told to the service manager, and a stop is told to us as a signal.

The manager talks to a thread that gives itself to it (`StartServiceCtrlDispatcherW`); the main thread stays the
agent's, since Python takes signals there. Never run yet: types only (docs/limits.md).
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from agent.errors import BadCommand

NAME = "Interdict"
_PATIENCE = 30.0

if sys.platform == "win32":
    import ctypes
    import signal
    import threading
    from ctypes import wintypes

    _OWN_PROCESS = 0x10
    _STOPPED, _STOP_PENDING, _RUNNING = 1, 3, 4
    _ACCEPTS_STOP, _ACCEPTS_SHUTDOWN = 0x1, 0x4
    _CONTROL_STOP, _CONTROL_SHUTDOWN, _CONTROL_INTERROGATE = 1, 5, 4
    _NOT_IMPLEMENTED = 120
    _SPECIFIC_ERROR = 1066

    class _Status(ctypes.Structure):
        """SERVICE_STATUS."""

        _fields_ = (
            ("type", wintypes.DWORD),
            ("state", wintypes.DWORD),
            ("accepted", wintypes.DWORD),
            ("exit_code", wintypes.DWORD),
            ("own_exit_code", wintypes.DWORD),
            ("check_point", wintypes.DWORD),
            ("wait_hint", wintypes.DWORD),
        )

    _Main = ctypes.WINFUNCTYPE(None, wintypes.DWORD, ctypes.c_void_p)
    _Handler = ctypes.WINFUNCTYPE(
        wintypes.DWORD, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p, use_last_error=True
    )

    class _Entry(ctypes.Structure):
        """SERVICE_TABLE_ENTRYW."""

        _fields_ = (("name", wintypes.LPWSTR), ("main", _Main))

    class _Service:
        """What stands between the manager and the agent. The callbacks live as long as it does."""

        def __init__(self) -> None:
            self._api = ctypes.WinDLL("advapi32", use_last_error=True)
            self._api.RegisterServiceCtrlHandlerExW.restype = wintypes.HANDLE
            self._api.SetServiceStatus.argtypes = (wintypes.HANDLE, ctypes.POINTER(_Status))
            self._main, self._handler = _Main(self._begin), _Handler(self._told)
            self._handle: int | None = None
            self._ended = threading.Event()
            self.began = threading.Event()
            self.refused = 0
            self._code = 0

        def dispatch(self) -> None:
            """Gives this thread to the manager until the service has ended."""
            table = (_Entry * 2)(_Entry(NAME, self._main), _Entry(None, _Main()))
            if not self._api.StartServiceCtrlDispatcherW(table):
                self.refused = ctypes.get_last_error()
                self.began.set()

        def end(self, code: int) -> None:
            """Tells the manager that the agent has ended, and how."""
            self._code = code
            self._ended.set()

        def _begin(self, count: int, words: object) -> None:
            self._handle = self._api.RegisterServiceCtrlHandlerExW(NAME, self._handler, None)
            self._tell(_RUNNING)
            self.began.set()
            self._ended.wait()
            self._tell(_STOPPED)

        def _told(self, control: int, kind: int, data: object, context: object) -> int:
            if control in (_CONTROL_STOP, _CONTROL_SHUTDOWN):
                self._tell(_STOP_PENDING)
                signal.raise_signal(signal.SIGTERM)
                return 0
            return 0 if control == _CONTROL_INTERROGATE else _NOT_IMPLEMENTED

        def _tell(self, state: int) -> None:
            accepted = _ACCEPTS_STOP | _ACCEPTS_SHUTDOWN if state == _RUNNING else 0
            failed = state == _STOPPED and self._code != 0
            hint = int(_PATIENCE * 1000) if state == _STOP_PENDING else 0
            status = _Status(
                _OWN_PROCESS, state, accepted, _SPECIFIC_ERROR if failed else 0, self._code if failed else 0, 0, hint
            )
            self._api.SetServiceStatus(self._handle, ctypes.byref(status))

    def as_service(work: Callable[[], int]) -> int:
        """Does the work as the service that the manager has started; its exit code.

        Raises:
            BadCommand: it was not the service manager who started this process.
        """
        service = _Service()
        threading.Thread(target=service.dispatch, name="service", daemon=True).start()
        if not service.began.wait(_PATIENCE) or service.refused:
            raise BadCommand("the service manager did not start this", "Leave --service out, or: sc start Interdict.")
        code = 1
        try:
            code = work()
        finally:
            service.end(code)
        return code

else:

    def as_service(work: Callable[[], int]) -> int:
        """Raises:
        BadCommand: there is no such manager here.
        """
        raise BadCommand("--service is for Windows", "Leave it out: launchd and systemd start `interdict run`.")
