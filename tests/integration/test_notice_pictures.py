"""Every kind of notice on real desktops, in both languages: handed over whole, and with pictures where one wants them.

The policy is the example's. Pictures are for people to look at: with `INTERDICT_SCREENSHOTS=FOLDER` they are put there.
What a picture cannot show to a program is checked on the session bus, where the texts pass.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.notify.desktop import Desktop as Screen
from policy_schema.authoring.cli.preview import FOUND, bans_of, views_of
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.load import parse_policy
from policy_schema.messages import local
from policy_schema.notices.compose import Notice, Occasion, Situation, compose
from policy_schema.notices.language import Reader
from policy_schema.notices.welcome import welcome
from tests.fakes.desktop import Desktop, desktop
from tests.fakes.notification_bus import Bus

pytestmark = pytest.mark.desktop
EXAMPLE = Path("examples/claude-code-ban/policy.yaml")
LANGUAGES = ("en", "zh-Hans")
BLOCKS = 1_783_645_200
"""When the example's ban blocks: 10 July 2026, 09:00 in Shanghai."""
BESIDE_STAGES = (Occasion.CONFIGURED, Occasion.LIFTED)
"""What a preview of a ban of programs does not show."""


class Picture(NamedTuple):
    """A notice, and what its picture is called."""

    name: str
    notice: Notice


def _all_notices(language: str) -> list[Picture]:
    """The welcome, and what a preview shows of the ban of Claude Code: stages, reminders, answers, and more."""
    document = close_policy(parse_policy(EXAMPLE.read_text(encoding="utf-8"), str(EXAMPLE)), load_catalogue()).document
    ban = next(one for one in bans_of(document) if one["id"] == "claude-code")
    organisation = document["organisation"]
    assert isinstance(organisation, dict)
    rows = [Picture("welcome", welcome(organisation, Reader((language,)), reports=True))]
    hour_before = Situation(
        Occasion.SOON_BLOCKED, BLOCKS - 3600, FOUND, Reader((language,)), told=BLOCKS - 500_000, until=BLOCKS
    )
    tool = {"id": "claude-code", "name": "Claude Code"}
    rows += [
        Picture(f"also-{occasion.value}", compose(organisation, ban, tool, hour_before._replace(occasion=occasion)))
        for occasion in BESIDE_STAGES
    ]
    for number, view in enumerate(views_of(document, ban, language, None)):
        rows.append(
            Picture(
                f"{number:02}-" + re.sub(r"\W+", "-", view.title.partition(f"{language}: ")[2]).strip("-"), view.notice
            )
        )
    return rows


@pytest.fixture(scope="module", params=["dunst", "xfce4"])
def screen(request: pytest.FixtureRequest) -> Iterator[Desktop]:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with desktop(Path(folder), os.geteuid(), os.getegid()) as one:
            one.serve(request.param)
            yield one


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_notice_is_handed_over_whole(screen: Desktop, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={screen.socket}")
    pictures = _all_notices(language)
    assert len({picture.name for picture in pictures}) == len(pictures) > 10
    with contextlib.ExitStack() as stack:
        bus = Bus(screen, stack)
        asyncio.run(_show_all(screen, bus, pictures, language))


async def _show_all(screen: Desktop, bus: Bus, pictures: list[Picture], language: str) -> None:
    service = Screen()
    for number, (name, notice) in enumerate(pictures):
        shown = local.Notice(
            id=f"0-{number}",
            title=notice.title,
            body=notice.body,
            buttons=tuple(local.Button(key=b.key, label=b.label, url=b.url) for b in notice.buttons),
            stays="countdown" in name,
        )
        assert await service.show(shown, lambda key: None), name
        links = re.findall(r"https://\S+$", notice.body, re.MULTILINE)
        assert links and all(link.isascii() for link in links), (
            f"{name}: a link that ends its line, so that it can be read"
        )
        assert len(links) == notice.body.count("https://"), name
        # Where a service reads markup the text is escaped; none of these needs it.
        assert bus.has(notice.title, notice.body), name
        if folder := os.environ.get("INTERDICT_SCREENSHOTS"):
            screen.wait_for_notice()
            screen.photograph(Path(folder) / f"{screen.service}-{language}-{name}.png")
        await service.withdraw(shown.id)
    service._service._backend.interface.bus.disconnect()  # type: ignore[union-attr,attr-defined]
