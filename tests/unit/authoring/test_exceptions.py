"""Exceptions and pauses by the real commands: granted, published, verified as a device does, taken back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from policy_schema.rules.instant import Instant
from policy_schema.rules.relief import DAY, Limits, Relief, relief_for
from policy_schema.trust.verify import verify
from tests.fakes.author import NAMES, Author


def day(ahead: int) -> str:
    return (datetime.now(UTC) + timedelta(days=ahead)).strftime("%Y-%m-%d")


GRANT = (
    "--device",
    "d-1",
    "--device",
    "d-2",
    "--reason",
    "a contract",
    "--asked-by",
    "Chen Jie",
    "--approved-by",
    "Wu Min",
)


@pytest.fixture
def author(solo: Author) -> Author:
    """A published policy that lets the console sign exceptions."""
    assert solo.do("keys", "delegate", "console").code == 0
    assert solo.sign(str(solo.policy)).code == 0
    assert solo.do("publish").code == 0
    return solo


def files(author: Author) -> dict[str, bytes]:
    base = author.dir / "repository"
    return {path.relative_to(base).as_posix(): path.read_bytes() for path in base.rglob("*.json")}


def relief(author: Author, device: str, published: Mapping[str, bytes] | None = None) -> Relief:
    """What a device makes of what is published."""
    found = verify(
        published or files(author), (author.dir / "root.json").read_bytes(), now=int(datetime.now(UTC).timestamp())
    )
    assert found.granted.trouble == ""
    return relief_for(device, found.granted.documents, Limits(90 * DAY, 3 * DAY, Instant(found.signed_at)))


def test_the_signers_see_who_will_sign_exceptions(solo: Author) -> None:
    assert "Exceptions    signed by nobody" in solo.sign(str(solo.policy)).out
    assert solo.do("keys", "delegate", "console").code == 0
    assert "another policy is staged" in solo.sign(str(solo.policy)).err
    assert "Exceptions    signed by console" in solo.sign(str(solo.policy), "--restart").out


def test_an_exception_reaches_its_devices_and_no_other(author: Author) -> None:
    ran = author.do("exceptions", "grant", "claude-code", "--until", day(30), *GRANT)
    assert (ran.code, ran.err) == (0, "")
    assert "for 2 device(s) until" in ran.out
    for device, number in (("d-1", 1), ("d-2", 1), ("d-3", 0)):
        assert len(relief(author, device).exceptions) == number
    (one,) = relief(author, "d-1").exceptions
    assert (one.ban, one.device) == ("claude-code", "d-1")


def test_what_agents_read_holds_no_name_and_no_reason(author: Author) -> None:
    author.do("exceptions", "grant", "claude-code", "--until", day(30), *GRANT)
    public = b"".join(files(author).values())
    assert not [word for word in (b"Chen", b"Wu Min", b"contract", b'"d-1"') if word in public]
    assert "asked by Chen Jie, approved by Wu Min: a contract" in author.do("exceptions", "list").out


def test_revoked_is_gone_at_once_and_stays_in_the_record(author: Author) -> None:
    author.do("exceptions", "grant", "claude-code", "--until", day(30), *GRANT)
    name = json.loads(author.do("exceptions", "list", "--json").out)["exceptions"][0]["id"]
    assert author.do("exceptions", "revoke", name).code == 0
    assert relief(author, "d-1").exceptions == ()
    (row,) = json.loads(author.do("exceptions", "list", "--json").out)["exceptions"]
    assert (row["active"], bool(row["revoked"])) == (False, True)
    again = author.do("exceptions", "revoke", name)
    assert (again.code, "that still holds" in again.err) == (2, True)


def test_a_pause_is_for_everybody_and_can_be_ended(author: Author) -> None:
    paused = author.do("pause", "claude-code", "--for", "24h", "--reason", "false alarms", "--approved-by", "Wu Min")
    assert (paused.code, paused.err) == (0, "")
    assert [one.ban for one in relief(author, "any").pauses] == ["claude-code"]
    assert author.do("pause", "claude-code", "--end").code == 0
    assert relief(author, "any").pauses == ()


def test_a_new_policy_and_a_renewal_keep_what_was_granted(author: Author) -> None:
    author.do("exceptions", "grant", "claude-code", "--until", day(30), *GRANT)
    assert author.do("renew").code == 0
    assert len(relief(author, "d-1").exceptions) == 1
    author.policy.write_text(author.policy.read_text().replace("2036-12-10", "2036-12-09"))
    assert author.sign(str(author.policy)).code == 0
    assert author.do("publish").code == 0
    assert len(relief(author, "d-1").exceptions) == 1


def test_a_key_that_the_signers_took_the_role_from_counts_no_longer(author: Author) -> None:
    author.do("exceptions", "grant", "claude-code", "--until", day(30), *GRANT)
    (author.dir / "exceptions-key.json").unlink()
    assert author.sign(str(author.policy)).code == 0
    assert author.do("publish").code == 0
    assert relief(author, "d-1").exceptions == ()
    refused = author.do("exceptions", "grant", "claude-code", "--until", day(30), *GRANT)
    assert (refused.code, "lets nobody sign exceptions" in refused.err) == (2, True)


WRONG = {
    "one's own": (("--until", day(30), *GRANT[:-1], "chen jie"), "nobody approves their own"),
    "too long": (("--until", day(120), *GRANT), "more than 90 days away"),
    "in the past": (("--until", day(-2), *GRANT), "not in the future"),
    "no day": (("--until", "soon", *GRANT), "--until: "),
    "no device": (("--until", day(30), *GRANT[4:]), "1 to 50 devices"),
    "no reason": (("--until", day(30), "--device", "d", "--asked-by", "A", "--approved-by", "B"), "--reason is needed"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_granted_is_one_line_and_changes_nothing(
    options: tuple[str, ...], said: str, author: Author
) -> None:
    before = files(author)
    ran = author.do("exceptions", "grant", "claude-code", *options)
    assert (ran.code, said in ran.err, ran.err.count("\n")) == (2, True, 1)
    assert files(author) == before
    assert not (author.dir / "granted.json").exists()


def test_a_ban_that_is_not_in_force(author: Author) -> None:
    ran = author.do("exceptions", "grant", "cursor", "--until", day(30), *GRANT)
    assert (ran.code, "has no ban 'cursor'; its bans: claude-code" in ran.err) == (2, True)


def test_a_damaged_record_is_named_and_kept(author: Author) -> None:
    (author.dir / "granted.json").write_text("{")
    ran = author.do("exceptions", "list")
    assert (ran.code, "granted.json: is not a record of grants" in ran.err) == (2, True)
    assert (author.dir / "granted.json").read_text() == "{"


def test_threshold_of_two_and_exceptions_by_one(three: Author) -> None:
    """Two people are needed for the policy; one key, that of the console, for what only weakens."""
    assert three.do("keys", "delegate", "console").code == 0
    assert three.sign(str(three.policy), name=NAMES[0]).code == 0
    assert three.sign(name=NAMES[1]).code == 0
    assert three.do("publish").code == 0
    assert three.do("exceptions", "grant", "claude-code", "--until", day(30), *GRANT).code == 0
    assert len(relief(three, "d-2").exceptions) == 1


def decided(*devices: str, days: int = 30, name: str = "x-console", **changes: str) -> dict[str, object]:
    now = datetime.now(UTC)
    row = {"id": name, "ban": "claude-code", "devices": list(devices), "reason": "r", "asked_by": "person p-1"}
    until = (now + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {**row, "approved_by": "chen", "granted": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "until": until, **changes}


def take(author: Author, *rows: dict[str, object], **more: list[dict[str, str]]) -> str:
    path = author.dir / "granted-by-console.json"
    path.write_text(json.dumps({"exceptions": rows, **more}))
    done = author.do("exceptions", "take", str(path), "--yes")
    return done.out if done.code == 0 else done.err


def test_what_a_console_decided_is_shown_signed_and_taken_back_with_it(author: Author) -> None:
    assert author.do("exceptions", "grant", "claude-code", *GRANT, "--until", day(30)).code == 0
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = {"request": "r-1", "ban": "claude-code", "device": "d-8", "because": "risk", "at": at}
    pause = {"ban": "claude-code", "reason": "r", "approved_by": "wu", "from": at, "until": decided(days=1)["until"]}
    said = take(author, decided("d-7"), pauses=[pause], answers=[answer])
    for part in ("grant x-console: claude-code for 1 device(s)", "approved by chen", "pause claude-code", "answer r-1"):
        assert part in said
    assert [one.id for one in relief(author, "d-7").exceptions] == ["x-console"]
    assert [one.because for one in relief(author, "d-8").answers] == ["risk"]
    assert len(relief(author, "d-9").pauses) == 1
    assert "Nothing new" in take(author, decided("d-7"), pauses=[pause], answers=[answer])
    assert "take back x-console" in take(author)
    assert relief(author, "d-7").exceptions == relief(author, "d-7").pauses == ()
    assert len(relief(author, "d-1").exceptions) == 1, "what was granted here stays"


NOT_TAKEN = {
    "a ban that there is not": (decided("d-7", ban="another"), "no ban 'another'"),
    "longer than the policy allows": (decided("d-7", days=91), "more than 90 days"),
    "one's own": (decided("d-7", asked_by="Chen"), "approves their own"),
    "no device": (decided(), "is for 0 devices"),
    "a day that is none": (decided("d-7", until="soon"), "x-console"),
}


@pytest.mark.parametrize(("row", "said"), NOT_TAKEN.values(), ids=NOT_TAKEN.keys())
def test_a_console_cannot_have_signed_what_may_not_be_granted(
    row: dict[str, object], said: str, author: Author
) -> None:
    before = files(author)
    assert said in take(author, row)
    assert files(author) == before
