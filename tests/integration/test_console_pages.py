"""The pages over real HTTP: who may see them, what stands on them, and what hostile machines cannot put there."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from sqlalchemy import insert, select, update

from console.access import SESSION_LASTS
from console.store.tables import audit, expected_device, user
from policy_schema.messages.kinds import MAX_FINDINGS
from policy_schema.messages.report import FindingLine
from tests.fakes.reporting_device import ReportingDevice, coverage, facts, heartbeat, move, policy, process
from tests.fakes.reporting_device import finding as a_finding
from tests.fakes.running_console import NAME, PASSWORD, RunningConsole, post, running

PEOPLE = ("/", "/devices", "/view")
"""The pages for people that need no more than a role."""
PAGES = (*PEOPLE, "/export/compliance.csv", "/export/compliance.json", "/devices/d-000000000000000000000000")


@pytest.fixture
def console(tmp_path: Path) -> Iterator[RunningConsole]:
    with running(tmp_path) as console:
        yield console


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[RunningConsole]:
    with running(tmp_path, trial=True) as console:
        yield console


@pytest.fixture
def browser(trial: RunningConsole) -> Iterator[httpx.Client]:
    with trial.client() as browser:
        yield browser


def told(console: RunningConsole, browser: httpx.Client, host_name: str, **changes: object) -> ReportingDevice:
    """A device that has reported once, from everywhere unless told otherwise."""
    device = console.device(browser, host_name)
    answer = post(browser, device.send(device.report(**{"coverage": (coverage(),), **changes})))
    assert answer.status_code == 200, answer.text
    return device


def rows(browser: httpx.Client, query: str = "") -> list[dict[str, str]]:
    text = browser.get(f"/export/compliance.csv{query}").content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def shown(page: str) -> str:
    """The text of a page without its tags, blanks drawn together."""
    return " ".join(re.sub(r"<[^>]+>", "", page).split())


def tiles(page: str) -> dict[str, int]:
    """The totals as they stand on the page."""
    found = re.findall(r'class="number">([\d,]+)</span>\s*<span class="name"><i [^>]*></i>([^<]+)<', page)
    return {name: int(number.replace(",", "")) for number, name in found}


class TestWhoMayLook:
    @pytest.mark.parametrize("path", PAGES)
    def test_without_a_session_every_page_leads_to_the_login(self, console: RunningConsole, path: str) -> None:
        with console.client() as stranger:
            answer = stranger.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=")

    def test_after_signing_in_the_page_is_there_and_after_signing_out_it_is_not(self, console: RunningConsole) -> None:
        with console.signed_in() as browser:
            page = browser.get("/").text
            assert NAME in page
            token = page.split('name="csrf" value="')[1].split('"')[0]
            assert browser.post("/logout", data={"csrf": "forged"}).status_code == 403
            assert browser.get("/").status_code == 200
            kept = dict(browser.cookies)
            assert browser.post("/logout", data={"csrf": token}).status_code == 303
            browser.cookies.update(kept)
            assert browser.get("/").status_code == 303

    def test_a_session_runs_out(self, console: RunningConsole) -> None:
        with console.signed_in() as browser:
            console.pass_time(SESSION_LASTS)
            assert browser.get("/").status_code == 303

    @pytest.mark.parametrize(
        "form",
        [{}, {"token": "forged"}, {"token": ""}, {"token": "x" * 20_000}],
        ids=["no token", "a forged one", "an empty one", "an endless form"],
    )
    def test_a_login_form_of_another_site_is_refused(self, console: RunningConsole, form: dict[str, str]) -> None:
        with console.client() as browser:
            browser.get("/login")
            answer = browser.post("/login", data={"name": NAME, "password": PASSWORD, **form})
            assert answer.status_code == 403
            assert "too old" in answer.text
            assert browser.get("/").status_code == 303

    def test_wrong_guesses_are_limited_and_recorded(self, console: RunningConsole) -> None:
        with console.client() as browser:
            for password in ["wrong"] * 5 + [PASSWORD]:
                token = browser.get("/login").text.split('name="token" value="')[1].split('"')[0]
                answer = browser.post("/login", data={"token": token, "name": NAME, "password": password})
                assert answer.status_code == 403
        with console.database.read() as connection:
            assert (
                connection.execute(select(audit.c.what).order_by(audit.c.audit_id)).scalars().all()
                == ["login-refused"] * 5
            )

    def test_cookies_are_kept_from_scripts_and_other_sites(self, console: RunningConsole) -> None:
        with console.client() as browser:
            cookie = browser.get("/login").headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie

    def test_an_export_stands_in_the_record(self, console: RunningConsole) -> None:
        with console.signed_in() as browser:
            browser.get("/export/compliance.csv")
        with console.database.read() as connection:
            assert (NAME, "export", "compliance.csv") in [
                tuple(row) for row in connection.execute(select(audit.c.who, audit.c.what, audit.c.detail))
            ]

    def test_a_trial_asks_for_no_login_and_answers_to_this_machine_only(
        self, trial: RunningConsole, browser: httpx.Client
    ) -> None:
        assert browser.get("/").status_code == 200
        assert browser.get("/", headers={"Host": "evil.example"}).status_code == 421
        assert browser.get("/", headers={"Host": "localhost:1"}).status_code == 200

    def test_a_console_with_logins_answers_to_any_name(self, console: RunningConsole) -> None:
        with console.client() as browser:
            assert browser.get("/healthz", headers={"Host": "console.example"}).text == "ok\n"


class TestHeaders:
    @pytest.mark.parametrize("path", ["/", "/login", "/static/console.css", "/nothing", "/export/compliance.csv"])
    def test_every_answer_keeps_the_browser_careful(self, browser: httpx.Client, path: str) -> None:
        headers = browser.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["date"] == "Sun, 12 Jul 2026 01:00:00 GMT"

    def test_pages_need_nothing_from_elsewhere_and_hold_no_script_or_style_themselves(
        self, trial: RunningConsole, browser: httpx.Client
    ) -> None:
        device = told(trial, browser, "li-laptop", findings=(a_finding(),))
        for path in (*PEOPLE, f"/devices/{device.id}", "/login"):
            page = browser.get(path).text
            for tag in re.findall(r"<script[^>]*>", page):
                assert tag == '<script type="application/json">' or tag.startswith('<script src="/static/'), tag
            outside = re.sub(r'<script type="application/json">.*?</script>', "", page, flags=re.DOTALL)
            assert not re.findall(r"\son\w+=|style=|<style|javascript:", outside)
            for address in re.findall(r'(?:src|href|action)="([^"]*)"', outside):
                assert address.startswith(("/", "?", "#")), address
                assert not address.startswith("//")

    def test_what_the_pages_ask_for_is_there(self, browser: httpx.Client) -> None:
        style, page = browser.get("/static/console.css"), browser.get("/").text
        asked = [
            *(f"/static/{name}" for name in re.findall(r'url\("([^"]+)"\)', style.text)),
            *re.findall(r'(?:src|href)="(/static/[^"]+)"', page),
        ]
        assert len(asked) > 4
        assert {path: browser.get(path).status_code for path in asked} == dict.fromkeys(asked, 200)

    @pytest.mark.parametrize(
        ("header", "cookie", "text"),
        [
            ("", "", "Overview"),
            ("zh-CN,zh;q=0.9,en;q=0.8", "", "总览"),
            ("de,zh-TW;q=0.9", "", "Overview"),
            ("en;q=0.5,zh;q=0.9", "", "总览"),
            ("zh-CN", "en", "Overview"),
            ("", "zh-Hans", "总览"),
            ("zh", "klingon", "总览"),
        ],
        ids=[
            "a browser that wishes for nothing gets English",
            "simplified Chinese is wished for most",
            "German, or traditional signs, which we have not",
            "English is wished for less",
            "who chose English gets it",
            "who chose Chinese gets it",
            "a choice that is none falls back to the browser's wish",
        ],
    )
    def test_the_language_is_the_chosen_or_the_wished_for(
        self, browser: httpx.Client, header: str, cookie: str, text: str
    ) -> None:
        sent = {"Accept-Language": header, **({"Cookie": f"interdict_language={cookie}"} if cookie else {})}
        assert f"<h1>{text}</h1>" in browser.get("/", headers=sent).text

    def test_a_view_is_kept_in_the_browser_and_times_follow_it(
        self, trial: RunningConsole, browser: httpx.Client
    ) -> None:
        device = told(trial, browser, "li-laptop", findings=(a_finding(),))
        chosen = {"zone": "Asia/Shanghai", "language": "zh-Hans", "theme": "dark", "next": "//evil.example"}
        answer = browser.post("/view", data=chosen)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        page = browser.get(f"/devices/{device.id}").text
        assert "2026年7月12日 09:00 CST" in page
        assert 'data-theme="dark"' in page
        browser.post("/view", data={"zone": "../../etc/passwd", "language": "x", "theme": "y"})
        assert "2026年7月12日 09:00 CST" in browser.get(f"/devices/{device.id}").text

    @pytest.mark.parametrize("path", ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py"])
    def test_nothing_else_of_the_program_is_served(self, browser: httpx.Client, path: str) -> None:
        assert browser.get(path).status_code == 404


class TestCompliance:
    def test_an_empty_console_says_what_to_do(self, browser: httpx.Client) -> None:
        page = browser.get("/").text
        assert "No device yet" in page
        assert "interdict-console enroll-secret new" in page

    def test_each_device_is_in_exactly_one_state(self, trial: RunningConsole, browser: httpx.Client) -> None:
        gone = told(trial, browser, "gone-silent")
        trial.pass_time(2 * 86_400)
        told(trial, browser, "has-it", findings=(a_finding(),))
        told(trial, browser, "may-keep-it", findings=(a_finding(state="excepted", exception="x-1"),))
        told(trial, browser, "waits", findings=(a_finding(state="held"),))
        told(trial, browser, "paused-one", findings=(a_finding(state="paused"),))
        told(trial, browser, "cannot-look", coverage=(coverage(unknown=2, reasons=("denied",)),))
        told(trial, browser, "only-a-name", findings=(a_finding(state="weak", confidence="weak", matches=("name",)),))
        told(trial, browser, "all-is-well")
        with trial.database.write() as connection:
            for name in ("new-hire", "has-it"):
                row = {"host_key": name, "host_name": name, "imported_at": 0}
                connection.execute(insert(expected_device).values(row))
        assert tiles(browser.get("/").text) == {
            "open": 1,
            "held": 1,
            "excepted": 1,
            "paused": 1,
            "partial": 1,
            "silent": 1,
            "never enrolled": 1,
            "clean": 2,
            "removed by IT": 0,
        }
        states = {row["device"]: row["state"] for row in rows(browser)}
        assert len(states) == 9
        assert states["gone-silent"] == "silent"
        assert states["new-hire"] == "never-enrolled"
        gone.now = trial.now
        assert post(browser, gone.send(gone.report())).status_code == 200
        assert tiles(browser.get("/").text)["silent"] == 0

    def test_the_page_says_who_has_what_since_when_and_what_was_done(
        self, trial: RunningConsole, browser: httpx.Client
    ) -> None:
        told(trial, browser, "li-laptop", findings=(a_finding(), process()), moves=(move(),))
        page = shown(browser.get("/devices").text)
        for text in (
            "li-laptop",
            "claude-code",
            "2.1.197",
            "3 Jul 2026",
            "person told",
            "may finish",
            "package, running program",
            "p-4c1d8e",
            "remove from 24 Jul 2026",
            "qoder 1.4.2",
            "Findings are no proof of use.",
        ):
            assert text in page, text
        assert len(rows(browser)) == 1, "package and process of one installation are one line"

    def test_what_was_removed_stays_on_the_page_as_done_and_the_device_is_clean(
        self, trial: RunningConsole, browser: httpx.Client
    ) -> None:
        device = told(trial, browser, "li-laptop", findings=(a_finding(),))
        ended = a_finding(outcome="quarantined", gone=True)
        post(browser, device.send(device.report(findings=(ended,))))
        assert tiles(browser.get("/").text)["clean"] == 1
        (row,) = rows(browser)
        assert (row["state"], row["done"], row["still_there"]) == ("clean", "quarantined", "no")

    @pytest.mark.parametrize(
        ("line", "texts"),
        [
            (policy(solo=True), ("version 7", "one signer")),
            (policy(trust="last-good", problem="expired"), ("last good one", "could not refresh its policy (expired)")),
            (policy(trust="none", id="", version=0), ("no policy", "has no policy to compare with")),
            (policy(trust="unsigned"), ("unsigned",)),
        ],
        ids=["one signer", "the last good one", "none", "unsigned"],
    )
    def test_a_policy_that_cannot_be_relied_on_is_marked(
        self, trial: RunningConsole, browser: httpx.Client, line: object, texts: tuple[str, ...]
    ) -> None:
        device = told(trial, browser, "li-laptop", policy=line)
        page = browser.get(f"/devices/{device.id}").text
        assert all(text in page for text in texts), texts

    def test_a_policy_of_two_signers_carries_no_mark(self, trial: RunningConsole, browser: httpx.Client) -> None:
        device = told(trial, browser, "li-laptop")
        page = browser.get(f"/devices/{device.id}").text
        assert "one signer" not in page
        assert "key-of-wang, key-of-chen" in page

    def test_devices_that_only_watch_hold_back_or_share_a_key_need_attention(
        self, trial: RunningConsole, browser: httpx.Client
    ) -> None:
        device = told(trial, browser, "li-laptop", heartbeat=heartbeat(mode="observe", brake=True))
        post(browser, device.send(device.report_numbered(1, findings=(a_finding(),))))
        page = browser.get("/").text
        for text in ("only watch, by their settings", "hold back: a ban", "share a key with another machine"):
            assert text in page

    def test_a_ban_that_vanished_and_stays_is_shown(self, trial: RunningConsole, browser: httpx.Client) -> None:
        device = told(trial, browser, "li-laptop", heartbeat=heartbeat(kept=("claude-code",)))
        assert "claude-code: gone from the policy without being lifted" in browser.get(f"/devices/{device.id}").text

    def test_the_list_can_be_narrowed_and_the_export_follows(
        self, trial: RunningConsole, browser: httpx.Client
    ) -> None:
        told(trial, browser, "li-laptop", findings=(a_finding(),))
        told(trial, browser, "wang-laptop", findings=(a_finding(ban="agent-sdk", state="held"),))
        told(trial, browser, "chen-desktop", moves=(move(),))
        for query, names in {
            "?state=open": ["li-laptop"],
            "?ban=agent-sdk": ["wang-laptop"],
            "?search=LAPTOP": ["li-laptop", "wang-laptop"],
            "?search=laptop&state=held": ["wang-laptop"],
            "?moved=yes": ["chen-desktop"],
            "?search=li-laptop.corp.example": ["li-laptop"],
            "?search=%25": [],
            "?search=_": [],
            "?state=nonsense": ["li-laptop", "wang-laptop", "chen-desktop"],
            "?os=linux&group=engineering&agent=0.1.0": ["li-laptop", "wang-laptop", "chen-desktop"],
            "?os=windows": [],
            "?group=finance": [],
            "?agent=9.9": [],
        }.items():
            assert [row["device"] for row in rows(browser, query)] == names, query
            page = browser.get(f"/devices{query}").text
            assert all(f">{name}</a>" in page for name in names)
            assert ("No device fits" in page) is (not names)

    def test_three_pages_of_devices_follow_each_other_without_loss_or_repetition(
        self, trial: RunningConsole, browser: httpx.Client
    ) -> None:
        names = [f"host-{number:03d}" for number in range(130)]
        for name in names:
            trial.device(browser, name)
        seen: list[str] = []
        address = "/devices"
        for _ in range(10):
            page = browser.get(address).text
            seen += re.findall(r'<a href="/devices/[^"]+">([^<]+)</a>', page)
            following = re.search(r'href="([^"]+)" rel="next"', page)
            if following is None:
                break
            address = following[1].replace("&amp;", "&")
        assert seen == names

    @pytest.mark.parametrize(
        "query",
        [
            "after=x",
            "after=1|2",
            "after=9999|a|b",
            "after=%00|%00|%00",
            "after=1||",
            "state=%00",
            "ban=%27--",
            "search=%5c",
        ],
    )
    def test_addresses_that_make_no_sense_do_no_harm(
        self, trial: RunningConsole, browser: httpx.Client, query: str
    ) -> None:
        told(trial, browser, "li-laptop")
        assert browser.get(f"/devices?{query}").status_code == 200


class TestDevice:
    def test_it_shows_findings_history_coverage_and_reports_as_received(
        self, trial: RunningConsole, browser: httpx.Client
    ) -> None:
        device = told(
            trial,
            browser,
            "li-laptop",
            findings=(a_finding(), process()),
            moves=(move(),),
            coverage=(coverage(), coverage("wsl", unknown=1, reasons=("other-system",))),
        )
        trial.pass_time(600)
        device.now = trial.now
        post(browser, device.send(device.report(findings=(a_finding(outcome="quarantined", gone=True),))))
        page = browser.get(f"/devices/{device.id}").text
        for text in (
            "pkg:npm/%40anthropic-ai/claude-code@2.1.197",
            "package identity, content",
            "quarantined",
            "other system",
            "12 Jul 2026, 01:10 UTC",
            "Debian GNU/Linux 12",
            "3b1e5f7a9c0d2468",
            "Report 2",
        ):
            assert text in page, text

    def test_of_a_running_program_the_day_alone_is_kept(self, trial: RunningConsole, browser: httpx.Client) -> None:
        trial.pass_time(5 * 3600)
        device = told(trial, browser, "li-laptop", findings=(process(),))
        page = browser.get(f"/devices/{device.id}").text
        assert 'title="For running programs the day only">12 Jul 2026<' in page

    def test_a_report_is_shown_word_for_word(self, trial: RunningConsole, browser: httpx.Client) -> None:
        device = told(trial, browser, "li-laptop", findings=(a_finding(),))
        page = browser.get(f"/devices/{device.id}/reports/{device.epoch}/1").text
        assert "&#34;purl&#34;: &#34;pkg:npm/%40anthropic-ai/claude-code@2.1.197&#34;" in page

    @pytest.mark.parametrize(
        "path",
        [
            "/devices/d-000000000000000000000000",
            "/devices/nonsense",
            "/devices/%00",
            "/devices/d-000000000000000000000000/reports/e-0000000000/1",
            "/devices/d-000000000000000000000000/reports/e-0000000000/99999999999999999999999",
            "/devices/x/reports/y/1",
        ],
    )
    def test_what_is_not_there_is_said_to_be_not_there(self, browser: httpx.Client, path: str) -> None:
        answer = browser.get(path)
        assert answer.status_code == 404
        assert "There is no such" in answer.text


def batched(lines: list[FindingLine]) -> Iterator[tuple[FindingLine, ...]]:
    """As many as one report takes."""
    for start in range(0, len(lines), MAX_FINDINGS):
        yield tuple(lines[start : start + MAX_FINDINGS])


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}\x00\x1b[2J\u202e"


class TestHostileMachines:
    def test_no_text_of_a_machine_becomes_part_of_a_page(self, trial: RunningConsole, browser: httpx.Client) -> None:
        evil = facts(HOSTILE)
        evil = msgspec.structs.replace(evil, os_version=HOSTILE, region=HOSTILE, groups=(HOSTILE,), agent=HOSTILE)
        line = a_finding(
            id="<del>", ban="<i>'x", tool='"><u>', version=HOSTILE, purl=HOSTILE, installation="<s>", exception="<em>"
        )
        device = told(
            trial,
            browser,
            HOSTILE,
            facts=evil,
            findings=(line,),
            moves=(move(tool="<q>", version=HOSTILE),),
            policy=policy(id="<h1>", signers=("<h2>",)),
            not_understood=("<h3>",),
            agent=HOSTILE,
        )
        for path in (
            "/",
            "/devices",
            f"/devices/{device.id}",
            f"/devices/{device.id}/reports/{device.epoch}/1",
            "/devices?search=<script>",
        ):
            page = browser.get(path).text
            for tag in ("<script>", "<img", "<del>", "<i>", "<u>", "<s>", "<em>", "<q>", "<h3>"):
                assert tag not in page, (path, tag)
            assert page.count("{{7*7}}") == page.count("7*7"), "nothing that a machine sends is a template"
            assert not set(page) & {"\x00", "\x1b", "\u202e"}

    def test_no_text_of_a_machine_becomes_a_formula(self, trial: RunningConsole, browser: httpx.Client) -> None:
        told(trial, browser, "=cmd|'/C calc'!A0", findings=(a_finding(version="@SUM(A1)", ban="-1+1", tool="+1"),))
        (row,) = rows(browser)
        assert row["device"] == "'=cmd|'/C calc'!A0"
        assert (row["version"], row["ban"], row["tool"]) == ("'@SUM(A1)", "'-1+1", "'+1")

    def test_ten_thousand_findings_of_one_machine_do_not_swamp_the_page(
        self, trial: RunningConsole, browser: httpx.Client
    ) -> None:
        lines = [a_finding(id=f"f-{number}", installation=f"i-{number}") for number in range(10_000)]
        device = told(trial, browser, "swamp")
        for part in batched(lines):
            assert post(browser, device.send(device.report(findings=part))).status_code == 200
        told(trial, browser, "li-laptop", findings=(a_finding(),))
        page = browser.get("/devices")
        assert "li-laptop" in page.text
        assert len(page.content) < 100_000
        own = browser.get(f"/devices/{device.id}")
        assert "9,000 more findings are not shown" in own.text
        assert len(own.content) < 2_000_000
        exported = rows(browser)
        assert len(exported) == 1001
        assert "9000 more findings are left out" in next(row["why"] for row in exported if row["device"] == "swamp")

    def test_counts_beyond_all_measure_are_shown_as_numbers(self, trial: RunningConsole, browser: httpx.Client) -> None:
        huge = 2**53 - 1
        beat = heartbeat(uptime_s=huge, looks=huge, rss_kb=huge)
        device = told(
            trial,
            browser,
            "li-laptop",
            heartbeat=beat,
            policy=policy(age_s=huge, version=huge),
            coverage=(coverage(roots=huge, items=huge, unknown=huge, ms=huge),),
        )
        for path in ("/", f"/devices/{device.id}", "/export/compliance.csv", "/export/compliance.json"):
            assert browser.get(path).status_code == 200


CHINESE = {"Accept": "text/html,application/xhtml+xml", "Accept-Language": "zh-CN"}
"""What a browser says that asks for a page."""


class TestWhatIsRefused:
    def test_an_address_that_is_none_is_a_page_with_the_ways_on_that_the_visitor_has(
        self, console: RunningConsole
    ) -> None:
        with console.signed_in() as browser, console.client() as stranger:
            page, outside = (client.get("/nowhere", headers=CHINESE) for client in (browser, stranger))
            programs = [browser.get("/nowhere"), browser.get("/api/v1/nowhere", headers=CHINESE)]
        assert (page.status_code, outside.status_code) == (404, 404)
        assert "没有这个页面。" in page.text and 'href="/devices"' in page.text
        assert 'href="/login"' in outside.text and 'href="/devices"' not in outside.text
        assert [(answer.status_code, answer.text) for answer in programs] == [(404, "Nothing here.\n")] * 2

    def test_what_the_role_does_not_allow_is_a_page_in_the_viewers_language(self, console: RunningConsole) -> None:
        with console.database.write() as connection:
            connection.execute(update(user).where(user.c.name == NAME).values(role="viewer"))
        with console.signed_in() as browser:
            page = browser.get("/audit", headers=CHINESE)
            form = browser.post("/settings/sessions/end", data={"csrf": "another"}, headers=CHINESE)
        assert (page.status_code, form.status_code) == (403, 403)
        assert "您的角色不允许这样做。" in page.text and 'href="/audit"' not in page.text
        assert "此表单不属于您" in form.text

    def test_who_sees_no_device_reads_why_and_not_how_machines_are_enrolled(self, console: RunningConsole) -> None:
        with console.client() as agent:
            told(console, agent, "li-laptop")
        with console.database.write() as connection:
            connection.execute(update(user).where(user.c.name == NAME).values(role="viewer", groups='["legal"]'))
        with console.signed_in() as browser:
            page = browser.get("/").text
        assert "You see devices of these groups: legal." in page
        assert "enroll-secret" not in page and "li-laptop" not in page
