"""A plugin for the conformance suite: its server waits a moment for a request instead of asking without a pause.

The suite asks its server for work in a loop without any waiting until the client has ended. On a machine with two
processors that loop takes the client's processor: the whole suite then needs twice as long. Nothing else is changed.
"""

from __future__ import annotations

from typing import Any

from tuf_conformance._internal import simulator_server

MOMENT = 0.02
"""Seconds."""


def _patient(server: Any) -> None:
    begin = server.__init__

    def patiently(self: Any, *args: Any, **more: Any) -> None:
        begin(self, *args, **more)
        self.timeout = MOMENT

    server.__init__ = patiently


_patient(simulator_server.SimulatorServer)
_patient(simulator_server.StaticServer)
