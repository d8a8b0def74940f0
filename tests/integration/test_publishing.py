"""From nothing to a policy in force on a device: the author's commands, a web server, the agent's own children."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.policy import children
from agent.policy.refresh import Place, Refresh, Status, refresh
from agent.policy.store import Store
from policy_schema.authoring.files import read_folders
from policy_schema.authoring.options import clock
from policy_schema.authoring.workspace import LIMIT, REPOSITORY
from tests.fakes.author import NAMES, POLICY, Author
from tests.fakes.policy_server import PolicyServer


@pytest.fixture
def author(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Author:
    made = Author(tmp_path / "author", capsys)
    assert made.init(*(f"--signer={name}" for name in NAMES)).code == 0
    return made


@pytest.fixture
def server(author: Author) -> Iterator[PolicyServer]:
    """What stands in the author's folder, as a web server serves it."""
    with PolicyServer(lambda: read_folders(author.dir / "repository", REPOSITORY, LIMIT)) as made:
        yield made


def test_from_nothing_to_a_policy_in_force(author: Author, server: PolicyServer, tmp_path: Path) -> None:
    place, store = Place(server.url, (author.dir / "root.json").read_bytes()), Store(str(tmp_path / "state"))
    courier, adopter = children.courier(None), children.adopter(None)

    def poll(before: Refresh | None) -> Refresh:
        in_force = before.adopted if before else None
        return refresh(place, store, courier=courier, adopter=adopter, now=clock(), seen={}, in_force=in_force)

    assert poll(None).status is Status.NOT_A_REPOSITORY, "nothing is published yet"
    author.published()
    first = poll(None)
    assert first.status is Status.ADOPTED, first.message
    assert first.adopted is not None
    assert first.adopted.signers == ("Li Wei", "Wang Fang")

    author.policy.write_text(POLICY.replace("block", "remove"))
    author.published()
    second = poll(first)
    assert second.adopted is not None
    assert (second.status, second.adopted.version) == (Status.ADOPTED, 2)

    assert author.do("renew").code == 0
    assert poll(second).status is Status.ADOPTED

    # The agent's store is itself a repository that an auditor can verify.
    verified = author.run(
        "verify", str(tmp_path / "state/policy"), "--trust-root", str(author.dir / "root.json"), "--json"
    )
    assert json.loads(verified.out)["version"] == 2


def test_an_auditor_verifies_over_the_network(author: Author, server: PolicyServer) -> None:
    author.published()
    good = author.run("verify", server.url, "--trust-root", str(author.dir / "root.json"), "--json")
    assert (good.code, json.loads(good.out)["signers"]) == (0, ["Li Wei", "Wang Fang"])
    assert author.run("verify", server.url).code == 0, "with the repository's own first root"
    assert author.do("keys", "delegate", "console").code == 0
    author.published()
    assert author.do("pause", "claude-code", "--for", "24h", "--reason", "x", "--approved-by", "Wu Min").code == 0
    weakened = json.loads(author.run("verify", server.url, "--trust-root", str(author.dir / "root.json"), "--json").out)
    assert weakened["exceptions"] == {"version": 1, "documents": ["pauses.json"], "trouble": ""}
    server.answer("1.exceptions.json", 404, b"")
    broken = author.run("verify", server.url)
    assert (broken.code, "NOT GOOD  exceptions and pauses" in broken.out) == (1, True)
    server.behave()
    server.answer("timestamp.json", 200, b"<html>")
    assert author.run("verify", server.url).code == 1
    server.answer("timestamp.json", 503, b"")
    away = author.run("verify", server.url)
    assert (away.code, away.err.count("\n")) == (2, 1)
