"""My device in a real browser: phone, laptop, 4K, light, dark, both languages, paper, 200 %; a hostile machine.

The pictures lie in $INTERDICT_SHOTS, else in the test's folder.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.report.device_page.page import device_page
from tests.fakes.browser import Seen, View, look
from tests.fakes.device_views import hostile, material

pytestmark = pytest.mark.online

SIZES = {"phone": (360, 740), "laptop": (1366, 768), "4K": (3840, 2160)}
LOOKS = [
    *(("en", size, scheme) for size in SIZES for scheme in ("light", "dark")),
    *(("zh-Hans", size, scheme) for size, scheme in (("phone", "light"), ("laptop", "dark"), ("4K", "light"))),
]
NAMES = [
    *(", ".join(one) for one in LOOKS),
    "en, laptop at 200 %",
    "en, on paper",
    "a hostile machine",
    "an empty machine",
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """Every view, by one browser."""
    folder = tmp_path_factory.mktemp("pages")
    shots = Path(os.environ.get("INTERDICT_SHOTS") or folder)
    made = {language: device_page(material(language)) for language in ("en", "zh-Hans")}
    made |= {"hostile": device_page(hostile()), "empty": device_page(material(own={"findings": []}, rulebook={}))}
    for name, page in made.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    views = []
    for language, size, scheme in LOOKS:
        shot = shots / f"{language}-{size}-{scheme}.png"
        width, height = SIZES[size]
        views.append(
            View(f"{language}, {size}, {scheme}", folder / f"{language}.html", width, height, scheme, shot=shot)
        )
    english = folder / "en.html"
    views.append(View("en, laptop at 200 %", english, 683, 384, scale=2, shot=shots / "en-200.png"))
    views.append(View("en, on paper", english, 794, 1123, media="print", shot=shots / "en-paper.png"))
    views.append(View("a hostile machine", folder / "hostile.html", 360, 740, shot=shots / "hostile.png"))
    views.append(View("an empty machine", folder / "empty.html", shot=shots / "empty.png"))
    return look(views)


@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_no_violation(seen: dict[str, Seen], name: str) -> None:
    assert seen[name].violations == []
    assert seen[name].passes > 20, "axe looked"


@pytest.mark.parametrize("name", NAMES)
def test_no_request_leaves_the_page_and_nothing_runs_on_it(seen: dict[str, Seen], name: str) -> None:
    assert (seen[name].requests, seen[name].complaints, seen[name].scripts) == ([], [], 0)


@pytest.mark.parametrize("name", NAMES)
def test_no_text_is_cut_off_and_every_link_leads_somewhere(seen: dict[str, Seen], name: str) -> None:
    assert (seen[name].cut_off, seen[name].dead_links) == ([], [])


def test_the_keyboard_skips_to_the_content_or_walks_the_list(seen: dict[str, Seen]) -> None:
    assert seen["en, laptop, light"].reached == ["#content", "#found", "#coming"]


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("en, phone, light", ("1 tool here is not allowed", "Fri 10 July 2026, 09:00", "Qoder", "Wang Fang, Chen Jie")),
        ("zh-Hans, laptop, dark", ("这里有 1 个工具不被允许", "2026年7月10日 09:00", "Qoder", "从不查看的内容")),
        ("en, on paper", ("q-7h3kx9pm", '"sequence": 1', "Thesis until August")),
    ],
)
def test_what_matters_is_to_be_read(seen: dict[str, Seen], name: str, texts: tuple[str, ...]) -> None:
    assert [text for text in texts if text not in seen[name].text] == []


def test_hostile_names_are_shown_as_text(seen: dict[str, Seen]) -> None:
    text = seen["a hostile machine"].text
    assert "<script>alert(1)</script>" in text
    assert not {"\x1b", "\x07", "\u202e", "\u200b"} & set(text)
