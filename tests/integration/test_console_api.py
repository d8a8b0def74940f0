"""The read API: a program with a token reads what its groups allow, page by page, as the description says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from console.access import Scope
from console.access.tokens import Tokens
from console.api.table import ENDPOINTS, Endpoint, description
from console.web.guard import Who
from console.web.routes import RULES
from tests.fakes.fleet_history import Fleet
from tests.fakes.reporting_device import coverage, finding
from tests.fakes.running_console import RunningConsole, post, running

DAY = 86_400


@pytest.fixture
def console(tmp_path: Path) -> Iterator[RunningConsole]:
    """Seven devices: five engineers of whom three have something, two lawyers."""
    with running(tmp_path) as console:
        fleet = Fleet(console.database, console.now)
        for number in range(7):
            fleet.enrol(str(number), groups=("engineering",) if number < 5 else ("legal",))
            fleet.report(str(number), findings=(finding(),) if number % 2 == 0 else (), coverage=(coverage(),))
        yield console


def token(console: RunningConsole, groups: frozenset[str] | None = None, scope: Scope = Scope.READ) -> str:
    return Tokens(database=console.database, clock=console.clock).make("chen", "siem", frozenset({scope}), groups, DAY)


@pytest.fixture
def program(console: RunningConsole) -> Iterator[httpx.Client]:
    with console.client() as client:
        client.headers["Authorization"] = f"Bearer {token(console)}"
        yield client


def validated(path: str, answer: httpx.Response) -> Any:
    """The answer, once it fits what the description says of it."""
    whole = description()
    operation = whole["paths"][path]["get"]
    (kind,) = operation["responses"][str(answer.status_code)]["content"]
    assert answer.headers["content-type"].startswith(kind)
    schema = operation["responses"][str(answer.status_code)]["content"][kind]["schema"]
    Draft202012Validator({**schema, "components": whole["components"]}).validate(answer.json())
    return answer.json()


def test_every_route_for_tokens_is_described_and_the_other_way_round() -> None:
    routes = {rule.path for rule in RULES if rule.who is Who.TOKEN and rule.path.startswith("/api/")}
    assert routes == set(description()["paths"]) == {endpoint.path for endpoint in ENDPOINTS}


def test_every_answer_fits_its_description(program: httpx.Client) -> None:
    device = program.get("/api/v1/devices?limit=1").json()["items"][0]["device_id"]
    for endpoint in ENDPOINTS:
        fits(program, endpoint, device)


def fits(program: httpx.Client, endpoint: Endpoint, device: str) -> None:
    answer = program.get(endpoint.path.replace("{device}", device))
    assert answer.status_code == 200, answer.text
    validated(endpoint.path, answer)
    again = program.get(endpoint.path.replace("{device}", device), headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


UNUSABLE = (
    "nonsense=1",
    "limit=0",
    "limit=501",
    "limit=%d9%a3",
    "after=%00",
    "after=no~such~kind~of~key~at~all",
    "as_of=yesterday",
    "as_of=2026-13-45T99:00:00Z",
    "ban=a&ban=b",
)


def test_what_cannot_be_used_is_a_problem_that_is_described(program: httpx.Client) -> None:
    for endpoint in ENDPOINTS:
        for query in UNUSABLE:
            answer = program.get(f"{endpoint.path.replace('{device}', 'd-' + '0' * 24)}?{query}")
            assert answer.status_code == 400, f"{endpoint.path}?{query}: {answer.text}"
            validated(endpoint.path, answer)


PAGED = {"/api/v1/devices": 7, "/api/v1/findings": 4, "/api/v1/events": 4}


def test_pages_by_key_give_everything_once(program: httpx.Client) -> None:
    for path, number in PAGED.items():
        whole = program.get(path).json()["items"]
        paged: list[object] = []
        after: str | None = ""
        while after is not None:
            answer = program.get(path, params={"limit": 2, **({"after": after} if after else {})}).json()
            paged, after = paged + answer["items"], answer["next"]
        assert paged == whole
        assert len(whole) == number, path


def test_a_token_of_a_group_sees_that_group_alone(console: RunningConsole, program: httpx.Client) -> None:
    everybody = {device["device_id"]: device["groups"] for device in program.get("/api/v1/devices").json()["items"]}
    engineer = next(name for name, groups in everybody.items() if groups == ["engineering"])
    with console.client() as client:
        client.headers["Authorization"] = f"Bearer {token(console, frozenset({'legal'}))}"
        assert [device["groups"] for device in client.get("/api/v1/devices").json()["items"]] == [["legal"]] * 2
        assert len(client.get("/api/v1/findings").json()["items"]) == 1
        assert len(client.get("/api/v1/events").json()["items"]) == 1
        assert client.get("/api/v1/compliance").json()["groups"][0]["devices"] == 2
        answer = client.get(f"/api/v1/devices/{engineer}")
        assert answer.status_code == 404
        validated("/api/v1/devices/{device}", answer)


def test_without_a_token_for_reading_there_is_nothing(console: RunningConsole) -> None:
    for_metrics = f"Bearer {token(console, scope=Scope.METRICS)}"
    refused = {"": 401, "Bearer interdict_nonsense": 401, "Basic x": 401, for_metrics: 403}
    with console.client() as client:
        for header, status in refused.items():
            answer = client.get("/api/v1/devices", headers={"Authorization": header} if header else {})
            assert answer.status_code == status, header
            validated("/api/v1/devices", answer)


def test_a_device_that_a_program_looked_at_stands_in_the_record(console: RunningConsole, program: httpx.Client) -> None:
    device = program.get("/api/v1/devices?limit=1").json()["items"][0]["device_id"]
    program.get(f"/api/v1/devices/{device}")
    with console.database.read() as connection:
        text = "SELECT count(*) FROM audit WHERE what = 'viewed' AND who = 'token siem'"
        assert connection.exec_driver_sql(text).scalar_one() >= 1


def test_the_description_is_for_anybody_and_valid(console: RunningConsole) -> None:
    with console.client() as client:
        document = client.get("/api/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_metrics_have_the_figures_of_the_database_and_name_nobody(console: RunningConsole) -> None:
    with console.client() as client:
        assert client.get("/metrics").status_code == 401
        device = console.device(client, "somebody-laptop")
        assert post(client, device.send(device.report(coverage=(coverage(),)))).status_code == 200
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {token(console, scope=Scope.METRICS)}"})
    assert answer.status_code == 200
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    states = {sample.labels["state"]: sample.value for sample in families["interdict_devices"].samples}
    assert (states["open"], states["clean"]) == (4, 4)
    assert {sample.labels["ban"] for sample in families["interdict_findings_devices"].samples} == {"claude-code"}
    assert families["interdict_reports_stored"].samples[0].value == 8
    counts = [one for one in families["interdict_ingest_seconds"].samples if one.name.endswith("_count")]
    assert counts[0].value >= 1
    labels = {name for family in families.values() for sample in family.samples for name in sample.labels}
    assert labels <= {"state", "ban", "stage", "process", "le"}
    assert "laptop" not in answer.text
