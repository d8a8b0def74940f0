"""Who is refused: orders, policy and what is known of a file come together."""

from __future__ import annotations

import pytest

from agent.gate.orders import Orders
from agent.gate.table import NOTHING, Known
from agent.gate.verdict import Place, concerns, home_of, judge, parse_homes
from policy_schema.rules.instant import Instant
from policy_schema.rules.rulebook import Device, ExceptionGrant, Pause
from tests.fakes.policies import BLOCK, NOTIFY, ban, rulebook, stages

PERSON, OTHER = 1000, 1001
NOW = Instant(BLOCK + 1)
PLACE = Place("/home/li/tools/x", "/home/li", PERSON)
BY_PACKAGE = Known(purl="pkg:npm/%40anthropic-ai/claude-code@2.1.197", package="/home/li/tools", by="path")
BY_CONTENT = Known(content="claude-code/0", content_version="2.1.200", by="content")
IN_FOLDER = Place("/home/li/.local/share/claude/versions/2.1.200", "/home/li", PERSON)
EVERYBODY = frozenset({("claude-code", "claude-code", -1)})


def orders(enforce: frozenset[tuple[str, str, int]] = EVERYBODY, **changes: object) -> Orders:
    """Orders of the usual ban; `rules` and the lists can be replaced."""
    rules = rulebook().for_device(Device("device-1"))
    return Orders(1, rules, Instant(0), enforce, (), (), ())._replace(**changes)


@pytest.mark.parametrize(
    ("known", "place", "by"),
    [
        (BY_PACKAGE, PLACE, "path"),
        (BY_CONTENT, PLACE, "content"),
        (BY_CONTENT, Place("", ""), "content"),
        (Known(), IN_FOLDER, "folder"),
    ],
    ids=["its package", "its content", "its content under a path that is not certain", "the tool's own folder"],
)
def test_a_banned_file_is_refused_by(known: Known, place: Place, by: str) -> None:
    refusal = judge(orders(), known, place, PERSON, NOW)
    assert refusal is not None
    assert (refusal.by, refusal.decision.ban) == (by, "claude-code")


SDK = Known(purl="pkg:npm/%40anthropic-ai/claude-agent-sdk@1.0.0", content="claude-code/0", by="content")


@pytest.mark.parametrize(
    ("case", "known", "place", "now"),
    [
        (orders(), NOTHING, IN_FOLDER, NOW),
        (orders(), Known(), Place("/home/li/bin/claude", "/home/li"), NOW),
        (orders(), Known(), Place("/opt/.local/share/claude/versions/x", ""), NOW),
        (orders(), BY_CONTENT, PLACE, Instant(NOTIFY + 1)),
        (orders(rules=None), BY_CONTENT, PLACE, NOW),
        (orders(frozenset()), BY_CONTENT, PLACE, NOW),
        (orders(frozenset({("claude-code", "claude-code", OTHER)})), BY_CONTENT, PLACE, NOW),
        (orders(frozenset({("another", "claude-code", -1)})), BY_CONTENT, PLACE, NOW),
        (orders(spare=("/home/li/tools",)), BY_CONTENT, PLACE, NOW),
        (orders(protected=("/home/li/tools/x",)), BY_CONTENT, PLACE, NOW),
        (orders(), BY_CONTENT, Place("/usr/sbin/tool", "", 0), NOW),
        (orders(), SDK, PLACE, NOW),
        (orders(), Known(purl="pkg:npm/%40qoder-ai/qodercli@1.0.0"), PLACE, NOW),
    ],
    ids=[
        "what no rule is about",
        "a name alone",
        "the tool's folder outside of a home",
        "before the block begins",
        "without a policy",
        "a block that nobody was told of yet",
        "a block that only another person was told of",
        "enforcement of another ban",
        "what lies in a spared folder",
        "what is protected by its path",
        "a system program in a folder of the system",
        "the engine inside a tool that carries it and is allowed",
        "the alternative",
    ],
)
def test_a_start_is_not_refused_for(case: Orders, known: Known, place: Place, now: Instant) -> None:
    assert judge(case, known, place, PERSON, now) is None


def test_an_uncertain_path_spares_nothing() -> None:
    """A bind mount shows any file under a spared path: such a path is empty here."""
    assert judge(orders(spare=("/home/li/tools",)), BY_CONTENT, Place("", ""), PERSON, NOW) is not None


def test_only_root_s_own_files_are_spared_by_a_folder_of_the_system() -> None:
    assert judge(orders(), BY_CONTENT, Place("/run/user/1000/x", "", PERSON), PERSON, NOW) is not None


def test_exceptions_and_pauses_hold_until_their_instant_and_not_longer() -> None:
    book = rulebook()
    grant = ExceptionGrant("e-1", "claude-code", "device-1", Instant(NOW + 100))
    excepted = orders(rules=book.for_device(Device("device-1"), exceptions=[grant]))
    paused = orders(rules=book.for_device(Device("device-1"), pauses=[Pause("claude-code", Instant(NOW + 100))]))
    for case in (excepted, paused):
        assert judge(case, BY_CONTENT, PLACE, PERSON, NOW) is None
        assert judge(case, BY_CONTENT, PLACE, PERSON, Instant(NOW + 100)) is not None


TWO = [ban(id="all-of-it", stages=stages((BLOCK, "remove"))), ban()]


@pytest.mark.parametrize(
    ("towards", "refused_by"),
    [
        ({"claude-code"}, "claude-code"),
        ({"all-of-it"}, "all-of-it"),
        ({"claude-code", "all-of-it"}, "all-of-it"),
        (set(), None),
    ],
    ids=[
        "the block that is enforced, although a removal is in force that nobody was told of",
        "the removal that is enforced",
        "the stronger of two that are",
        "none that nobody was told of",
    ],
)
def test_of_two_bans_of_one_tool_a_start_is_refused_by(towards: set[str], refused_by: str | None) -> None:
    rules = rulebook(*TWO).for_device(Device("device-1"))
    case = orders(frozenset({(one, "claude-code", -1) for one in towards}), rules=rules)
    for known in (BY_PACKAGE, BY_CONTENT):
        refusal = judge(case, known, PLACE, PERSON, NOW)
        assert (refusal.decision.ban if refusal else None) == refused_by


@pytest.mark.parametrize(
    ("spared", "known", "place"),
    [
        ({"sha256": "ab" * 32}, BY_CONTENT._replace(sha256="ab" * 32), PLACE),
        ({"path": "/home/li/tools"}, BY_CONTENT, PLACE),
        ({"purl": "pkg:npm/%40anthropic-ai/claude-code@2.1.197"}, BY_PACKAGE, PLACE),
    ],
    ids=["a hash", "a folder", "a version of a package"],
)
def test_what_the_ban_itself_spares_may_start(spared: dict[str, str], known: Known, place: Place) -> None:
    rules = rulebook(ban(**{"except": [spared]})).for_device(Device("device-1"))
    assert judge(orders(rules=rules), known, place, PERSON, NOW) is None
    assert judge(orders(rules=rules), BY_CONTENT, Place("/x/y", ""), PERSON, NOW) is not None


def test_a_weak_name_concerns_a_rule_and_an_unrelated_file_does_not() -> None:
    rules = rulebook().for_device(Device("device-1"))
    assert concerns(rules, Known(), Place("/home/li/bin/claude", "/home/li"))
    assert not concerns(rules, Known(), Place("/usr/bin/true", ""))
    assert not concerns(rules, Known(purl="pkg:npm/left-pad@1.3.0"), Place("/usr/bin/x", ""))


@pytest.mark.parametrize(
    ("path", "home"),
    [
        ("/home/li/x/y", "/home/li"),
        ("/home/wang/x", "/home/wang"),
        ("/home/li/deep/home/x", "/home/li/deep/home"),
        ("/usr/bin/x", ""),
        ("/home/x", ""),
        ("/root/x", "/root"),
    ],
)
def test_the_home_around_a_path(path: str, home: str) -> None:
    assert home_of(path, ("/home/li", "/home/li/deep/home", "/root")) == home


def test_homes_of_accounts_are_read_and_folders_of_the_system_are_none() -> None:
    text = "root:x:0:0:root:/root:/bin/sh\nli:x:1:1::/home/li:/bin/sh\nx:x:2:2::/:/bin/sh\nbroken\n"
    assert parse_homes(text) == ("/home/li", "/root")
