"""What programs of a session hand over to its notification service, as the session bus carries it."""

from __future__ import annotations

import contextlib
import subprocess
import threading

from tests.fakes.desktop import Desktop

PATIENCE = 20.0


class Bus:
    """What passes to the notification service of a session."""

    def __init__(self, screen: Desktop, stack: contextlib.ExitStack) -> None:
        rule = "type='method_call',interface='org.freedesktop.Notifications',member='Notify'"
        self._process = subprocess.Popen(
            ["dbus-monitor", "--session", rule],
            env=screen.environment(),
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            **screen.options(),
        )
        self.text, self._new = "", threading.Condition()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        stack.callback(self._end)
        assert self.has("NameLost"), "it has become a monitor, which has no name"

    def has(self, *texts: str) -> bool:
        """Whether all of these have passed, as they are; waits for them."""
        with self._new:
            return self._new.wait_for(lambda: all(text in self.text for text in texts), PATIENCE)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._new:
                self.text += line
                self._new.notify_all()

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
        self._thread.join(PATIENCE)
        if self._process.stdout:
            self._process.stdout.close()
