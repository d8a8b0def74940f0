"""Everything that is wrong with a policy, or worth a look, before anybody signs it.

A check is a function `(Lint) -> Iterator[Problem]` in one of the `checks` modules and one line in CHECKS. The form of
a document (unknown keys, dates, links) is checked by `load`; the checks here are about what it would do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path  # noqa: TID251  # named in a signature only; source.py is what reads

from policy_schema.document.catalogue import Catalogue
from policy_schema.document.checks import bans, content, lifting, stages, targets, texts, tools
from policy_schema.document.checks.subject import Lint
from policy_schema.document.include import Reader
from policy_schema.document.load import beside, decode, load_policy, parse_policy
from policy_schema.document.policy import Policy
from policy_schema.document.problems import Level, Problem
from policy_schema.document.source import read_document
from policy_schema.errors import BadDocument

Check = Callable[[Lint], Iterator[Problem]]

CHECKS: dict[str, Check] = {
    "alternative-banned": bans.alternative_banned,
    "alternative-missing": bans.alternative_missing,
    "approved-banned": bans.approved_banned,
    "approved-unknown": bans.approved_unknown,
    "ban-empty": targets.ban_empty,
    "content-cheap-test": content.cheap_test,
    "content-number": content.number_in_force,
    "content-size": content.size_read,
    "content-usable": content.usable,
    "cure-possible": bans.cure_possible,
    "dates-in-order": stages.dates_in_order,
    "default-language": texts.default_language,
    "defined-ids": tools.defined_ids,
    "except-entries": targets.except_entries,
    "exception-bounds": bans.exception_bounds,
    "family-word": bans.families_without_a_word,
    "folders": tools.folders,
    "ids-unique": bans.ids_unique,
    "lifted-banned": lifting.lifted_and_banned,
    "local-times": stages.local_times,
    "needs-known": bans.needs_known,
    "no-later-than": stages.outer_limit,
    "nothing-said": bans.nothing_said,
    "notice-before-block": stages.notice_before_block,
    "protected": tools.protected_faces,
    "range": targets.version_ranges,
    "range-two-lines": targets.two_version_lines,
    "range-wide-target": targets.versions_need_one_tool,
    "rollout-notice": stages.rollout_notice,
    "rollout-order": stages.rollout_order,
    "rollout-steps": stages.rollout_steps,
    "stages-order": stages.stages_order,
    "target-known": targets.targets_known,
    "tool-uncatchable": tools.without_faces,
}
"""By name, alphabetically. The names are for tests and for `docs/writing-a-policy.md`."""


def lint_policy(policy: Policy, catalogue: Catalogue) -> list[Problem]:
    """What every check finds in a policy, in the order of the document, errors before warnings of the same line."""
    subject = Lint(policy, catalogue.with_defined(policy.define))
    found = {problem for check in CHECKS.values() for problem in check(subject)}
    rank = policy.places.rank
    return sorted(found, key=lambda one: (rank(one.file), one.line, one.level, one.field, one.message))


def lint_text(text: str, name: str, catalogue: Catalogue, read: Reader | None = None) -> list[Problem]:
    """Everything wrong with a text that should be a policy, and with what it includes. Never raises, whatever it is."""
    try:
        return lint_policy(parse_policy(text, name, read), catalogue)
    except BadDocument as error:
        return list(error.problems)


def lint_bytes(data: bytes, name: str, catalogue: Catalogue, read: Reader | None = None) -> list[Problem]:
    """The same for bytes."""
    try:
        return lint_text(decode(data, name), name, catalogue, read)
    except BadDocument as error:
        return list(error.problems)


def lint_file(path: Path, catalogue: Catalogue) -> list[Problem]:
    """The same for a file and the files beside it that it includes.

    Raises:
        BadFile: it cannot be read itself.
    """
    return lint_bytes(read_document(path), str(path), catalogue, beside(path))


def checked_policy(path: Path, catalogue: Catalogue) -> Policy:
    """Loads a policy that may be signed or acted on: warnings are passed over, errors are not.

    Raises:
        BadFile: it cannot be read.
        BadDocument: it is no policy, or lint finds an error in it.
    """
    policy = load_policy(path)
    errors = [problem for problem in lint_policy(policy, catalogue) if problem.level is Level.ERROR]
    if errors:
        raise BadDocument(errors)
    return policy
