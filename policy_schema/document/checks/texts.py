"""Checks of what people read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policy_schema.document.checks.subject import Lint
from policy_schema.document.problems import Path, Problem


def default_language(lint: Lint) -> Iterator[Problem]:
    """A reason exists in the default language, so that everybody can be told one."""
    language = lint.policy.organisation.default_language
    for path, reason in _reasons(lint):
        if language not in reason:
            yield lint.error(path, f"is missing in {language}, the default language", f"add `{language}: ...`")


def _reasons(lint: Lint) -> Iterator[tuple[Path, Mapping[str, str]]]:
    for number, ban in enumerate(lint.policy.bans):
        yield ("bans", number, "reason"), ban.reason
    for number, model_ban in enumerate(lint.policy.model_bans):
        yield ("model_bans", number, "reason"), model_ban.reason
    for number, lifted in enumerate(lint.policy.lifted):
        yield ("lifted", number, "reason"), lifted.reason
