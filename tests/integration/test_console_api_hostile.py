"""The read API under whatever a program can send: made from its own description by schemathesis."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import hypothesis
import pytest
import schemathesis
from schemathesis import Case
from schemathesis.core.failures import AcceptedNegativeData, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from console.access import Scope
from console.access.tokens import Tokens
from console.api.table import description
from tests.fakes.reporting_device import coverage, move, process
from tests.fakes.reporting_device import finding as a_finding
from tests.fakes.reporting_device import request as a_request
from tests.fakes.running_console import RunningConsole, post, running
from tests.fakes.stores import Stores

API = schemathesis.openapi.from_dict(description())
OPERATIONS = {found.ok().label: found.ok() for found in API.get_all_operations() if isinstance(found, Ok)}
EXAMPLES = 8
"""For each of them here; thousands in the long form, below."""


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def console(
    request: pytest.FixtureRequest, stores: Stores, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningConsole]:
    data = tmp_path_factory.mktemp("console")
    with stores.new(request.param) as address, running(data, address=address) as console:
        with console.client() as client:
            for name in ("li-laptop", "wang-laptop", "<b>chen</b>"):
                device = console.device(client, name)
                found = (a_finding(), process(), a_finding(id="f-2", gone=True, outcome="quarantined"))
                report = device.report(coverage=(coverage(),), findings=found, moves=(move(),), requests=(a_request(),))
                assert post(client, device.send(report)).status_code == 200
        yield console


@pytest.fixture(scope="module")
def token(console: RunningConsole) -> str:
    tokens = Tokens(database=console.database, clock=console.clock)
    return tokens.make("a test", "schemathesis", frozenset(Scope), None, 86_400)


@pytest.fixture(autouse=True)
def no_thread_left() -> None:
    """The console of this module lives longer than a test."""


def ask_everything(label: str, console: RunningConsole, token: str, examples: int) -> None:
    """Asks for one operation in as many ways: every answer is none of 5xx and fits its description."""

    known = {parameter.name for parameter in OPERATIONS[label].query}
    fitting, unfitting = (OPERATIONS[label].as_strategy(generation_mode=mode) for mode in GenerationMode)

    @hypothesis.given(case=fitting | unfitting)
    @hypothesis.settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    def ask(case: Case[Any]) -> None:
        console.pass_time(1)
        headers = {**dict(case.headers or {}), "Authorization": f"Bearer {token}"}
        answer = case.call(base_url=console.address, headers=headers)
        # What fits the description may still be no moment that was, or no page of this list: 400 says so.
        try:
            case.validate_response(answer, excluded_checks=[positive_data_acceptance])
        except FailureGroup as group:
            if any(reached_us(failure, answer.request.url or "", known) for failure in group.exceptions):
                raise
        assert answer.status_code < 500

    ask()


def reached_us(failure: BaseException, address: str, known: set[str]) -> bool:
    """Whether what was wrong with a request was on the wire: a parameter that nobody described is not, when it is an
    empty list; the token that should be missing is added here."""
    if not isinstance(failure, AcceptedNegativeData):
        return True
    wrong = set(re.findall(r"- (\w+): violates `(\w+)`", failure.message))
    sent = set(parse_qs(urlsplit(address).query, keep_blank_values=True))
    ours = {("query", "additionalProperties"), ("header", "required")}
    return not (wrong and wrong <= ours and sent <= known)


@pytest.mark.parametrize("label", OPERATIONS)
def test_whatever_is_asked_there_is_an_answer_as_described(label: str, console: RunningConsole, token: str) -> None:
    ask_everything(label, console, token, EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize("label", OPERATIONS)
def test_the_same_for_long(label: str, console: RunningConsole, token: str) -> None:
    ask_everything(label, console, token, 2_000)
