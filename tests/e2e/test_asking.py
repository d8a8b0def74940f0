"""What a person asks for by a command, through the real agent: taken, refused, and held while somebody decides."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.policies import ban, closed
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import Workstation

HOUR = 3600


@pytest.fixture
def workstation(tmp_path: Path) -> Iterator[Workstation]:
    with Workstation(tmp_path) as one:
        synthetic_npm_install(one.prefix, "@anthropic-ai/claude-code", "2.1.197", "native")
        yield one


def _publish(workstation: Workstation, begins_in: int) -> None:
    """A ban that removes from then on, with two hours for requests."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + begins_in))
    told = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - HOUR))
    rest = {"let_finish": 0, "kill_after": 2}
    stages = [{"from": told, "action": "notify", **rest}, {"from": at, "action": "remove", **rest}]
    document = closed(ban(stages=stages, min_notice=0))
    document["exceptions"] = {"max_days": 30, "pending_hold": 2 * HOUR}
    workstation.publish_document(document)


def _ask(workstation: Workstation, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "agent", *arguments, "--config", str(workstation.settings_file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_request_made_in_time_holds_the_removal_and_a_second_one_adds_nothing(workstation: Workstation) -> None:
    _publish(workstation, begins_in=15)
    workstation.start()
    workstation.wait_for(event="outcome", kind="notify", result="told")
    code, said = _ask(workstation, "request-exception", "claude-code", "--reason", "a customer needs it")
    assert (code, "nothing of yours is blocked" in said) == (0, True), said
    mark = workstation.mark()
    workstation.wait_for(mark, event="finding-changed", state="held")
    assert "You have asked before" in _ask(workstation, "request-exception", "claude-code")[1]
    assert (workstation.prefix / "lib/node_modules/@anthropic-ai/claude-code").is_dir()


def test_a_finding_reported_as_wrong_is_left_alone_once(workstation: Workstation) -> None:
    _publish(workstation, begins_in=15)
    workstation.start()
    finding = str(workstation.wait_for(event="finding")["finding"])
    workstation.wait_for(event="outcome", kind="notify", result="told")
    code, said = _ask(workstation, "report-wrong", finding, "--reason", "it is our own fork")
    assert (code, "is left alone" in said) == (0, True), said
    mark = workstation.mark()
    workstation.wait_for(mark, event="finding-changed", state="held")
    assert "Nothing is held for it" in _ask(workstation, "report-wrong", finding)[1]


REFUSED = {
    "a ban that does not concern them": (("request-exception", "another"), 1, "No ban"),
    "a finding that is not theirs": (("report-wrong", "f-000"), 1, "no finding"),
    "a ban with a blank": (("request-exception", "claude code"), 2, "is no ban"),
    "a reason of a thousand and one characters": (("request-exception", "x", "--reason", "x" * 1001), 2, "1000"),
}


def test_what_cannot_be_asked_for_is_refused_in_a_sentence(workstation: Workstation) -> None:
    _publish(workstation, begins_in=HOUR)
    workstation.start()
    workstation.wait_for(event="outcome", kind="notify", result="told")
    for what, (arguments, code, words) in REFUSED.items():
        answer = _ask(workstation, *arguments)
        assert answer[0] == code and words in answer[1], (what, answer)
        assert len(answer[1].strip().splitlines()) <= 2, what


def test_without_an_agent_it_says_so(workstation: Workstation) -> None:
    workstation.write_settings()
    (workstation.state).mkdir()
    code, said = _ask(workstation, "request-exception", "claude-code")
    assert code == 2 and "no agent listens there" in said
