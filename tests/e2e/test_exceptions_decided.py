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
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from agent.host.person_socket import NAME, connect
from console.decisions import Decisions, Publish, Publishing
from console.policy.follow import Source
from policy_schema.messages import local
from policy_schema.rules.instant import Instant
from policy_schema.trust.keys import make_key
from policy_schema.trust.library import CryptoSigner
from tests.fakes.policies import ban, closed
from tests.fakes.running_console import SECRET, RunningConsole, running
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import Workstation

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
CLAUDE, QODER = "@anthropic-ai/claude-code", "@qoder-ai/qodercli"
PASSPHRASE = "four words that open it"
HOUR = 3600
PATIENCE = 20.0


class Company:
    """One machine, one console, and the folder from which the web server serves the policy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "repository"
        self.phrase = folder / "phrase"
        self.phrase.write_text(PASSPHRASE + "\n")
        self.phrase.chmod(0o600)
        (folder / "data").mkdir(mode=0o700)
        self.console_key = make_key("console")

    def publish(self, agent: Workstation) -> Decisions:
        """The signers publish two bans that block, and name the console's key."""
        rest = {"let_finish": 0, "kill_after": 2}
        stages = [
            {"from": _utc(-2 * HOUR), "action": "notify", **rest},
            {"from": _utc(-HOUR), "action": "block", **rest},
        ]
        second = {"id": "qoder-cli", "targets": [{"tool": "qoder", "versions": None}], "alternatives": []}
        bans = [ban(stages=stages), ban(stages=stages, **second)]
        repository = agent.repository
        repository.publish_document(closed(*bans), self.console_key.public_key)
        (self.folder / "root.json").write_bytes(repository.trust)
        self.write(repository.files)
        publishing = Publishing(
            how=Publish.DIRECTLY,
            folder=self.files,
            key=self._key_file("exceptions", self.console_key),
            key_passphrase=self.phrase,
            online_key=self._key_file("online", repository.online),
            online_passphrase=self.phrase,
            trust_root=self.folder / "root.json",
        )
        return Decisions(Source(str(self.files), self.folder / "root.json", every=5), publishing)

    def _key_file(self, name: str, key: CryptoSigner) -> Path:
        path = self.folder / f"{name}.pem"
        locked = BestAvailableEncryption(PASSPHRASE.encode())
        private = load_pem_private_key(key.private_bytes, None)
        path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
        return path

    def write(self, files: dict[str, bytes]) -> None:
        for path, content in files.items():
            (self.files / path).parent.mkdir(parents=True, exist_ok=True)
            (self.files / path).write_bytes(content)

    def upload(self, agent: Workstation) -> None:
        """The web server serves what lies in the folder now, and the agent looks."""
        found = [path for part in ("metadata", "targets") for path in (self.files / part).glob("*.json")]
        agent.repository.files = {path.relative_to(self.files).as_posix(): path.read_bytes() for path in found}
        agent.poll()


def _utc(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


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


def _press(agent: Workstation, notice: str) -> None:
    """The button "Ask for an exception" of a notice, as the notifier hands it over."""
    connection = connect(str(agent.state / NAME))
    try:
        data = local.pack(local.Hello(what="notifier")) + local.pack(local.Pressed(notice=notice, key=local.ASK))
        while data:
            data = data[connection.send(data) :]
    finally:
        connection.close()


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
    _press(agent, local.notice_id(uid, "claude-code", "claude-code"))
    agent.wait_for(event="asked", ban="claude-code")

    with console.signed_in() as browser:
        _until(lambda: len(_requests(browser)) == 1, "the request never stood in the queue")
        (path,) = _requests(browser)
        day = (datetime.now(UTC) + timedelta(days=20)).date().isoformat()
        approval = {**_form(browser, path), "do": "approve", "reason": "a contract", "until": day, "statement": "yes"}
        assert browser.post(path, data=approval).status_code == 303
        _until(lambda: bool(list((company.files / "metadata").glob("1.exceptions.json"))), "nothing was published")

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
        refusal = {**_form(browser, path), "do": "refuse", "because": "alternative", "reason": "no need"}
        assert browser.post(path, data=refusal).status_code == 303
        _until(lambda: bool(list((company.files / "metadata").glob("2.exceptions.json"))), "nothing was published")
    company.upload(agent)
    _heard(agent, "your request was refused")
    said = json.dumps(json.loads((agent.state / "views" / "rules.json").read_bytes())["relief"])
    assert '"because": "alternative"' in said and "no need" not in said
