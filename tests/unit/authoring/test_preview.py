"""`interdict-policy preview`: every text that people will read, before anybody signs it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from policy_schema.authoring.cli import preview
from policy_schema.authoring.cli.main import main
from policy_schema.notices.compose import Notice, Occasion, Situation, compose
from policy_schema.notices.facts import Values

ROOT = Path(__file__).parents[3]
EXAMPLE = str(ROOT / "examples" / "claude-code-ban" / "policy.yaml")
SAMPLES = ROOT / "tests" / "samples" / "policies"


def shown(capsys: pytest.CaptureFixture[str], *options: str, file: str = EXAMPLE) -> str:
    """What the command prints."""
    assert main(["preview", file, *options]) == 0
    return capsys.readouterr().out


def titles(text: str) -> list[str]:
    """The headings of a preview."""
    return [line.strip("= ") for line in text.splitlines() if line.startswith("=== ")]


def test_every_stage_of_every_ban_in_every_language(capsys: pytest.CaptureFixture[str]) -> None:
    rests = ["held", "excepted", "lapsing", "paused", "after held", "after excepted", "after paused"]
    answers = ["a day before", "a request that was refused", "a request that nobody granted"]
    blocks = ["block", "countdown", "stopped", "in a project", *rests, *answers]
    stages = ["notify", *blocks, "remove", "a day before", "removed", "given back"]
    expected = ["the welcome, en", "the welcome, zh-Hans"]
    for language in ("en", "zh-Hans"):
        expected += [f"claude-code, Claude Code, {language}: {stage}" for stage in stages]
        expected += [f"claude-code, {language}: the page"]
    for language in ("en", "zh-Hans"):
        expected += [
            f"claude-agent-sdk, Claude Agent SDK, {language}: notify",
            f"claude-agent-sdk, {language}: the page",
        ]
    assert titles(shown(capsys)) == expected


def test_every_occasion_that_there_is_can_be_seen(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What the agent can say, an author can read before: no occasion is left out."""
    file = tmp_path / "policy.yaml"
    text = (
        Path(EXAMPLE)
        .read_text(encoding="utf-8")
        .replace('{tool: "claude-code"}', '{tool: "claude-code", versions: "<2.1.198"}')
    )
    file.write_text(text + OVER + MODELS, encoding="utf-8")
    seen: set[Occasion] = set()

    def watched(organisation: Values, ban: Values, tool: Values, situation: Situation) -> Notice:
        made = compose(organisation, ban, tool, situation)
        assert made.title
        assert made.body
        seen.add(situation.occasion)
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preview, "compose", watched)
        assert main(["preview", str(file)]) == 0
    assert seen == set(Occasion)


OVER = """
lifted:
  - id: "cursor-2025"
    date: "2026-06-01"
    reason: {en: "It was assessed again.", zh-Hans: "已重新评估。"}
    quarantine: "restore"
"""
MODELS = """
model_bans:
  - id: "models"
    families: ["claude-opus"]
    reason: {en: "No."}
    stages: [{from: "2026-07-10 09:00", action: "notify"}]
"""


def test_a_ban_that_is_over_is_shown_with_its_reason(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(Path(EXAMPLE).read_text(encoding="utf-8") + OVER, encoding="utf-8")
    text = shown(capsys, "--ban", "cursor-2025", file=str(file))
    assert titles(text) == ["cursor-2025, en: lifted", "cursor-2025, zh-Hans: lifted"]
    assert all(part in text for part in ("is allowed again", "is put back", "It was assessed again.", "已重新评估。"))
    assert titles(shown(capsys, "--stage", "block", file=str(file)))[0].endswith(": block")


def test_a_narrowed_ban_says_which_version_is_allowed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    text = (
        Path(EXAMPLE)
        .read_text(encoding="utf-8")
        .replace('{tool: "claude-code"}', '{tool: "claude-code", versions: "<2.1.198"}')
    )
    file.write_text(text, encoding="utf-8")
    assert "Version 2.1.198 or newer is allowed." in shown(capsys, "--language", "en", file=str(file))


OPTIONS: dict[str, tuple[Sequence[str], Sequence[str], Sequence[str]]] = {
    "one ban": (["--ban", "claude-agent-sdk"], ["Claude Agent SDK is not allowed"], ["Claude Code may not"]),
    "one language": (["--language", "zh-CN", "--ban", "claude-code"], ["不得使用"], ["may not be used"]),
    "one stage": (["--stage", "remove", "--ban", "claude-code"], [": remove", ": removed"], [": notify", ": block"]),
    "a language without words of its own": (
        ["--language", "fr", "--ban", "claude-code"],
        ["may not be used"],
        ["不得"],
    ),
}


@pytest.mark.parametrize(("options", "there", "not_there"), OPTIONS.values(), ids=OPTIONS)
def test_options_choose(
    options: Sequence[str], there: Sequence[str], not_there: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown(capsys, *options)
    assert all(part in text for part in there)
    assert not any(part in text for part in not_there)


def test_html_is_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "--format", "html", "--ban", "claude-code", "--language", "en")
    assert text.startswith("<!doctype html>")
    assert text.count("<html") == 1
    assert 'href="https://qoder.com"' in text


def test_a_preview_never_shows_the_classification(capsys: pytest.CaptureFixture[str]) -> None:
    assert "high-risk" not in shown(capsys)
    assert "high-risk" not in shown(capsys, "--format", "html")


def test_a_ban_of_a_vendor_is_shown_for_each_tool(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(SAMPLES / "good" / "own-tool-vendor-models-lifted.yaml")
    text = shown(capsys, "--language", "de", "--ban", "anthropic-tools", file=file)
    ours = [title for title in titles(text) if title.startswith("anthropic-tools, ") and title.endswith("notify")]
    assert [title.split(", ")[1] for title in ours] == [
        "Acme Linter", "Claude Code", "Claude Desktop", "LiteLLM", "Portkey Gateway",
    ]  # fmt: skip
    assert "Nicht erlaubt." in text


WRONG: dict[str, tuple[Sequence[str], str]] = {
    "a ban that is not there": (
        [EXAMPLE, "--ban", "x"],
        "there is no ban 'x' in it; its bans: claude-code, claude-agent",
    ),
    "a stage that it has not": (
        [EXAMPLE, "--ban", "claude-agent-sdk", "--stage", "remove"],
        "no ban has a stage remove",
    ),
    "a stage that does not exist": ([EXAMPLE, "--stage", "destroy"], "invalid choice: 'destroy'"),
    "no language": ([EXAMPLE, "--language", "\x1b"], "is not a language; write a tag such as"),
    "a policy with an error": ([str(SAMPLES / "bad" / "wrong-date.yaml")], "is not a date"),
}


@pytest.mark.parametrize(("call", "says"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_shown_is_one_line(call: Sequence[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", *call]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert err.count("\n") == 1
