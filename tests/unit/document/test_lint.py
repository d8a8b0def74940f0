"""Each check of lint, by one change to a good policy: the problem, its field, and its line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.checks.subject import Lint
from policy_schema.document.lint import CHECKS, lint_text
from policy_schema.document.load import parse_policy
from policy_schema.document.problems import Level, Problem

BASE = (Path(__file__).parents[2] / "samples" / "policies" / "base.yaml").read_text(encoding="utf-8")
OWN_TOOL = """define:
  - id: "acme/tool"
    name: "Tool"
    vendor: "Acme"
    category: "tool"
    version_scheme: "semver"
    faces: {executables: {folders: ["~/.acme"]}}
"""
CONTENT = '{magic: ["elf"], min_size: "1MB", all: ["only in this tool"]}'
WITH_CONTENT = OWN_TOOL.replace('faces: {executables: {folders: ["~/.acme"]}}', f"faces: {{content: [{CONTENT}]}}")


class Row(NamedTuple):
    """A change to the good policy, the check that notices it, and what that says."""

    case: str
    check: str
    old: str
    new: str
    says: str
    level: Level = Level.ERROR


def own(case: str, check: str, old: str, new: str, says: str, base: str = OWN_TOOL) -> Row:
    """A change to a policy with a tool of its own."""
    assert old in base
    return Row(case, check, "define: []\n", base.replace(old, new), says)


WARNING = Level.WARNING
ROWS = (
    Row("an alternative that the same ban hits", "alternative-banned", 'tool: "claude-code"}', 'tool: "qoder"}',
        "bans[0].alternatives[0].tool: qoder is banned by claude-code"),
    Row("no alternative", "alternative-missing", '      - {name: "Qoder", tool: "qoder", url: "https://qoder.com"}',
        "      []", "bans[0]: names no alternative", WARNING),
    Row("nobody to ask", "alternative-missing", 'help: "https', 'other: "https',
        "organisation.contacts: has no `help`", WARNING),
    Row("a ban that hits an approved tool", "approved-banned", 'tool: "claude-code"}', 'vendor: "Alibaba"}',
        "bans[0].targets[0]: hits qoder, which is approved"),
    Row("an approved tool that does not exist", "approved-unknown", 'approved: ["qoder"]', 'approved: ["qodr"]',
        "approved[0]: 'qodr' is not a tool of the catalogue; did you mean qoder?"),
    Row("an alternative that does not exist", "approved-unknown", 'tool: "qoder"', 'tool: "qoder-x"',
        "bans[0].alternatives[0].tool: 'qoder-x' is not a tool"),
    Row("a target that means nothing", "ban-empty", 'tool: "claude-code"}', 'vendor: "Cline Bot", except: ["cline"]}',
        "bans[0].targets[0]: means no tool"),
    own("a content signature without a cheap test", "content-cheap-test", 'min_size: "1MB", ', "",
        "define[0].faces.content[0]: has no cheap test", WITH_CONTENT),
    own("a text signature without an upper bound", "content-cheap-test", '["elf"]', '["text"]',
        "define[0].faces.content[0]: has no max_size", WITH_CONTENT),
    own("a signature that reads 33 MB", "content-size", 'min_size: "1MB"', 'min_size: "1MB", tail: "33MB"',
        "define[0].faces.content[0].tail: reads more than is allowed", WITH_CONTENT),
    own("a text signature of 41 MB", "content-size", '["elf"], min_size: "1MB"', '["text"], max_size: "41MB"',
        "define[0].faces.content[0].max_size: reads more", WITH_CONTENT),
    own("bounds the wrong way round", "content-size", 'min_size: "1MB"', 'min_size: "2MB", max_size: "1MB"',
        "define[0].faces.content[0].min_size: is above max_size", WITH_CONTENT),
    own("a signature of short words", "content-usable", '"only in this tool"', '"short"',
        "define[0].faces.content[0].all: holds only short texts", WITH_CONTENT),
    own("more wanted of `some` than there are", "content-usable", '"]}', '"], some: {least: 2, of: ["x"]}}',
        "define[0].faces.content[0].some.least: is more than", WITH_CONTENT),
    Row("an update that cannot cure", "cure-possible", 'min_notice: "24h"', 'min_notice: "24h"\n    cure: "update"',
        "bans[0].cure: is update, and every version is banned"),
    Row("a review before the decision", "dates-in-order", '"2026-10-01"', '"2026-07-03"',
        "bans[0].decision.review_by: is not after the decision"),
    Row("a decision after the first stage", "dates-in-order", 'date: "2026-07-03"', 'date: "2026-07-05"',
        "bans[0].decision.date: is after the first stage"),
    Row("a reason that lacks the default language", "default-language", '      en: "Ass', '      de: "Ass',
        "bans[0].reason: is missing in en"),
    own("an own tool without a prefix", "defined-ids", '"acme/tool"', '"tool"', "define[0].id: 'tool' has no prefix"),
    own("an own tool with a name of the catalogue", "defined-ids", '"acme/tool"', '"qoder"', "define[0].id: 'qoder' "),
    own("an own tool that embeds nothing that exists", "defined-ids", "    faces", '    embeds: ["claude"]\n    faces',
        "define[0].embeds[0]: 'claude' is not a tool"),
    Row("an exception that says two things", "except-entries", '    classification: "high-risk-software"',
        '    except: [{path: "/opt/lab", sha256: "' + "0" * 64 + '"}]',
        "bans[0].except[0]: names sha256 and path"),
    Row("an exception for a package that is not meant", "except-entries", '    classification: "high-risk-software"',
        '    except: [{purl: "pkg:npm/other@1.0.0"}]', "bans[0].except[0].purl: is no package of what", WARNING),
    Row("an exception with a relative path", "except-entries", '    classification: "high-risk-software"',
        '    except: [{path: "opt/lab"}]', "bans[0].except[0].path: is not absolute"),
    Row("an exception that spares everything", "except-entries", '    classification: "high-risk-software"',
        '    except: [{path: "/opt"}]', "bans[0].except[0].path: spares a very wide place", WARNING),
    Row("an exception of a thousand days", "exception-bounds", "max_days: 90", "max_days: 1000",
        "exceptions.max_days: 1000 days is no length"),
    Row("an exception of no day", "exception-bounds", "max_days: 90", "max_days: 0", "exceptions.max_days: 0 days"),
    Row("a hold of a month", "exception-bounds", 'pending_hold: "24h"', 'pending_hold: "30d"', "exceptions.pending_h"),
    Row("a pause of a year", "exception-bounds", 'max: "72h"', 'max: "300d"', "pause.max: is not between"),
    Row("a model family without a name", "family-word", "lifted: []", 'lifted: []\nmodel_bans:\n  - {id: "models", '
        'families: ["gpt-4", "4.5"], reason: {en: "No."}, stages: [{from: "2026-07-10 09:00", action: "notify"}]}',
        "model_bans[0].families[1]: '4.5' names no family"),
    own("a folder that is a pattern", "folders", '"~/.acme"', '"~/.acme/*"',
        "define[0].faces.executables.folders[0]: '~/.acme/*' is a pattern"),
    own("a folder that is nothing but a star", "folders", '"~/.acme"', '"~/*"', "define[0].faces.executables.folders"),
    own("a folder of everybody", "folders", '"~/.acme"', '"~/.local/bin"', "define[0].faces.executables.folders[0]"),
    own("the root folder", "folders", '"~/.acme"', '"/"', "define[0].faces.executables.folders[0]: '/' is "),
    own("a relative folder", "folders", '"~/.acme"', '"acme"', "define[0].faces.executables.folders[0]: 'acme' is not"),
    own("a folder with dots in it", "folders", '"~/.acme"', '"~/a/../.."', "define[0].faces.executables.folders[0]"),
    Row("a lifted ban that is still there", "lifted-banned", "lifted: []",
        'lifted: [{id: "claude-code", date: "2026-06-01", reason: {en: "Over."}}]',
        "lifted[0].id: 'claude-code' is banned at the same time"),
    Row("a ban that is lifted twice", "lifted-banned", "lifted: []",
        'lifted: [{id: "x", date: "2026-06-01", reason: {en: "Over."}}, '
        '{id: "x", date: "2026-06-01", reason: {en: "Over."}}]', "lifted[1].id: 'x' stands here twice"),
    Row("a time that the clocks skip", "local-times", '"2026-08-15 09:00"', '"2027-03-28 02:30"',
        "bans[0].no_later_than: 2027-03-28 02:30 does not exist in Europe/Berlin"),
    Row("a need that nobody meets", "needs-known", '    min_notice: "24h"', '    needs: ["contents"]',
        "bans[0].needs[0]: 'contents' is no feature of this release; did you mean content?"),
    Row("an outer limit before the block", "no-later-than", '"2026-08-15 09:00"', '"2026-07-09 09:00"',
        "bans[0].no_later_than: is before block begins"),
    Row("an outer limit that leaves no notice", "no-later-than", '"2026-08-15 09:00"', '"2026-07-10 10:00"',
        "bans[0].no_later_than: leaves less than min_notice", WARNING),
    Row("a block too soon after the notice", "notice-before-block", '"2026-07-10 09:00"', '"2026-07-04 21:00"',
        "bans[0].stages[1].from: is 12h after notify, and min_notice is 1d"),
    Row("a block without a notice", "notice-before-block", 'action: "notify"', 'action: "report"',
        "bans[0].stages[1].from: comes without a notify stage"),
    Row("no notice time at all", "notice-before-block", 'min_notice: "24h"', 'min_notice: "0s"',
        "bans[0].min_notice: gives nobody any time", WARNING),
    Row("a range that is empty", "range", 'tool: "claude-code"}', 'tool: "claude-code", versions: ">2.0.0 <1.0.0"}',
        "bans[0].targets[0].versions: '>2.0.0 <1.0.0' is empty"),
    Row("a range with a comma", "range", 'tool: "claude-code"}', 'tool: "claude-code", versions: ">=1.0.0, <2.0.0"}',
        "bans[0].targets[0].versions: "),
    Row("a range that is a bare version", "range", 'tool: "claude-code"}', 'tool: "claude-code", versions: "2.1.198"}',
        "bans[0].targets[0].versions: '2.1.198' has no comparator"),
    Row("one range over two version lines", "range-two-lines", 'tool: "claude-code"}',
        'tool: "claude-agent-sdk", versions: ">=0.2.0 <0.3.0"}',
        "bans[0].targets[0].versions: Claude Agent SDK counts differently on npm and pypi", WARNING),
    Row("a range for a vendor", "range-wide-target", 'tool: "claude-code"}', 'vendor: "Alibaba", versions: ">=2.0.0"}',
        "bans[0].targets[0].versions: needs one tool"),
    Row("a range for a category", "range-wide-target", 'tool: "claude-code"}',
        'category: "ai-sdk", versions: ">=2.0.0"}', "bans[0].targets[0].versions: needs one tool"),
    Row("a rollout that leaves too little notice", "rollout-notice", '"2026-07-06 09:00"', '"2026-07-09 21:00"',
        "bans[0].rollout[2].from: leaves 12h before block, and min_notice is 1d"),
    Row("a rollout out of order in time", "rollout-order", '"2026-07-05 09:00"', '"2026-07-03 09:00"',
        "bans[0].rollout[1].from: is not later than the step before"),
    Row("a rollout that shrinks", "rollout-order", "percent: 10}", "percent: 100}", "bans[0].rollout[2].percent: 100"),
    Row("a rollout step that names both", "rollout-steps", "percent: 10}", 'percent: 10, groups: ["x"]}',
        "bans[0].rollout[1]: names groups and a percentage"),
    Row("a rollout step that names neither", "rollout-steps", ', groups: ["it"]', "",
        "bans[0].rollout[0]: names neither groups nor a percentage"),
    Row("a rollout that ends early", "rollout-steps", "percent: 100}", "percent: 90}",
        "bans[0].rollout: never reaches all devices", WARNING),
    Row("two stages at one time", "stages-order", '"2026-07-24 09:00"', '"2026-07-10 09:00"',
        "bans[0].stages[2].from: is the same time as stage 2"),
    Row("stages out of order", "stages-order", '"2026-07-24 09:00"', '"2026-07-05 09:00"',
        "bans[0].stages[2].from: is earlier than stage 2"),
    Row("a later stage that does less", "stages-order", 'action: "remove"', 'action: "notify"',
        "bans[0].stages[2].action: notify after block does not go further"),
    Row("a tool that does not exist", "target-known", 'tool: "claude-code"}', 'tool: "claude-cod"}',
        "bans[0].targets[0]: 'claude-cod' is not a tool of the catalogue; did you mean claude-code?"),
    Row("a vendor that does not exist", "target-known", 'tool: "claude-code"}', 'vendor: "Antropic"}',
        "bans[0].targets[0]: 'Antropic' is no vendor of the catalogue; did you mean Anthropic?"),
    Row("a target that names two things", "target-known", 'tool: "claude-code"}', 'tool: "qoder", vendor: "Alibaba"}',
        "bans[0].targets[0]: names tool and vendor"),
    Row("a target that names nothing", "target-known", 'tool: "claude-code"}', 'versions: ">=1.0.0"}',
        "bans[0].targets[0]: names nothing"),
    Row("`except` beside one tool", "target-known", 'tool: "claude-code"}', 'tool: "claude-code", except: ["qoder"]}',
        "bans[0].targets[0]: has `except` beside one tool"),
    Row("`except` of a tool that does not exist", "target-known", 'tool: "claude-code"}',
        'vendor: "Anthropic", except: ["anthropic"]}', "bans[0].targets[0]: 'anthropic' is not a tool"),
    Row("`except` of what is not meant", "target-known", 'tool: "claude-code"}',
        'vendor: "Anthropic", except: ["qoder"]}', "bans[0].targets[0].except: qoder is not meant anyway", WARNING),
)  # fmt: skip


def banned(own_tool: str) -> str:
    """A policy that bans a tool of its own."""
    return BASE.replace('tool: "claude-code"}', 'tool: "acme/tool"}').replace("define: []\n", own_tool)


WHOLE = (
    ("content-number", banned(WITH_CONTENT.replace(f"[{CONTENT}]", f"[{', '.join([CONTENT] * 17)}]")),
     "bans: need 17 content signatures, and 16 may be in force"),
    ("ids-unique", BASE.replace("lifted: []\n", BASE[BASE.index("  - id:") : BASE.index("lifted:")]),
     "bans[1].id: 'claude-code' is used already"),
    ("nothing-said", BASE[: BASE.index("bans:")] + "bans: []\n", "bans: is empty: this policy would do nothing"),
    ("protected", banned(OWN_TOOL.replace('{folders: ["~/.acme"]}', '{names: ["Bash.exe"]}')),
     "bans[0].targets[0]: ban claude-code would hit the program Bash.exe, which a machine needs"),
    ("protected", banned(OWN_TOOL.replace('executables: {folders: ["~/.acme"]}',
     'packages: ["pkg:npm/npm"]')), "bans[0].targets[0]: ban claude-code would hit the package pkg:npm/npm"),
    ("tool-uncatchable", banned(OWN_TOOL.replace('{folders: ["~/.acme"]}', '{names: ["x"]}')),
     "bans[0].targets[0]: acme/tool is known by a name at most"),
)  # fmt: skip


def found_by(check: str, text: str) -> list[Problem]:
    """What one check says about a policy."""
    policy = parse_policy(text, "p.yaml")
    return list(CHECKS[check](Lint(policy, load_catalogue().with_defined(policy.define))))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.case)
def test_a_check_notices_its_change(row: Row) -> None:
    assert row.old in BASE
    text = BASE.replace(row.old, row.new, 1)
    found = found_by(row.check, text)
    assert [problem for problem in found if f"{problem.field}: {problem.message}; {problem.mend}".startswith(row.says)]
    assert {problem.level for problem in found} == {row.level}
    assert set(found) <= set(lint_text(text, "p.yaml", load_catalogue()))


ELSEWHERE = {
    "an alternative that the same ban hits": 17,
    "no alternative": 9,
    "a reason that lacks the default language": 14,
    "a block without a notice": 20,
    "a rollout that shrinks": 27,
    "a rollout that ends early": 24,
    "two stages at one time": 21,
    "a later stage that does less": 21,
}
"""Where the problem stands at the thing around or after what was changed: its line."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.case)
def test_the_line_is_that_of_the_change(row: Row) -> None:
    text = BASE.replace(row.old, row.new, 1)
    first = BASE[: BASE.index(row.old)].count("\n") + 1
    expected = {ELSEWHERE[row.case]} if row.case in ELSEWHERE else set(range(first, first + row.new.count("\n") + 1))
    assert {problem.line for problem in found_by(row.check, text)} & expected


@pytest.mark.parametrize(("check", "text", "says"), WHOLE, ids=[f"{check}: {says[:60]}" for check, _, says in WHOLE])
def test_a_check_notices_a_larger_change(check: str, text: str, says: str) -> None:
    shown = [f"{problem.field}: {problem.message}" for problem in found_by(check, text)]
    assert [line for line in shown if line.startswith(says)], shown


EVERY = [*((row.case, row.check, BASE.replace(row.old, row.new, 1)) for row in ROWS)]
EVERY += [(says[:60], check, text) for check, text, says in WHOLE]


@pytest.mark.parametrize(("check", "text"), [row[1:] for row in EVERY], ids=[f"{row[1]}: {row[0]}" for row in EVERY])
def test_every_message_has_a_line_a_field_a_reason_and_a_mend(check: str, text: str) -> None:
    """Of every check. The mend is an order to the author, so it says something else than what is wrong."""
    problems = found_by(check, text)
    assert problems
    for problem in problems:
        assert 1 <= problem.line <= text.count("\n") + 1
        assert problem.field
        assert problem.message
        assert problem.mend
        assert problem.mend != problem.message


@pytest.mark.parametrize("check", CHECKS)
def test_no_check_complains_about_the_good_policy(check: str) -> None:
    assert found_by(check, BASE) == []


def test_every_check_has_a_row() -> None:
    assert {row.check for row in ROWS} | {check for check, _, _ in WHOLE} == set(CHECKS)


def test_the_table_is_alphabetical() -> None:
    assert list(CHECKS) == sorted(CHECKS)
