"""What people read: every occasion in every language, from the real example and from hostile texts."""

from __future__ import annotations

import copy
import string
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.compile import compile_policy
from policy_schema.document.load import load_policy
from policy_schema.notices.compose import Found, Notice, Occasion, Situation, compose, occasion_of
from policy_schema.notices.language import Reader
from policy_schema.notices.page import page_html, page_text
from policy_schema.notices.terminal import MAX_BYTES, bounded, terminal_text
from policy_schema.rules.decision import Action
from policy_schema.rules.instant import parse_instant

ROOT = Path(__file__).parents[3]
POLICY: Any = close_policy(
    load_policy(ROOT / "examples" / "claude-code-ban" / "policy.yaml"), load_catalogue()
).document
ORGANISATION, BAN, TOOL = POLICY["organisation"], POLICY["bans"][0], POLICY["tools"]["claude-code"]

TOLD = parse_instant("2026-07-04T01:00:00Z")
BLOCKED = parse_instant("2026-07-10T01:00:00Z")
FOUND = Found("/home/li/.local/share/claude/versions/2.1.197", "2.1.197", places=3)
ENGLISH, CHINESE = Reader(("en",)), Reader(("zh-CN",))


def notice(occasion: Occasion, now: int = BLOCKED, reader: Reader = ENGLISH, ban: Any = BAN, **more: Any) -> Notice:
    """A notice of the example's first ban."""
    told = more.pop("told", TOLD)
    return compose(ORGANISATION, ban, TOOL, Situation(occasion, now, FOUND, reader, told, **more))


def test_an_announcement_says_it_all() -> None:
    made = notice(Occasion.ANNOUNCED, TOLD)
    assert made.title == "Claude Code may not be used from Fri 10 July 2026, 09:00 on"
    assert made.body.splitlines() == [
        "Found: version 2.1.197 in /home/li/.local/share/claude/versions/2.1.197. And in 2 more places.",
        "Policy of Example Group: Information Security has assessed it as not allowed on company devices.",
        "From Fri 10 July 2026, 09:00 on it can no longer be started. What runs then may finish for 4 hours. "
        "On Fri 24 July 2026, 09:00 it is put aside; it can be put back. Times are those of Asia/Shanghai.",
        "Use instead: Qoder, https://qoder.com",
        "Moving your work and questions about paid subscriptions: https://help.example.com/ai-tools/moving",
        "Questions, or a reason to keep it: https://help.example.com/ai-tools",
        "- Versions 2.1.91 to 2.1.197 put a mark into the prompt that depends on the time zone and on the host of "
        "ANTHROPIC_BASE_URL (confirmed; fixed in 2.1.198)",
        "- The mark was there to single out users in China "
        '(alleged; disputed by the vendor: "an experiment against abuse")',
    ]
    assert [(button.key, button.url) for button in made.buttons] == [
        ("get", "https://qoder.com"),
        ("details", ""),
        ("ask", ""),
        ("remove", ""),
        ("later", ""),
    ]


TITLES = {
    Occasion.ANNOUNCED: "Claude Code may not be used from",
    Occasion.BLOCKED: "Claude Code may not be started any more",
    Occasion.CONFIGURED: "Claude Code is set up in another program",
    Occasion.EXCEPTED: "Claude Code: you have an exception until Fri 10 July 2026, 09:15",
    Occasion.FINISHING: "Claude Code ends at 09:15, in 15 minutes",
    Occasion.HELD: "Claude Code: your request holds the block until Fri 10 July 2026, 09:15",
    Occasion.IN_PROJECT: "Claude Code is part of a project of yours",
    Occasion.LAPSING: "Claude Code: your exception ends on Fri 10 July 2026, 09:15",
    Occasion.LIFTED: "Claude Code is allowed again",
    Occasion.NARROWED: "Claude Code 2.1.197 is allowed",
    Occasion.PAUSED: "Claude Code may be used until Fri 10 July 2026, 09:15",
    Occasion.REFUSED: "Claude Code: your request was refused",
    Occasion.REMOVED: "Claude Code was put aside",
    Occasion.REMOVING: "Claude Code is being put aside",
    Occasion.RESTORED: "Claude Code is back in its place",
    Occasion.SOON_BLOCKED: "Claude Code may not be used in 15 minutes",
    Occasion.SOON_REMOVED: "Claude Code is put aside in 15 minutes",
    Occasion.STOPPED: "Claude Code was stopped",
    Occasion.UNANSWERED: "Claude Code: no exception has been granted",
}


@pytest.mark.parametrize("occasion", Occasion)
def test_every_occasion_has_its_title(occasion: Occasion) -> None:
    assert notice(occasion, until=BLOCKED + 900).title.startswith(TITLES[occasion])


@pytest.mark.parametrize("reader", [ENGLISH, CHINESE, Reader(("en",), ascii_only=True)], ids=["en", "zh", "ascii"])
@pytest.mark.parametrize("occasion", Occasion)
def test_every_occasion_keeps_what_was_promised(occasion: Occasion, reader: Reader) -> None:
    made = notice(occasion, reader=reader, until=BLOCKED + 900)
    text = f"{made.title}\n{made.body}"
    assert "high-risk" not in text
    assert "malware" not in text.lower()
    assert not set("{}") & set(text)
    if occasion not in (Occasion.LIFTED, Occasion.NARROWED):
        assert "https://qoder.com" in made.body
        assert "https://help.example.com/ai-tools" in made.body
    assert text.isascii() or not reader.ascii_only


@pytest.mark.parametrize("occasion", Occasion)
def test_chinese_is_chinese(occasion: Occasion) -> None:
    english, chinese = notice(occasion, until=BLOCKED + 900), notice(occasion, reader=CHINESE, until=BLOCKED + 900)
    assert chinese.language == "zh-Hans"
    assert chinese.title != english.title
    assert not {line for line in english.body.splitlines() if line in chinese.body.splitlines()}


def test_a_model_is_configured_and_nobody_is_said_to_use_it() -> None:
    found = Found("/home/li/.aider.conf.yml", model="anthropic/claude-sonnet-4.5")
    situation = Situation(Occasion.CONFIGURED, BLOCKED, found, ENGLISH)
    aider = {"id": "aider"}
    made = compose(ORGANISATION, {**BAN, "claims": [], "links": []}, aider, situation)
    assert made.title == "aider is configured with a model that is not allowed"
    assert made.body.splitlines() == [
        "Configured: anthropic/claude-sonnet-4.5 in /home/li/.aider.conf.yml.",
        "Policy of Example Group: Information Security has assessed it as not allowed on company devices.",
        "Please choose another model there. Nothing is changed for you, and this says nothing about use.",
        "Use instead: Qoder, https://qoder.com",
        "Questions, or a reason to keep it: https://help.example.com/ai-tools",
    ]
    brief = terminal_text(ORGANISATION, BAN, aider, situation)
    assert "aider is configured with a model that is not allowed" in brief
    assert "claude" not in brief, "a terminal shows no word that others can choose"


@pytest.mark.parametrize("model", ["", "claude-opus-4-1"], ids=["a server", "a model"])
def test_a_setting_never_promises_a_block(model: str) -> None:
    found = Found("/home/li/.cursor/mcp.json", model=model)
    made = compose(ORGANISATION, BAN, TOOL, Situation(Occasion.CONFIGURED, TOLD, found, ENGLISH))
    text = f"{made.title} {made.body}".lower()
    assert not [word for word in ("started any more", "put aside", "may finish", " was used") if word in text]


FAIR = {
    "told in time": (TOLD, 0, "Claude Code may not be started any more"),
    "never told": (None, 0, "Claude Code may not be used from Sat 11 July 2026, 09:00 on"),
    "told an hour ago": (BLOCKED - 3600, 0, "Claude Code may not be used from Sat 11 July 2026, 08:00 on"),
    "reached by the rollout tomorrow": (
        TOLD,
        BLOCKED + 86400,
        "Claude Code may not be used from Sat 11 July 2026, 09:00",
    ),
}


@pytest.mark.parametrize(("told", "admitted", "title"), FAIR.values(), ids=FAIR)
def test_a_block_is_announced_for_when_it_comes_to_this_person(told: int | None, admitted: int, title: str) -> None:
    assert notice(Occasion.BLOCKED, told=told, admitted=admitted).title.startswith(title)


def test_the_outer_limit_ends_the_waiting() -> None:
    limit = parse_instant(BAN["no_later_than"])
    assert notice(Occasion.BLOCKED, now=limit - 3600, told=None).title.endswith("Sat 15 August 2026, 09:00 on")
    assert notice(Occasion.BLOCKED, now=limit, told=None).title == "Claude Code may not be started any more"


@pytest.mark.parametrize(
    ("quarantine", "says"),
    [
        ("restore", "What was put aside is put back."),
        ("offer", "What was put aside can be put back: ask for it."),
        ("keep", "Assessed anew."),
    ],
)
def test_lifting_says_what_becomes_of_what_was_put_aside(quarantine: str, says: str) -> None:
    entry = {"id": "claude-code", "date": "2026-09-01", "reason": {"en": "Assessed anew."}, "quarantine": quarantine}
    body = notice(Occasion.LIFTED, ban=entry).body
    assert says in body
    assert "Assessed anew." in body


def test_lifting_does_not_repeat_why_it_was_banned() -> None:
    assert "not allowed" not in notice(Occasion.LIFTED).body


def test_an_update_that_cures_is_offered() -> None:
    made = notice(Occasion.BLOCKED, ban={**BAN, "cure": "update"})
    assert "Version 2.1.198 or newer is allowed: an update is enough." in made.body


def test_a_withdrawn_claim_is_not_repeated_in_a_notice_and_marked_on_the_page() -> None:
    ban = copy.deepcopy(BAN)
    ban["claims"][1]["standing"] = "withdrawn"
    assert "single out" not in notice(Occasion.ANNOUNCED, ban=ban).body
    page = page_text(ORGANISATION, ban, TOOL, Situation(Occasion.ANNOUNCED, TOLD))
    assert "single out users in China (withdrawn" in page


def test_a_compiled_ban_reads_like_a_closed_one() -> None:
    compiled: Any = compile_policy(POLICY, 1)
    assert notice(Occasion.ANNOUNCED, TOLD, ban=compiled["bans"][0]) == notice(Occasion.ANNOUNCED, TOLD)


def test_a_reason_is_in_the_language_of_the_reader_where_there_is_one() -> None:
    german = {**BAN, "reason": {**BAN["reason"], "de": "Nicht erlaubt."}}
    assert "Nicht erlaubt." in notice(Occasion.ANNOUNCED, ban=german, reader=Reader(("de-AT",))).body
    assert "assessed" in notice(Occasion.ANNOUNCED, ban=german, reader=Reader(("fr",))).body


def test_a_console_without_glyphs_gets_no_question_marks_for_a_reason() -> None:
    chinese_only = {**BAN, "reason": {"zh-Hans": BAN["reason"]["zh-Hans"]}, "claims": []}
    body = notice(Occasion.BLOCKED, ban=chinese_only, reader=Reader(("en",), ascii_only=True)).body
    assert "Policy of Example Group." in body
    assert "???" not in body


def test_a_machine_without_time_zones_shows_utc() -> None:
    made = compose(
        {**ORGANISATION, "time_zone": "Nowhere/City"},
        BAN,
        TOOL,
        Situation(Occasion.ANNOUNCED, TOLD, FOUND, ENGLISH, TOLD),
    )
    assert made.title.endswith("Fri 10 July 2026, 01:00 on")
    assert "Times are those of UTC." in made.body


@pytest.mark.parametrize(
    ("action", "countdown", "occasion"),
    [
        (Action.REPORT, 0, Occasion.ANNOUNCED),
        (Action.NOTIFY, 0, Occasion.ANNOUNCED),
        (Action.BLOCK, 0, Occasion.BLOCKED),
        (Action.BLOCK, 900, Occasion.FINISHING),
        (Action.REMOVE, 0, Occasion.REMOVING),
    ],
)
def test_the_occasion_of_a_stage(action: Action, countdown: int, occasion: Occasion) -> None:
    assert occasion_of(action, countdown) is occasion


# ------------------------------------------------------------------------------------------------------- terminal


@pytest.mark.parametrize("reader", [ENGLISH, CHINESE, Reader(("en",), ascii_only=True)], ids=["en", "zh", "ascii"])
@pytest.mark.parametrize("occasion", Occasion)
def test_a_terminal_gets_two_lines_at_most_and_nothing_of_the_machine(occasion: Occasion, reader: Reader) -> None:
    text = terminal_text(
        ORGANISATION, BAN, TOOL, Situation(occasion, BLOCKED, FOUND, reader, TOLD, until=BLOCKED + 900)
    )
    assert text.count("\n") <= 1
    assert len(text.encode()) <= MAX_BYTES
    assert FOUND.path not in text
    assert text.replace("\n", "").isprintable()
    if occasion not in (Occasion.LIFTED, Occasion.NARROWED):
        assert "https://qoder.com" in text
        assert text.endswith("https://help.example.com/ai-tools")


def test_the_refusal_in_words() -> None:
    text = terminal_text(ORGANISATION, BAN, TOOL, Situation(Occasion.BLOCKED, BLOCKED, told=TOLD))
    assert text.splitlines() == [
        "Example Group policy: Claude Code may not be used here. Use Qoder: https://qoder.com",
        "Why, and whom to ask: https://help.example.com/ai-tools",
    ]


@given(st.text(), st.text(alphabet=st.characters(exclude_characters="\n")), st.integers(40, 400))
def test_bounded_text_fits_and_stays_text(first: str, second: str, limit: int) -> None:
    text = f"{first}\n{second}".encode("utf-8", "replace").decode()
    made = bounded(text, limit)
    assert len(made.encode()) <= limit
    if len(text.encode()) <= limit:
        assert made == text


@settings(max_examples=50, deadline=None)
@given(st.text(min_size=1, max_size=200), st.text(min_size=1, max_size=200), st.sampled_from(Occasion))
def test_long_names_still_give_two_short_lines(name: str, tool: str, occasion: Occasion) -> None:
    situation = Situation(occasion, BLOCKED, told=TOLD, until=BLOCKED)
    try:
        text = terminal_text({**ORGANISATION, "name": name}, BAN, {"name": tool}, situation)
    except UnicodeEncodeError:
        # Half a surrogate never gets through lint or the reader of closed policies.
        return
    assert len(text.encode()) <= MAX_BYTES
    assert text.count("\n") <= 1


# ----------------------------------------------------------------------------------------------------------- page


class Tags(HTMLParser):
    """Collects tags and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]


def test_the_page_has_no_scripts_and_only_the_links_of_the_policy() -> None:
    ban = copy.deepcopy(BAN)
    ban["reason"]["en"] = "<script>alert(1)</script><img src=x onerror=y>"
    tags = Tags()
    tags.feed(page_html(ORGANISATION, ban, TOOL, Situation(Occasion.ANNOUNCED, TOLD, reader=ENGLISH)))
    assert not {"script", "img", "iframe", "object"} & set(tags.tags)
    assert tags.links == [
        "https://qoder.com", "https://help.example.com/ai-tools/moving", "https://help.example.com/ai-tools",
    ]  # fmt: skip


@pytest.mark.parametrize("reader", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_the_page_tells_dates_decision_and_rights(reader: Reader) -> None:
    text = page_text(ORGANISATION, BAN, TOOL, Situation(Occasion.ANNOUNCED, TOLD, reader=reader))
    for part in ("SEC-2026-114", "Information Security", "interdict sent", "https://qoder.com", "09:00"):
        assert part in text
    assert "high-risk" not in text


def test_only_the_standard_library_is_needed() -> None:
    import ast

    allowed = sys.stdlib_module_names | {"policy_schema"}
    for source in (ROOT / "policy_schema" / "notices").glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert {name.partition(".")[0] for name in names} <= allowed
            ours = [name for name in names if name.startswith("policy_schema")]
            assert all(name.startswith(("policy_schema.notices", "policy_schema.rules")) for name in ours)


def test_no_words_of_the_machine_reach_a_template() -> None:
    found = Found("/home/{organisation}/{0.__class__}", "{version}")
    body = compose(ORGANISATION, BAN, TOOL, Situation(Occasion.ANNOUNCED, TOLD, found)).body
    assert "/home/{organisation}/{0.__class__}" in body
    assert string.Formatter().parse(body)
