"""A request's whole way: asked for at a machine, decided by somebody at the console, signed, fetched, obeyed, heard.

A real agent, a real console with the keys of the role that can only weaken, and the repository as files over HTTP.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from policy_schema.messages import local
from policy_schema.rules.instant import Instant
from policy_schema.trust.layout import TIMESTAMP_PATH
from tests.fakes.company import Company, press
from tests.fakes.running_console import SECRET, RunningConsole, running
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import Workstation

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
CLAUDE, QODER = "@anthropic-ai/claude-code", "@qoder-ai/qodercli"
PATIENCE = 20.0


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company(tmp_path)


@pytest.fixture
def place(company: Company, tmp_path: Path) -> Iterator[tuple[Workstation, RunningConsole]]:
    (tmp_path / "station").mkdir()
    with Workstation(tmp_path / "station") as agent:
        decisions = company.publish(agent)
        with running(tmp_path / "data", decisions=decisions) as console:
            console.now = Instant(int(time.time()))
            agent._console, agent._secret = console.address, SECRET
            yield agent, console


def _until(so: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < ends, what
        threading.Event().wait(0.05)


def _heard(agent: Workstation, words: str) -> str:
    while True:
        line = agent.notices.get(timeout=PATIENCE)
        if words in line:
            return line


def _form(browser: httpx.Client, path: str) -> dict[str, str]:
    return {"csrf": browser.get(path).text.split('name="csrf" value="')[1].split('"')[0]}


def _requests(browser: httpx.Client) -> list[str]:
    return re.findall(r'href="(/exceptions/requests/[^"]+)"', browser.get("/exceptions").text)


def test_one_request_is_granted_and_obeyed_another_is_refused_and_heard(
    company: Company, place: tuple[Workstation, RunningConsole]
) -> None:
    agent, console = place
    tool = synthetic_npm_install(agent.prefix, CLAUDE, "2.1.197", "native")
    synthetic_npm_install(agent.prefix, QODER, "1.1.52", "plain")
    agent.start()
    agent.wait_for(event="outcome", kind="notify", result="told", ban="claude-code")
    agent.wait_for(event="outcome", kind="notify", result="told", ban="qoder-cli")

    # What starts now is stopped; then the button is pressed.
    before = subprocess.Popen([str(agent.prefix / "bin" / "claude")], start_new_session=True)
    assert before.wait(PATIENCE) != 0
    uid = agent.home.stat().st_uid
    press(agent, local.notice_id(uid, "claude-code", "claude-code"))
    agent.wait_for(event="asked", ban="claude-code")

    stamp = company.files / TIMESTAMP_PATH
    before_it = stamp.read_bytes()
    with console.signed_in() as browser:
        _until(lambda: len(_requests(browser)) == 1, "the request never stood in the queue")
        (path,) = _requests(browser)
        day = (datetime.now(UTC) + timedelta(days=20)).date().isoformat()
        approval = {**_form(browser, path), "do": "approve", "reason": "a contract", "until": day, "statement": "yes"}
        assert browser.post(path, data=approval).status_code == 303
        # The timestamp is written last: what it names is there.
        _until(lambda: stamp.read_bytes() != before_it, "nothing was published")
        assert list(stamp.parent.glob("1.exceptions.json"))

        mark = agent.mark()
        company.upload(agent)
        agent.wait_for(mark, event="finding-changed", ban="claude-code", state="excepted")
        after = subprocess.Popen([str(agent.prefix / "bin" / "claude")], start_new_session=True)
        try:
            agent.wait_for(mark, event="finding", ban="claude-code", pid=after.pid)
            mark = agent.mark()
            agent.wait_for(mark, event="report-sent")
            assert after.poll() is None, "what is excepted may run"
        finally:
            after.kill()
            after.wait()
        assert tool.is_dir()
        _until(lambda: "in force on 1 of 1" in browser.get("/exceptions?show=held").text, "the agent never said so")

        # The second one is refused, and the person hears it.
        asked = agent.command("request-exception", "qoder-cli", "--reason", "I like it")
        assert asked.returncode == 0, asked.stderr
        _until(lambda: len(_requests(browser)) == 1, "the second request never stood in the queue")
        (path,) = _requests(browser)
        before_it = stamp.read_bytes()
        refusal = {**_form(browser, path), "do": "refuse", "because": "alternative", "reason": "no need"}
        assert browser.post(path, data=refusal).status_code == 303
        _until(lambda: stamp.read_bytes() != before_it, "nothing was published")
        assert list(stamp.parent.glob("2.exceptions.json"))
    company.upload(agent)
    _heard(agent, "your request was refused")
    said = json.dumps(json.loads((agent.state / "views" / "rules.json").read_bytes())["relief"])
    assert '"because": "alternative"' in said and "no need" not in said
