"""A real agent when a ban becomes less: narrowed, lifted, gone without a word, waived for one device, paused."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.host.person_socket import NAME as SOCKET
from agent.host.person_socket import connect
from policy_schema.messages import local
from policy_schema.rules.instant import Instant, format_instant
from tests.fakes.author import Author
from tests.fakes.policies import ban, closed
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import TAKEN, Workstation

NAME, VERSION = "@anthropic-ai/claude-code", "2.1.198"
OTHER = ban(id="sdk", targets=[{"tool": "claude-agent-sdk", "versions": None}])


@pytest.fixture
def workstation(tmp_path: Path) -> Iterator[Workstation]:
    with Workstation(tmp_path) as one:
        yield one


def _removed(workstation: Workstation) -> tuple[Path, str, int]:
    """Installs, bans and waits for the removal: what was there, its quarantine, and a place in the log behind it."""
    installed = synthetic_npm_install(workstation.prefix, NAME, VERSION, "native")
    workstation.publish("notify", "block", "remove")
    workstation.start()
    taken = workstation.wait_for(event="outcome", result=TAKEN)
    workstation.wait_for(event="finding-gone", finding=taken["finding"])
    assert not installed.exists()
    assert _command(workstation) == 126, "a signpost stands there"
    return installed, str(taken["quarantine"]), workstation.mark()


def _looked_under_the_new_policy(workstation: Workstation, mark: int) -> None:
    """Waits until what lies there, and the vaults, have been looked at with the policy that came after this mark."""
    adopted = workstation.wait_for(mark, event="policy-adopted")
    workstation.wait_for(workstation.place_of(adopted), event="look")


def _command(workstation: Workstation, patience: float = 1) -> int | None:
    """What the person's command answers; None when there is none, 0 when it runs for longer than these seconds."""
    command = workstation.prefix / "bin" / "claude"
    if not command.exists():
        return None
    process = subprocess.Popen([command], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return 0


def _notice(workstation: Workstation, title: str) -> str:
    """Waits for a notice whose title begins so on the agent's standard output; answers with its text."""
    while True:
        line = workstation.notices.get(timeout=20)
        if line.startswith(title):
            body = [workstation.notices.get(timeout=20)]
            while body[-1]:
                body.append(workstation.notices.get(timeout=20))
            return "\n".join(body)


def test_what_a_narrowed_ban_no_longer_names_is_back_and_said(workstation: Workstation) -> None:
    installed, _, mark = _removed(workstation)
    narrowed = [{"tool": "claude-code", "versions": ">=2.1.91 <2.1.198"}]
    workstation.publish("notify", "block", "remove", targets=narrowed)
    workstation.wait_for(mark, event="outcome", kind="restore", result="restored")
    said = _notice(workstation, f"Claude Code {VERSION} is allowed")
    assert "Version 2.1.198 or newer is allowed." in said
    assert "What was put aside of it is put back." in said
    assert installed.is_dir()
    assert (workstation.prefix / "bin" / "claude").is_symlink(), "its command is back, and no signpost"


def test_what_a_narrowed_ban_still_names_stays_where_it_is(workstation: Workstation) -> None:
    installed, _, mark = _removed(workstation)
    workstation.publish("notify", "block", "remove", targets=[{"tool": "claude-code", "versions": "<2.1.199"}])
    _looked_under_the_new_policy(workstation, mark)
    assert workstation.events(event="outcome", kind="restore") == []
    assert (installed.exists(), _command(workstation)) == (False, 126)


@pytest.mark.parametrize(
    ("quarantine", "sentence"),
    [
        pytest.param("restore", "What was put aside is put back.", id="restore puts it back by itself"),
        pytest.param("offer", "What was put aside can be put back: ask for it.", id="offer says how"),
        pytest.param("keep", "", id="keep keeps it"),
    ],
)
def test_a_lifted_ban_releases_as_it_says(workstation: Workstation, quarantine: str, sentence: str) -> None:
    installed, name, mark = _removed(workstation)
    entry = {"id": "claude-code", "date": "2026-11-21", "reason": {"en": "Answered."}, "quarantine": quarantine}
    workstation.publish_document(closed(OTHER, lifted=[entry]))
    said = _notice(workstation, "Claude Code is allowed again")
    assert "Answered." in said
    assert sentence in said
    if quarantine == "restore":
        workstation.wait_for(mark, event="outcome", kind="restore", result="restored")
    _looked_under_the_new_policy(workstation, mark)
    assert installed.exists() is (quarantine == "restore")
    assert len(workstation.events(event="outcome", kind="restore")) == (1 if quarantine == "restore" else 0)
    if quarantine != "restore":
        assert _command(workstation) is None, "the signpost is gone"
        back = workstation.command("quarantine", "restore", name)
        assert (back.returncode, installed.exists()) == (0, True), back.stderr
    assert workstation.command("status").returncode == 0


def test_a_ban_that_merely_vanished_stays_in_force_and_is_reported(workstation: Workstation) -> None:
    _, _, mark = _removed(workstation)
    workstation.repository.drop_ban()
    workstation.poll()
    adopted = workstation.wait_for(mark, event="policy-adopted")
    assert adopted["kept"] == ["claude-code"]
    mark = workstation.mark()
    (workstation.prefix / "bin" / "claude").unlink()
    synthetic_npm_install(workstation.prefix, NAME, VERSION, "native")
    workstation.wait_for(mark, event="outcome", result=TAKEN)
    workstation.stop()
    said = workstation.command("status").stdout
    assert "Ban claude-code is gone from the policy without being lifted, and stays in force." in said
    assert workstation.events(event="outcome", kind="restore") == []


class _Published:
    """The repository that the real commands publish, as a workstation's server serves it."""

    def __init__(self, author: Author) -> None:
        self._folder = author.dir
        self.trust = (author.dir / "root.json").read_bytes()

    @property
    def files(self) -> Mapping[str, bytes]:
        base = self._folder / "repository"
        return {path.relative_to(base).as_posix(): path.read_bytes() for path in base.rglob("*.json")}


STAGES = """\
    claims: [{{claim: "It marks prompts", standing: "alleged", disputed_by: {{who: "the vendor", says: "no"}}}}]
    stages:
      - {{from: "{told:%Y-%m-%d %H:%M}", action: "notify"}}
      - {{from: "{began:%Y-%m-%d %H:%M}", action: "block", let_finish: "0s", kill_after: "1s"}}
    min_notice: "{fair}"
exceptions: {{max_days: 90, pending_hold: "24h"}}
pause: {{max: "72h"}}
"""


@pytest.fixture
def fair() -> str:
    """The policy's `min_notice`."""
    return "0s"


@pytest.fixture
def author(tmp_path: Path, fair: str, capsys: pytest.CaptureFixture[str]) -> Author:
    """Somebody whose policy blocks since an hour, and whose console may sign exceptions."""
    one = Author(tmp_path / "author", capsys)
    assert one.init("--solo", "--signer=Li Wei").code == 0
    began = datetime.now(ZoneInfo("Asia/Shanghai")) - timedelta(hours=1)
    told = began - timedelta(days=7)
    text = one.policy.read_text()
    text = text[: text.index("    stages:")] + STAGES.format(told=told, began=began, fair=fair)
    one.policy.write_text(text)
    assert one.do("keys", "delegate", "console").code == 0
    ran = one.sign(str(one.policy))
    assert ran.code == 0, ran.err
    assert one.do("publish").code == 0
    return one


@pytest.fixture
def found(workstation: Workstation, author: Author) -> Workstation:
    """An agent under that policy that has found the tool."""
    workstation.repository = _Published(author)  # type: ignore[assignment]  # all that the server and settings need
    synthetic_npm_install(workstation.prefix, NAME, VERSION, "native")
    workstation.start()
    workstation.wait_for(event="finding", face="package")
    return workstation


@pytest.fixture
def blocked(found: Workstation) -> Workstation:
    """One that has told the person, and blocks it."""
    found.wait_for(event="finding", face="package", state="active", action="block")
    _notice(found, "Claude Code may not be started any more")
    return found


def _ask(workstation: Workstation, message: local.FromPerson) -> str:
    """What the agent answers to a program of this person."""
    end = connect(str(workstation.state / SOCKET)).detach()
    with end:
        end.settimeout(20)
        end.sendall(local.pack(local.Hello(what="command")) + local.pack(message))
        frames, bodies = local.Frames(), list[bytes]()
        while len(bodies) < 2:
            bodies += frames.feed(end.recv(65536))
        answer = local.read_from_daemon(bodies[1])
        assert isinstance(answer, local.Answer)
        return answer.text


def _device(workstation: Workstation) -> str:
    workstation.wait_for_view(lambda rows: len(rows) == 1)
    device = workstation.view("machine.json")["device"]
    assert isinstance(device, dict)
    return str(device["id"])


GRANTED = ("--reason", "a contract", "--asked-by", "Chen Jie", "--approved-by", "Wu Min")
WEEK = 7 * 86_400


def _grant(author: Author, workstation: Workstation, until: int) -> str:
    """Grants this workstation an exception; answers with its id."""
    end = format_instant(Instant(until))
    ran = author.do("exceptions", "grant", "claude-code", "--until", end, "--device", _device(workstation), *GRANTED)
    assert ran.code == 0, ran.err
    return ran.out.split()[1].rstrip(":")


def _poll_until(workstation: Workstation, state: str) -> int:
    """Makes the agent ask for news, and waits until the package stands so: a place in the log just behind that."""
    mark = workstation.mark()
    workstation.poll()
    row = workstation.wait_for(mark, event="finding-changed", face="package", state=state)
    return workstation.place_of(row)


@pytest.mark.parametrize("fair", ["1h"])
def test_a_person_asks_in_time_and_somebody_else_grants(found: Workstation, author: Author) -> None:
    """The stage is reached, and the person still has their hour: the request holds it for a day, once."""
    assert "Use instead: Qoder" in _notice(found, "Claude Code may not be used from")
    wish = local.AskException(ban="claude-code", reason="a customer's project")
    assert _ask(found, wish).startswith("Your request is written down. Until ")
    assert "Somebody has yet to decide on your request." in _notice(found, "Claude Code: your request holds the block")
    found.wait_for(event="finding-changed", face="package", state="held", action="notify")
    assert _ask(found, wish).startswith("You have asked before: ")
    _grant(author, found, int(time.time()) + 30 * 86_400)
    _poll_until(found, "excepted")
    assert "An exception was granted for this machine." in _notice(found, "Claude Code: you have an exception until")


def test_an_exception_is_granted_warned_of_and_lapses(blocked: Workstation, author: Author) -> None:
    """The first one ends in a week and a few seconds, the second one in a few seconds. Every step is told in words."""
    name = _grant(author, blocked, int(time.time()) + WEEK + 6)
    mark = _poll_until(blocked, "excepted")
    assert "An exception was granted for this machine." in _notice(blocked, "Claude Code: you have an exception until")
    assert _command(blocked) == 0, "it runs until the test ends it"
    assert "Information Security" not in _notice(blocked, "Claude Code: your exception ends on")
    blocked.wait_for_view(lambda rows: [row["exception"] for row in rows] == [name])
    said = blocked.command("status").stdout
    assert f"(exception {name})" in said
    assert '- It marks prompts (alleged; disputed by the vendor: "no")' in said
    assert blocked.events(event="outcome", kind="stop") == []
    assert author.do("exceptions", "revoke", name).code == 0
    _grant(author, blocked, int(time.time()) + 5)
    blocked.poll()
    blocked.wait_for(mark, event="finding-changed", face="package", state="active", action="block")
    assert "Your exception is over." in _notice(blocked, "Claude Code may not be started any more")
    assert _command(blocked, patience=20) not in (0, None), "what starts now is ended"
    blocked.wait_for(mark, event="outcome", kind="stop")


def test_a_pause_rests_the_ban_and_ends_by_itself(blocked: Workstation, author: Author) -> None:
    paused = author.do("pause", "claude-code", "--for", "6s", "--reason", "an incident", "--approved-by", "Wu Min")
    assert paused.code == 0, paused.err
    mark = _poll_until(blocked, "paused")
    assert "Example Group lets this part of its policy rest." in _notice(blocked, "Claude Code may be used until")
    assert _command(blocked) == 0, "it runs until the test ends it"
    blocked.wait_for(mark, event="finding-changed", face="package", state="active", action="block")
    assert "The pause is over." in _notice(blocked, "Claude Code may not be started any more")
    assert blocked.events(event="outcome", kind="stop") == []
