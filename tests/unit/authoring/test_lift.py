"""`interdict-policy lift`: a ban is over, in writing, and every comment stays where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy_schema.authoring.cli.main import main
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
