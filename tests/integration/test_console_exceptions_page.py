"""The page of exceptions over real HTTP: what stands in the queue, the forms that decide, and what they refuse."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from console.access import Role, Viewer
from console.exceptions import decide
from policy_schema.rules.relief import Because
from tests.fakes.deciding import ADMIN, DAY, DecidingConsole, new_sqlite
from tests.fakes.reporting_device import finding


class Browser:
    """Asks for pages and sends their forms, with the token that stands in them."""

    def __init__(self, client: httpx.Client) -> None:
        self.get = client.get
        self._client = client
        self._token = client.get("/exceptions/new").text.split('name="csrf" value="')[1].split('"')[0]

    def post(self, path: str, data: dict[str, object]) -> httpx.Response:
        return self._client.post(path, data={"csrf": self._token, **data})


@pytest.fixture
def console(tmp_path: Path) -> Iterator[DecidingConsole]:
    made = DecidingConsole(tmp_path, new_sqlite(tmp_path))
    yield made
    made.database.close()


@pytest.fixture
def browser(console: DecidingConsole) -> Iterator[Browser]:
    with console.browser() as client:
        yield Browser(client)


def shown(answer: httpx.Response) -> str:
    """What a person reads of a page."""
    text = re.sub(r"<script.*?</script>|<[^>]+>", " ", answer.text, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(text))


def day(console: DecidingConsole, days: int = 30) -> str:
    return datetime.fromtimestamp(console.now + days * DAY, UTC).date().isoformat()


def approval(console: DecidingConsole, **changes: object) -> dict[str, object]:
    return {"do": "approve", "reason": "a contract", "until": day(console), "statement": "yes", **changes}


def test_a_request_stands_in_the_queue_and_is_approved_by_its_form(console: DecidingConsole, browser: Browser) -> None:
    device = console.enrol("li-laptop")
    asked = console.ask(device, reason="<b>the contract</b> names it")
    page = browser.get("/exceptions")
    assert "li-laptop" in shown(page) and "<b>the contract</b> names it" in shown(page)
    assert "<b>the contract</b>" not in page.text
    path = f"/exceptions/requests/{device.id}/{asked.request_id}"
    assert "Approve" in shown(browser.get(path))
    answer = browser.post(path, data=approval(console))
    assert (answer.status_code, answer.headers["location"]) == (303, "/exceptions?done=approved")
    assert "Nothing waits" in shown(browser.get("/exceptions?done=approved"))
    held = shown(browser.get("/exceptions?show=held"))
    assert "approved, not published yet" in held and "approved by trial" in held
    console.deciding.publisher.publish()
    assert "published" in shown(browser.get("/exceptions?show=held"))
    name = console.relief(device.id).exceptions[0].id
    console.report(device, findings=(finding(state="excepted", action="report", exception=name),))
    assert "in force on 1 of 1" in shown(browser.get("/exceptions?show=held"))
    gone = browser.post(f"/exceptions/{name}/withdraw", data={"reason": "it is over"})
    assert gone.headers["location"] == "/exceptions?show=held&done=withdrawn"
    assert "it is over" in shown(browser.get("/exceptions?show=past"))


def test_many_are_decided_at_once_or_none(console: DecidingConsole, browser: Browser) -> None:
    asked = [console.ask(console.enrol(f"laptop-{number}"), f"r-{number:08x}") for number in range(3)]
    pairs = [f"{one.device_id}/{one.request_id}" for one in asked]
    refused = {"do": "refuse", "because": "alternative", "reason": "Qoder", "asked": [*pairs[:2], "d-x/r-x"]}
    answer = browser.post("/exceptions/decide", data=refused)
    assert answer.status_code == 409 and "no such request" in shown(answer)
    assert answer.text.count(" checked>") == 2, "what was ticked stays ticked"
    assert "laptop-0" in shown(browser.get("/exceptions"))
    answer = browser.post("/exceptions/decide", data={**refused, "asked": pairs[:2]})
    assert answer.headers["location"] == "/exceptions?done=refused"
    queue = shown(browser.get("/exceptions"))
    assert "laptop-2" in queue and "laptop-0" not in queue
    answered = shown(browser.get("/exceptions?show=decided"))
    assert answered.count("does the same") == 2 and "not published yet" in answered
    assert browser.post("/exceptions/decide", data=approval(console, asked=pairs[2])).status_code == 303


NOT_TAKEN: dict[str, tuple[str, Callable[[DecidingConsole], dict[str, object]], str]] = {
    "no day": ("/exceptions/new", lambda c: approval(c, until="soon"), "Write the last day"),
    "a day that is too far": ("/exceptions/new", lambda c: approval(c, until=day(c, 99)), "90 days at most"),
    "a host that is not there": ("/exceptions/new", lambda c: approval(c, devices="nobody"), "no device nobody"),
    "without the statement": ("/exceptions/new", lambda c: approval(c, statement=""), "none of these devices is mine"),
    "a pause of no ban": (
        "/exceptions/pauses",
        lambda c: {"ban": "x", "hours": "1", "reason": "r"},
        "no ban x",
    ),
    "a pause of no time": (
        "/exceptions/pauses",
        lambda c: {"ban": "claude-code", "hours": "-1", "reason": "r"},
        "72 hours at most",
    ),
    "a pause that there is not": ("/exceptions/pauses/lift", lambda c: {"ban": "x"}, "x is not paused"),
    "nothing ticked": ("/exceptions/decide", approval, "Tick the requests"),
    "an exception that there is not": (
        "/exceptions/x-1/withdraw",
        lambda c: {"reason": "r"},
        "no exception x-1",
    ),
}


@pytest.mark.parametrize(("path", "form", "said"), NOT_TAKEN.values(), ids=NOT_TAKEN.keys())
def test_what_cannot_be_decided_is_said_above_the_form_that_keeps_its_values(
    path: str,
    form: Callable[[DecidingConsole], dict[str, object]],
    said: str,
    console: DecidingConsole,
    browser: Browser,
) -> None:
    console.enrol("li-laptop")
    fields = {"devices": "li-laptop", "ban": "claude-code", "asked_by": "Wang", **form(console)}
    answer = browser.post(path, data=fields)
    assert answer.status_code == 409
    assert said in shown(answer)
    if path.endswith("new"):
        assert 'value="Wang"' in answer.text


def test_one_that_was_asked_for_by_mail_and_one_that_is_mine(console: DecidingConsole, browser: Browser) -> None:
    console.enrol("li-laptop"), console.enrol("my-laptop")
    form = approval(console, ban="claude-code", asked_by="Chen Jie", devices="li-laptop\n")
    assert browser.post("/exceptions/new", data=form).status_code == 303
    assert "asked by Chen Jie" in shown(browser.get("/exceptions?show=held"))
    assert browser.post("/exceptions/mine", data={"device": "my-laptop"}).status_code == 303
    answer = browser.post("/exceptions/new", data={**form, "devices": "my-laptop"})
    assert "nobody approves their own" in shown(answer)


def test_a_pause_is_shown_everywhere_on_the_page_and_lifted(console: DecidingConsole, browser: Browser) -> None:
    form: dict[str, object] = {"ban": "claude-code", "hours": "24", "reason": "false alarms"}
    assert browser.post("/exceptions/pauses", data=form).headers["location"].endswith("done=paused")
    assert "Paused for everybody: Claude Code" in shown(browser.get("/exceptions"))
    assert "is paused already" in shown(browser.post("/exceptions/pauses", data=form))
    assert browser.post("/exceptions/pauses/lift", data={"ban": "claude-code"}).status_code == 303
    page = shown(browser.get("/exceptions?show=pauses"))
    assert "No ban is paused" in page and "lifted by trial" in page


def test_a_hundred_requests_are_read_page_by_page(console: DecidingConsole, browser: Browser) -> None:
    device = console.enrol("li-laptop")
    with console.together():
        for number in range(120):
            console.pass_time(1)
            console.ask(device, f"r-{number:08x}")
    seen: list[str] = []
    path = "/exceptions"
    while path:
        page = browser.get(path)
        seen += re.findall(r'name="asked" value="[^"/]+/([^"]+)"', page.text)
        following = re.search(r'href="([^"]+)" rel="next"', page.text)
        path = html.unescape(following[1]) if following else ""
    assert seen == [f"r-{number:08x}" for number in range(120)]


def test_the_pages_are_there_in_chinese(console: DecidingConsole, browser: Browser) -> None:
    device = console.enrol("li-laptop")
    asked = console.ask(device)
    for tab in ("", "held", "past", "decided", "pauses", "alarms"):
        answer = browser.get(f"/exceptions?show={tab}", headers={"Accept-Language": "zh-CN"})
        assert answer.status_code == 200 and 'lang="zh-Hans"' in answer.text
    path = f"/exceptions/requests/{asked.device_id}/{asked.request_id}"
    assert browser.get(path, headers={"Accept-Language": "zh-CN"}).status_code == 200


def test_whoever_sees_some_groups_sees_their_requests_alone(console: DecidingConsole) -> None:
    from console.exceptions import look

    console.ask(console.enrol("li-laptop", ["engineering"]))
    console.ask(console.enrol("wang-laptop", ["sales"]), "r-00c0ffe1")
    with console.database.write() as connection:
        rows, _ = look.queue(connection, frozenset({"sales"}), console.now, None)
        assert [row.host_name for row in rows] == ["wang-laptop"]
        viewer = Viewer("chen", "", Role.APPROVER, frozenset({"sales"}))
        asked = decide.Asked(rows[0].device_id, rows[0].request_id)
        decide.refuse_request(connection, viewer, asked, Because.RISK, "no", console.now)
        assert look.waiting(connection, None, console.now) == 1
        assert look.waiting(connection, ADMIN.groups, console.now) == 1


def test_a_pause_stands_beside_its_ban(console: DecidingConsole, browser: Browser) -> None:
    assert "paused until" not in shown(browser.get("/bans"))
    form: dict[str, object] = {"ban": "claude-code", "hours": "24", "reason": "false alarms"}
    assert browser.post("/exceptions/pauses", data=form).status_code == 303
    assert shown(browser.get("/bans")).count("paused until") == 1
    assert "Paused for everybody: until" in shown(browser.get("/bans/claude-code"))
    assert "claude-code is paused for everybody" in shown(browser.get("/health"))


def test_who_may_set_it_up_finds_how_decisions_reach_devices(console: DecidingConsole, browser: Browser) -> None:
    assert 'href="/settings#publishing"' in browser.get("/exceptions").text
    settings = browser.get("/settings")
    assert 'id="publishing"' in settings.text and "published nowhere" in shown(settings)
