"""What a policy says about moving over: only settings files, forms that fit, and no change that is signed unseen."""

from __future__ import annotations

import pytest

from policy_schema.catalogue import entry_texts
from policy_schema.document.catalogue import load_catalogue, parse_tool
from policy_schema.document.catalogue_check import check_entries
from policy_schema.document.closed import ClosedPolicy
from policy_schema.document.diff import Way, differences
from policy_schema.errors import BadCatalogue
from tests.fakes.policies import QODER, closed

QODER_TEXT = dict(entry_texts())["qoder.yaml"]
FILE = '"~/.qoder/settings.json", form: "mcp-json"'


@pytest.mark.parametrize(
    "file",
    ["~/.ssh/authorized_keys", "~/.bashrc", "~/x.json", "/etc/x.json", "~/.a/../.b.json", "~/.a/./b.md", "~/.a//b.md",
     "~/.a/b.json\\n", "~/.a b.json", "~root/.a.json", "~/..json"],
)  # fmt: skip
def test_a_place_is_a_settings_file_below_a_home(file: str) -> None:
    with pytest.raises(BadCatalogue, match="no settings file of a person"):
        parse_tool(QODER_TEXT.replace(FILE, f'"{file}", form: "mcp-json"'), "qoder.yaml")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (FILE, '"~/.qoder/settings.json", form: "markdown"', "markdown in ~/.qoder/settings.json is no mcp-servers"),
        (FILE, '"~/.qoder/settings.md", form: "mcp-json"', "mcp-json in ~/.qoder/settings.md is no mcp-servers"),
        (', sources: ["https://docs.qoder.com/cli/memory"]', "", "is documented, and no page is named"),
    ],
    ids=["a form of another kind", "a file of another kind", "nobody knows where from"],
)
def test_an_entry_is_checked(before: str, after: str, message: str) -> None:
    assert before in QODER_TEXT
    found = check_entries([("qoder.yaml", QODER_TEXT.replace(before, after))])
    assert [problem.message for problem in found] == [message]


WAS: dict[str, object] = {"install": {"npm": "npm install -g a"}}
PLACE = {"file": "~/.x/a.md", "form": "markdown", "mark": "seen"}


@pytest.mark.parametrize(
    ("now", "sentences"),
    [
        (
            {"install": {"npm": "npm install -g b"}},
            {'is installed with npm "npm install -g b"', 'no longer is installed with npm "npm install -g a"'},
        ),
        (
            {**WAS, "portable": {"instructions": PLACE}},
            {"keeps settings in instructions file ~/.x/a.md, form markdown, mark seen"},
        ),
    ],
    ids=["another package", "another place"],
)
def test_who_signs_sees_what_is_run_and_written(now: dict[str, object], sentences: set[str]) -> None:
    found = differences(_policy(WAS), _policy(now))
    assert {(change.about, change.way) for change in found} == {("qoder", Way.NEITHER)}
    assert {change.text for change in found} == sentences


def _policy(qoder: dict[str, object]) -> ClosedPolicy:
    tools = closed()["tools"]
    assert isinstance(tools, dict)
    return ClosedPolicy(closed(tools={**tools, "qoder": {**QODER, **qoder}}))  # type: ignore[arg-type]


def test_what_two_tools_both_keep_is_carried_over() -> None:
    tools = load_catalogue().tools
    assert set(tools["claude-code"].portable) == set(tools["qoder"].portable) != set()
