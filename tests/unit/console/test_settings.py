"""What would be dangerous is refused before anything listens."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import BadCommand
from console.settings import Settings, check

PLAIN = Settings(data=Path("/nowhere"))


@pytest.mark.parametrize(
    "settings",
    [
        PLAIN,
        PLAIN._replace(trial=True, host="localhost"),
        PLAIN._replace(trial=True, host="::1"),
        PLAIN._replace(host="0.0.0.0", behind_tls=True),
        PLAIN._replace(port=0),
    ],
    ids=["the default", "a trial on localhost", "a trial on ::1", "everywhere behind TLS", "any free port"],
)
def test_is_fine(settings: Settings) -> None:
    assert check(settings) is settings


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (PLAIN._replace(trial=True, host="0.0.0.0"), "--trial"),
        (PLAIN._replace(trial=True, host="0.0.0.0", behind_tls=True), "--trial"),
        (PLAIN._replace(trial=True, host="console.example"), "--trial"),
        (PLAIN._replace(host="192.0.2.1"), "clear text"),
        (PLAIN._replace(host="::"), "clear text"),
        (PLAIN._replace(port=70_000), "70000"),
    ],
    ids=["a trial for all", "a trial behind TLS", "a trial by name", "no TLS", "no TLS, all of IPv6", "no such port"],
)
def test_is_refused(settings: Settings, says: str) -> None:
    with pytest.raises(BadCommand, match=says) as refused:
        check(settings)
    assert refused.value.advice().endswith(".")
