"""What people did with notices: counted only while the policy says so, for everybody together, and forgotten after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.notice_answers import NoticeAnswers
from agent.report.journal import Journal
from policy_schema.messages.heartbeat import Answers


class Policy:
    """Whether it has them counted."""

    counts = True


@pytest.fixture
def policy() -> Policy:
    return Policy()


@pytest.fixture
def answers(tmp_path: Path, policy: Policy) -> Iterator[NoticeAnswers]:
    journal = Journal(str(tmp_path / "journal.db"))
    yield NoticeAnswers(journal, lambda: policy.counts)
    journal.close()


def test_each_way_is_counted_and_one_that_was_taken_back_is_not(answers: NoticeAnswers) -> None:
    for key in ("get", "get", "details", "ask", "remove", "later", "later", "a-button-of-tomorrow", ""):
        answers.count(key)
    answers.count("later", -1)
    assert answers.sent() == Answers(get=2, details=1, ask=1, remove=1, later=1)


def test_below_nothing_there_is_nothing(answers: NoticeAnswers) -> None:
    answers.count("later", -1)
    assert answers.sent() == Answers()


def test_nothing_is_counted_and_nothing_kept_unless_the_policy_says_so(answers: NoticeAnswers, policy: Policy) -> None:
    answers.count("get")
    policy.counts = False
    answers.count("get")
    assert answers.sent() is None
    policy.counts = True
    assert answers.sent() == Answers()
