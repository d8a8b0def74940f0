"""Every page of the console in a real browser, over a believable fleet: axe-core, keyboard, languages, without scripts.

Pictures lie in $INTERDICT_SHOTS, else in the test's folder. The whole matrix of widths, looks and languages is `slow`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from console.web.guard import Who
from console.web.routes import RULES
from tests.fakes.console_browser import Look, Seen, chromium, looking, see

pytestmark = pytest.mark.online

PAGES = {
    "overview": "/",
    "bans": "/bans",
    "ban": "/bans/claude-code",
    "devices": "/devices",
    "devices that are open": "/devices?state=open&os=linux",
    "device": "a device",
    "report": "a report",
    "moves": "/moves",
    "reports": "/reports",
    "policy": "/policy",
    "policy version": "/policy/3",
    "health": "/health",
    "health of clones": "/health?trouble=cloned",
    "exceptions": "/exceptions",
    "exceptions in force": "/exceptions?show=given",
    "new exception": "/exceptions/new",
    "request": "a request",
    "audit": "/audit",
    "settings": "/settings",
    "view": "/view",
    "login": "/login",
}
"""The name of each picture and where it is; some are found by following a link."""
FOUND = {"a device": ("/devices?state=open", "tbody th a"), "a report": ("a device", ".reports a")}
FOUND |= {"a request": ("/exceptions", "tbody th a")}
ROUTES = {
    "/devices/{device}": "a device",
    "/devices/{device}/reports/{epoch}/{sequence:int}": "a report",
    "/exceptions/requests/{device}/{request}": "a request",
    "/bans/{ban}": "/bans/claude-code",
    "/policy/{serial:int}": "/policy/3",
}
NO_PAGES = ("/export/", "/api/", "/metrics", "/reports/", "/openapi")
MATRIX = [
    Look(language, size, scheme)
    for language in ("en", "zh-Hans")
    for size in ("phone", "laptop", "4K")
    for scheme in ("light", "dark")
] + [Look(scale=2), Look(language="zh-Hans", scale=2), Look(size="narrow")]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A trial console over the example, at the example's time, in a process of its own."""
    folder = tmp_path_factory.mktemp("fleet")
    scale = os.environ.get("INTERDICT_FLEET", "0.12")
    command = [sys.executable, "-m", "tests.fakes.example_fleet", str(folder), "--port", "0", "--scale", scale]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        yield serving.stdout.readline().strip()
        serving.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(os.environ.get("INTERDICT_SHOTS") or tmp_path_factory.mktemp("shots"))


@pytest.fixture(scope="module")
def paths(browser: Browser, address: str) -> dict[str, str]:
    """Where every page is."""
    found: dict[str, str] = {}
    with looking(browser, address, Look()) as page:
        for name, (start, link) in FOUND.items():
            page.goto(found.get(start, start))
            found[name] = page.locator(link).first.get_attribute("href") or ""
    return {name: found.get(path, path) for name, path in PAGES.items()}


@pytest.fixture(scope="module")
def seen(browser: Browser, address: str, paths: dict[str, str], shots: Path) -> dict[str, Seen]:
    """Every page on a laptop, by one window."""
    with looking(browser, address, Look()) as page:
        return {name: see(page, path, shots / f"{name}-{Look().name}.png") for name, path in paths.items()}


def test_every_page_of_the_table_of_routes_is_looked_at() -> None:
    people = {rule.path for rule in RULES if rule.method == "GET" and rule.who in (Who.VIEWER, Who.APPROVER, Who.ADMIN)}
    looked_at = set(PAGES.values())
    forgotten = {path for path in people if ROUTES.get(path, path) not in looked_at and not path.startswith(NO_PAGES)}
    assert forgotten == set()


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation(seen: dict[str, Seen], name: str) -> None:
    assert (seen[name].status, seen[name].violations) == (200, [])


@pytest.mark.parametrize("name", PAGES)
def test_the_browser_has_nothing_to_complain_about(seen: dict[str, Seen], name: str) -> None:
    assert (seen[name].complaints, seen[name].elsewhere) == ([], [])


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_off_or_wider_than_the_window(seen: dict[str, Seen], name: str) -> None:
    assert (seen[name].too_wide, seen[name].cut_off) == (0, [])


def test_the_keyboard_skips_to_the_content_and_walks_the_navigation(browser: Browser, address: str) -> None:
    with looking(browser, address, Look()) as page:
        page.goto("/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.getAttribute('href')") == "#content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"
        page.goto("/bans")
        walked = []
        for _ in range(8):
            page.keyboard.press("Tab")
            walked.append(page.evaluate("document.activeElement.getAttribute('href')"))
        assert walked[-5:] == ["/", "/bans", "/devices", "/exceptions", "/moves"]


def test_times_are_those_of_whoever_looks_or_of_the_zone_they_chose(browser: Browser, address: str) -> None:
    with looking(browser, address, Look(zone="America/New_York")) as page:
        page.goto("/")
        assert "8 Jul 2026, 23:20" in page.inner_text("main")
        page.goto("/view")
        page.select_option("main select[name=zone]", "Europe/Berlin")
        page.click("main button")
        page.goto("/")
        assert "9 Jul 2026, 05:20" in page.inner_text("main")


def test_the_language_and_the_look_can_be_chosen_on_every_page(browser: Browser, address: str) -> None:
    with looking(browser, address, Look()) as page:
        page.goto("/health")
        page.select_option("footer select[name=language]", "zh-Hans")
        page.wait_for_selector("html[lang=zh-Hans]")
        assert page.inner_text("h1") == "健康"
        page.select_option("footer select[name=theme]", "dark")
        page.wait_for_selector("html[data-theme=dark]")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 21, 24)"


@pytest.mark.parametrize("name", ["overview", "ban", "devices", "policy"])
def test_without_scripts_a_page_says_the_same_in_utc(
    browser: Browser, address: str, paths: dict[str, str], name: str
) -> None:
    with looking(browser, address, Look(scripts=False)) as page:
        page.goto(paths[name])
        text = page.content()
        if name != "devices":
            assert "UTC" in page.inner_text("main")
            assert "The figures as a table" in text
        else:
            page.fill("main input[name=search]", "eng-0")
            page.click("main form button")
            assert "search=eng-0" in page.url
            assert "eng-0" in page.inner_text("tbody >> nth=0")


def test_the_list_of_devices_narrows_in_place_and_the_way_back_works(browser: Browser, address: str) -> None:
    with looking(browser, address, Look()) as page:
        page.goto("/devices")
        everything = page.inner_text("#list [role=status] b")
        page.evaluate("window.stays = true")
        page.select_option("main select[name=state]", "silent")
        page.wait_for_selector(".narrowed .chip")
        assert "state=silent" in page.url
        assert page.evaluate("window.stays"), "the page was not loaded anew"
        assert page.inner_text("#list [role=status] b") != everything
        page.go_back()
        page.wait_for_selector(".narrowed", state="detached")
        assert page.inner_text("#list [role=status] b") == everything


def test_a_chart_has_its_figures_in_a_table_too(browser: Browser, address: str) -> None:
    with looking(browser, address, Look()) as page:
        page.goto("/")
        assert page.locator("figure canvas").count() == 1
        page.click("figure summary")
        assert page.locator("figure tbody tr").count() > 14
        newest = page.locator("figure tbody:not(.u-legend tbody) td").first.inner_text()
        told = page.locator("figure .u-legend .u-value").all_inner_texts()
        assert told[1] == newest, "the legend tells the newest figure"


@pytest.mark.slow
@pytest.mark.parametrize("look", MATRIX, ids=[look.name for look in MATRIX])
def test_every_page_at_every_width_in_every_look_and_language(
    browser: Browser, address: str, paths: dict[str, str], shots: Path, look: Look
) -> None:
    wrong = {}
    with looking(browser, address, look) as page:
        for name, path in paths.items():
            one = see(page, path, shots / f"{name}-{look.name}.png")
            if (one.status, one.violations, one.complaints, one.too_wide, one.cut_off) != (200, [], [], 0, []):
                wrong[name] = one._replace(text="")
    assert wrong == {}
