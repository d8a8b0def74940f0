"""`interdict-policy preview` of a model ban: what people with such a setting will read."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy_schema.authoring.cli.main import main

FILE = str(Path(__file__).parents[2] / "samples" / "policies" / "good" / "own-tool-vendor-models-lifted.yaml")
HEADS = {
    "en": ("aider is configured with a model that is not allowed", "Configured: claude-opus in "),
    "zh-CN": ("aider 配置了不允许使用的模型", "已配置：claude-opus"),
}


@pytest.mark.parametrize("language", HEADS)
def test_the_notice_of_a_model_ban(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", FILE, "--ban", "anthropic-models", "--language", language]) == 0
    text = capsys.readouterr().out
    assert all(part in text for part in HEADS[language])


def test_the_page_of_a_model_ban_names_its_families(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", FILE, "--ban", "anthropic-models", "--format", "html", "--language", "en"]) == 0
    text = capsys.readouterr().out
    assert "<h1>claude-opus, claude-sonnet, claude-haiku, claude-fable at Example Group</h1>" in text
    assert "That a model is configured does not show that anybody used it." in text


def test_a_model_ban_has_no_stage_that_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", FILE, "--ban", "anthropic-models", "--stage", "block"]) == 2
    assert "no ban has a stage block" in capsys.readouterr().err
