"""Is a model of a family? By the names that providers, gateways and tools really write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_schema.rules.models import MAX_NAME, FamilyTable, of_family, readings, take_apart

OF = [
    ("claude-sonnet-4-5-20250929", "claude-sonnet"),
    ("claude-sonnet-4-5", "claude-sonnet"),
    ("claude-sonnet-4.6", "claude-sonnet"),
    ("Claude-Sonnet-4", "claude-sonnet"),
    ("claude-3-5-sonnet-20241022", "claude-sonnet"),
    ("claude-3.7-sonnet", "claude-sonnet"),
    ("claude-4.5-sonnet-thinking", "claude-sonnet"),
    ("claude-sonnet-latest", "claude-sonnet"),
    ("anthropic/claude-sonnet-4.5", "claude-sonnet"),
    ("anthropic/claude-sonnet-4.5:beta", "claude-sonnet"),
    ("anthropic:claude-sonnet-4-5", "claude-sonnet"),
    ("anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-sonnet"),
    ("bedrock/us.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-sonnet"),
    ("bedrock/converse/eu.anthropic.claude-sonnet-4-20250514-v1:0", "claude-sonnet"),
    ("us-gov.anthropic.claude-3-5-sonnet-20240620-v1:0", "claude-sonnet"),
    ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-sonnet-20240229-v1:0", "claude-sonnet"),
    ("vertex_ai/claude-sonnet-4@20250514", "claude-sonnet"),
    ("publishers/anthropic/models/claude-sonnet-4-5@20250929", "claude-sonnet"),
    ("openrouter/anthropic/claude-3.5-sonnet", "claude-sonnet"),
    ("openrouter:anthropic/claude-sonnet-4", "claude-sonnet"),
    ("anthropic::2024-10-22::claude-sonnet-4-latest", "claude-sonnet"),
    ("github_copilot/claude-sonnet-4", "claude-sonnet"),
    ("claude-sonnet-4-5[1m]", "claude-sonnet"),
    ("claude-haiku-5-5", "claude-haiku"),
    ("claude-fable-5-2", "claude-fable"),
    ("claude-opus-4-1", "claude-opus"),
    ("claude-opus-4-1", "claude"),
    ("claude-instant-1.2", "claude"),
    ("claude-2.1", "claude"),
    ("claude-4-sonnet", "claude-sonnet-4"),
    ("claude-sonnet-4.5", "claude-sonnet-4"),
    ("gpt-4-turbo", "gpt-4"),
    ("gpt-4.1-mini", "gpt-4"),
    ("azure/gpt-4o-2024-08-06", "gpt-4o"),
    ("openai/o3-mini", "o3"),
    ("models/gemini-2.5-pro-preview-05-06", "gemini-2.5"),
    ("google/gemini-pro-1.5", "gemini-1.5-pro"),
    ("qwen2.5-coder:32b", "qwen"),
    ("Qwen/Qwen3-Coder-480B-A35B-Instruct", "qwen3-coder"),
    ("deepseek/deepseek-chat-v3-0324:free", "deepseek-v3"),
    ("deepseek.r1-v1:0", "deepseek-r1"),
    ("mistral:latest", "mistral"),
    ("mistral:instruct", "mistral"),
    ("meta.llama3-1-70b-instruct-v1:0", "llama3"),
    ("ollama/llama3.1:8b", "llama"),
]
NOT_OF = [
    ("claude-opus-4-1", "claude-sonnet"),
    ("claude-3-haiku-20240307", "claude-sonnet"),
    ("claude-3-5-sonnet-20241022", "claude-sonnet-4"),
    ("TeichAI/Qwen3-14B-Claude-Sonnet-4.5-Reasoning-Distill", "claude-sonnet"),
    ("saoudrizwan.claude-dev", "claude-sonnet"),
    ("claude-code", "claude-sonnet"),
    ("anthropic/some-other", "claude"),
    ("anthropic/claude/unrelated", "claude"),
    ("claudette-sonnet", "claude-sonnet"),
    ("sonnet", "claude-sonnet"),
    ("my-sonnet", "claude-sonnet"),
    ("gpt-4o", "gpt-4"),
    ("gpt-4", "gpt-4o"),
    ("gpt-5", "gpt-4"),
    ("gpt-40", "gpt-4"),
    ("o3-mini", "o1"),
    ("gemini-2.0-flash", "gemini-2.5"),
    ("deepseek-r1", "deepseek-v3"),
    ("deepseek-r1-distill-llama-70b", "llama"),
    ("", "claude"),
    ("///", "claude"),
    ("claude-sonnet-" + "4" * MAX_NAME, "claude-sonnet"),
]


@pytest.mark.parametrize(("model", "family"), OF, ids=[f"{model} is of {family}" for model, family in OF])
def test_a_model_is_of_the_family(model: str, family: str) -> None:
    assert of_family(model, family)


@pytest.mark.parametrize(
    ("model", "family"), NOT_OF, ids=[f"{model[:60] or 'no name'} is not of {family}" for model, family in NOT_OF]
)
def test_a_model_is_not_of_the_family(model: str, family: str) -> None:
    assert not of_family(model, family)


SHORT = [
    ("claude-code", "sonnet", "claude-sonnet", True),
    ("claude-code", "sonnet[1m]", "claude-sonnet", True),
    ("claude-code", "opusplan", "claude-opus", True),
    ("claude-code", "default", "claude", False),
    ("aider", "sonnet", "claude-sonnet", True),
    ("aider", "4o", "gpt-4o", True),
    ("opencode", "sonnet", "claude-sonnet", False),
]


@pytest.mark.parametrize(("tool", "model", "family", "expected"), SHORT, ids=[f"{t}: {m}" for t, m, _, _ in SHORT])
def test_a_tool_s_own_short_name(tool: str, model: str, family: str, expected: bool) -> None:
    assert of_family(model, family, tool) == expected


def test_a_table_names_each_that_has_the_model_once() -> None:
    table = FamilyTable([("claude", "a"), ("claude-sonnet", "a"), ("claude-sonnet-4", "b"), ("gpt", "c")])
    assert table.find("us.anthropic.claude-sonnet-4-20250514-v1:0") == ["a", "b"]


@given(st.text(max_size=300))
def test_any_text_can_be_taken_apart(name: str) -> None:
    for parts in readings(name):
        assert all(number.isdigit() for number in parts.numbers)
        assert all(word.isalnum() for word in parts.words)


@given(
    st.sampled_from(["claude-sonnet", "gpt-4o", "gemini-2.5-pro", "deepseek-v3"]),
    st.sampled_from(["", "openrouter/vendor/", "bedrock/us.anthropic.", "anthropic:", "a::2024-01-01::"]),
    st.sampled_from(["", "-latest", "@20250514", "-v1:0", ":beta", ":free", "-preview-05-06"]),
)
def test_a_way_before_and_a_mark_behind_change_nothing(family: str, way: str, mark: str) -> None:
    assert of_family(f"{way}{family}{mark}", family)


@given(st.from_regex(r"[a-z]{1,8}(-([a-z]{1,8}|\d{1,3})){0,3}", fullmatch=True))
def test_a_family_is_of_itself(family: str) -> None:
    assert take_apart(family).words == () or of_family(family, family)
