"""`interdict-policy lift`: a ban is over, in writing, and every comment stays where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy_schema.authoring.cli.main import main
from policy_schema.authoring.lifting import Entry, lifted
from policy_schema.document.load import load_policy, parse_policy

EXAMPLE = Path(__file__).parents[3] / "examples" / "claude-code-ban" / "policy.yaml"
MODELS = """
model_bans:
  - id: "models"
    families: ["claude-opus"]
    reason: {en: "No."}
    stages: [{from: "2036-07-10 09:00", action: "notify"}]
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(EXAMPLE.read_text() + MODELS)
    return path


CASES = {
    "a ban": ("claude-agent-sdk", ["claude-code"], ["models"]),
    "a model ban": ("models", ["claude-code", "claude-agent-sdk"], []),
}


@pytest.mark.parametrize(("ban", "bans", "models"), CASES.values(), ids=CASES.keys())
def test_a_lifted_ban_is_written_down(
    ban: str, bans: list[str], models: list[str], policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lift", ban, str(policy), "--reason", "Reviewed again.", "--quarantine", "restore"]) == 0
    assert f"- {ban}: is lifted" in capsys.readouterr().out
    made = parse_policy(policy.read_text(), "policy.yaml")
    assert [one.id for one in made.bans] == bans
    assert [one.id for one in made.model_bans] == models
    (row,) = made.lifted
    assert (row.id, row.reason, row.quarantine) == (ban, {"en": "Reviewed again."}, "restore")


def test_nothing_else_of_the_file_changes(policy: Path) -> None:
    before = policy.read_text().splitlines()
    assert main(["lift", "claude-agent-sdk", str(policy), "--reason", "Reviewed again."]) == 0
    after = policy.read_text().splitlines()
    kept = [line for line in after if line in before]
    assert [line for line in before if "#" in line] == [line for line in after if "#" in line]
    assert len(after) - len(kept) <= 6


def test_a_ban_out_of_an_included_file_goes_there_and_is_lifted_in_the_policy(policy: Path) -> None:
    text = policy.read_text()
    start, end = text.index("  # Product code may rest"), text.index("exceptions:")
    other = policy.parent / "bans" / "sdk.yaml"
    other.parent.mkdir()
    other.write_text("# The library.\nbans:\n" + text[start:end])
    policy.write_text(
        text[:start].replace("approved:", 'include: ["bans/sdk.yaml"] # one file a ban\napproved:') + text[end:]
    )
    assert main(["lift", "claude-agent-sdk", str(policy), "--reason", "Reviewed again."]) == 0
    assert other.read_text().splitlines()[0] == "# The library."
    assert "claude-agent-sdk" not in other.read_text()
    assert "# one file a ban" in policy.read_text()
    made = load_policy(policy)
    assert ([one.id for one in made.bans], [one.id for one in made.lifted]) == (["claude-code"], ["claude-agent-sdk"])


HEAD = """\
schema: 1
organisation: {name: "A", time_zone: "UTC", default_language: "de", contacts: {help: "https://a.example"}}
"""
ROWS = """\
  # cursor first
  - id: "cursor"   # the second of the two
    targets: [{tool: "cursor"}]
    reason: # said twice
      de: |
        Nicht erlaubt.
        # kein Kommentar
    alternatives: [{name: "Qoder", url: "https://qoder.com"}]
    stages:
      - {from: "2026-07-04 09:00",
         action: "notify"} # monday

  # claude next
  - targets: [{tool: "claude-code"}]
    id: claude-code
    reason: {de: "x"}
    alternatives: [{name: "Qoder", url: "https://qoder.com"}]
    stages:
    - {from: "2026-07-04 09:00", action: "notify"}
"""
NARROW = "\n".join(line.removeprefix("  ") for line in ROWS.splitlines()) + "\n"
FLOW = (
    '{{id: "{0}", targets: [{{tool: "{0}"}}], reason: {{de: "x"}}, '
    'stages: [{{from: "2026-07-04 09:00", action: "notify"}}]}}'
)
OLD = '{id: "old", date: "2026-06-01", reason: {de: "Vorbei."}}'
TEXTS = {
    "the dashes stand further in": HEAD + "# all bans\nbans:\n" + ROWS + "# the end\npause: {max: '24h'}\n",
    "the dashes stand below the key": HEAD + "bans:\n" + NARROW + "pause: {max: '24h'}\n",
    "the bans are the last thing, without a line's end": HEAD + "bans: # two\n" + ROWS.rstrip("\n"),
    "something was lifted before": HEAD + f"lifted: # over\n  - {OLD} # in June\n  # more?\nbans:\n" + ROWS,
    "something was lifted before, behind": HEAD + "bans:\n" + ROWS + f"lifted:\n- {OLD}",
    "something was lifted before, in one line": HEAD + f"lifted: [{OLD}] # over\nbans:\n" + ROWS,
    "an empty list of lifted ones": HEAD + "lifted: []\nbans:\n" + ROWS,
    "two bans in one line": HEAD + f"bans: [{FLOW.format('cursor')}, {FLOW.format('claude-code')}] # two\n",
    "two bans, each in a line": HEAD + f"bans: [\n  {FLOW.format('cursor')}, # 1\n  {FLOW.format('claude-code')}\n]\n",
    "lines that end as on Windows": (HEAD + "bans:\n" + ROWS + "# the end\n").replace("\n", "\r\n"),
}


@pytest.mark.parametrize("ban", ["cursor", "claude-code"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_only_the_lines_of_the_ban_go(ban: str, text: str) -> None:
    after = lifted({"": text}, Entry(ban, "2026-07-03", "de", 'Ein "Irrtum": {#1}', "keep"))[""]
    made, before = parse_policy(after, "p"), parse_policy(text, "p")
    assert made.bans == tuple(row for row in before.bans if row.id != ban)
    assert made.lifted[:-1] == before.lifted
    row = made.lifted[-1]
    assert (row.id, str(row.date), row.reason) == (ban, "2026-07-03", {"de": 'Ein "Irrtum": {#1}'})
    assert made.model_dump(exclude={"bans", "lifted"}) == before.model_dump(exclude={"bans", "lifted"})
    for comment in (
        "# all bans",
        "# cursor first",
        "# claude next",
        "# the end",
        "# two",
        "# over",
        "# in June",
        "# more?",
    ):
        assert after.count(comment) == text.count(comment)


def test_the_last_ban_leaves_an_empty_list() -> None:
    text = TEXTS["the dashes stand further in"]
    for ban in ("cursor", "claude-code"):
        text = lifted({"": text}, Entry(ban, "2026-07-03", "de", "x", "keep"))[""]
    assert "# all bans\nbans: []\n  # cursor first\n\n  # claude next\n# the end\n" in text
    assert [row.id for row in parse_policy(text, "p").lifted] == ["cursor", "claude-code"]


def test_a_comment_before_the_next_ban_stays(policy: Path) -> None:
    assert main(["lift", "claude-code", str(policy), "--reason", "Over."]) == 0
    lines = policy.read_text().splitlines()
    next_ban = lines.index('  - id: "claude-agent-sdk"')
    assert lines[next_ban - 1].startswith("  # Product code may rest on the library")
    assert lines[next_ban + 1 : next_ban + 3] == ["    targets:", '      - {tool: "claude-agent-sdk"}']


WRONG = {
    "no such ban": ("cursor", "there is no ban 'cursor' in it; its bans: claude-code"),
    "lifted before": ("claude-code", "there is no ban"),
}


@pytest.mark.parametrize(("ban", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_lifted_is_one_line(
    ban: str, said: str, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if ban == "claude-code":
        assert main(["lift", ban, str(policy), "--reason", "Over."]) == 0
        capsys.readouterr()
    before = policy.read_bytes()
    assert main(["lift", ban, str(policy), "--reason", "Over."]) == 2
    err = capsys.readouterr().err
    assert (said in err, err.count("\n")) == (True, 1)
    assert policy.read_bytes() == before
