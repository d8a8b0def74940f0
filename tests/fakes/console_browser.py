"""The console's pages in the system's Chromium, driven by Playwright and judged by axe-core."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.fakes.zoo import cache_folder, npm_local

AXE = "axe-core@4.14.1"
SIZES = {"narrow": (320, 640), "phone": (390, 844), "laptop": (1366, 768), "4K": (3840, 2160)}
"""Narrow: what a window of 1280 points is at 400 % (WCAG 2.2, 1.4.10)."""
_JUDGE = """axe.run().then(found => found.violations.map(one => one.id + ': ' +
    one.nodes.slice(0, 3).map(node => node.target.join(' ')).join(' | ')))"""
_CUT_OFF = """() => [...document.querySelectorAll('main h1, main h2, main button, main a, main .figure')]
    .filter(one => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflow === 'hidden'
        && getComputedStyle(one).textOverflow !== 'ellipsis')
    .map(one => one.outerHTML.slice(0, 80))"""


class Look(NamedTuple):
    """How pages are looked at."""

    language: str = "en"
    size: str = "laptop"
    scheme: str = "light"
    scale: float = 1
    """2 is a zoom of 200 %: half as many points of the style in each direction."""
    scripts: bool = True
    zone: str = "Asia/Shanghai"

    @property
    def name(self) -> str:
        """For a file."""
        zoomed = "" if self.scale == 1 else f"-at-{int(self.scale * 100)}"
        return f"{self.language}-{self.size}-{self.scheme}{zoomed}" + ("" if self.scripts else "-no-scripts")


class Seen(NamedTuple):
    """What came of one page."""

    status: int
    violations: list[str]
    complaints: list[str]
    """What the browser itself said: errors, refusals of the content policy, failed requests."""
    elsewhere: list[str]
    """Requests that left the console."""
    too_wide: int
    """Points by which the page is wider than its window."""
    cut_off: list[str]
    text: str


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's browser."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.fail("no browser: apt-get install chromium", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def looking(browser: Browser, address: str, look: Look) -> Iterator[Page]:
    """A window of this kind on the console."""
    width, height = SIZES[look.size]
    context = browser.new_context(
        base_url=address,
        viewport={"width": int(width / look.scale), "height": int(height / look.scale)},
        device_scale_factor=look.scale,
        color_scheme="dark" if look.scheme == "dark" else "light",
        locale="zh-CN" if look.language == "zh-Hans" else "en-GB",
        timezone_id=look.zone,
        java_script_enabled=look.scripts,
    )
    yield context.new_page()
    context.close()


def see(page: Page, path: str, shot: Path | None = None) -> Seen:
    """Opens a page, takes its picture, and lets it be judged."""
    complaints: list[str] = []
    elsewhere: list[str] = []

    def heard(message: Any) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def asked(request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:")):
            elsewhere.append(request.url)

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", asked)
    answer = page.goto(path)
    assert answer is not None
    if shot is not None:
        shot.parent.mkdir(parents=True, exist_ok=True)
        # Written here: Playwright itself would leave threads for it.
        shot.write_bytes(page.screenshot(full_page=True))
    page.remove_listener("console", heard)
    page.evaluate(_axe() + "; 0")
    return Seen(
        status=answer.status,
        violations=page.evaluate(_JUDGE),
        complaints=complaints,
        elsewhere=elsewhere,
        too_wide=page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"),
        cut_off=page.evaluate(_CUT_OFF),
        text=page.inner_text("body"),
    )


def _axe() -> str:
    folder = cache_folder() / "axe" / AXE.replace("@", "-")
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        npm_local(folder, AXE)
    return script.read_text(encoding="utf-8")
