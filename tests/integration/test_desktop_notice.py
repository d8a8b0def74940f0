"""Notices on a real notification service: only what was shown counts as told, since `min_notice` starts with it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cases import Kind
from agent.enforce.interface import Detail, Intent, OutcomeCode
from agent.enforce.notify import NotifyActor
from policy_schema.rules.decision import Action
from policy_schema.rules.instant import Instant
from tests.fakes.desktop import Desktop, desktop

pytestmark = pytest.mark.desktop
NOW = Instant(1_783_000_000)
SOMEBODY = 65534
PERSONS = [
    pytest.param(os.geteuid(), id="in one's own session"),
    pytest.param(SOMEBODY, id="root in somebody else's session", marks=pytest.mark.root),
]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that another user may enter; pytest's own is closed to them."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture(params=PERSONS)
def screen(request: pytest.FixtureRequest, place: Path) -> Iterator[Desktop]:
    uid = request.param
    with desktop(place, uid, os.getegid() if uid == os.geteuid() else SOMEBODY) as one:
        yield one


def _notice(uid: int, title: str = "Claude Code is not allowed here", body: str = "From 10 July. Use Qoder.") -> Intent:
    return Intent(
        kind=Kind.NOTIFY,
        finding_id="f-1",
        installation_id="i-1",
        case="f-1",
        action=Action.NOTIFY,
        ban="claude-code",
        tool="claude-code",
        uid=uid,
        title=title,
        body=body,
    )


def test_a_notice_is_shown_with_its_title_and_text(screen: Desktop) -> None:
    screen.serve()
    actor = NotifyActor(channel="desktop", now=lambda: NOW, here=lambda: [screen.session])
    outcome = actor.act(_notice(screen.uid))
    assert (outcome.result, outcome.detail) == (OutcomeCode.TOLD, Detail.NONE)
    assert screen.shown() == [("Claude Code is not allowed here", "From 10 July. Use Qoder.")]


def test_without_a_notification_service_nobody_was_told(screen: Desktop) -> None:
    actor = NotifyActor(channel="desktop", now=lambda: NOW, here=lambda: [screen.session])
    outcome = actor.act(_notice(screen.uid))
    assert (outcome.result, outcome.detail) == (OutcomeCode.NOT_SHOWN, Detail.NO_DESKTOP)


def test_a_text_that_looks_like_an_option_or_steers_a_terminal_is_only_a_text(screen: Desktop) -> None:
    screen.serve()
    actor = NotifyActor(channel="desktop", now=lambda: NOW, here=lambda: [screen.session])
    actor.act(_notice(screen.uid, title="--help", body="a\x1b[31m\u202eb"))
    assert screen.shown() == [("--help", "a[31mb")]
