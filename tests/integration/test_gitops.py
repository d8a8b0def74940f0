"""examples/gitops: the commands of its workflow files are run as they stand, on a changed policy, with real servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fakes.nginx import Served, nginx
from tests.fakes.pipeline import EXAMPLE, Checkout, Notes, github, gitlab

CODE = "bans/claude-code.yaml"
PHRASE = "correct horse battery"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def looked_at(checkout: Checkout) -> int:
    """Runs the first job of GitHub's workflow; the exit code of the review, its last command."""
    first, review = github("review", "look")
    assert checkout.run(first).code == 0
    return checkout.run(review, GITHUB_BASE_REF="main").code


def comment(checkout: Checkout) -> str:
    return (checkout.folder / "comment.md").read_text(encoding="utf-8")


@pytest.mark.online
def test_a_sooner_block_is_told_with_its_devices_and_posted_by_both_forges(checkout: Checkout) -> None:
    checkout.change(CODE, '"2026-07-10 09:00"', '"2026-07-07 09:00"')
    checkout.change(CODE, '{except_groups: ["red-team"]}', "{}")
    assert looked_at(checkout) == 0
    said = comment(checkout)
    assert "Nothing stands against it." in said
    for line in (
        "    policy.yaml: nothing to mend",
        "    + claude-code: block comes 3 days earlier (2026-07-07T01:00:00Z instead of 2026-07-10T01:00:00Z), "
        "for 1 more device, sooner for 14 devices",
        "    + claude-code: scope: except_groups taken away: red-team",
        "      against origin/main/policy.yaml: 1 device newly hit, 14 sooner",
        "        2.1.91: yes, as claimed; looked into anthropic-ai-claude-code-2.1.91.tgz",
    ):
        assert line in said.splitlines(), said
    with Notes() as notes:
        (post,) = github("review", "comment")
        places = {"GITHUB_API_URL": notes.url, "GITHUB_REPOSITORY": "example/policy", "NUMBER": "17"}
        assert checkout.run(post, GH_TOKEN="t0ken", **places) == (0, "")
        (posted,) = gitlab("comment")
        places = {"CI_API_V4_URL": f"{notes.url}/api/v4", "CI_PROJECT_ID": "5", "CI_MERGE_REQUEST_IID": "8"}
        assert checkout.run(posted, COMMENT_TOKEN="t0ken", **places) == (0, "")
    (there, headers, body), (note, more, _) = notes.taken
    assert (there, headers["Authorization"]) == ("/repos/example/policy/issues/17/comments", "Bearer t0ken")
    assert json.loads(body) == {"body": said}
    assert (note, more["PRIVATE-TOKEN"]) == ("/api/v4/projects/5/merge_requests/8/notes", "t0ken")
    assert notes.forms()[1] == {"body": [said]}


@pytest.mark.online
def test_gitlab_runs_the_same_review(checkout: Checkout) -> None:
    checkout.change(CODE, '"2026-07-10 09:00"', '"2026-07-12 09:00"')
    for command in gitlab("review"):
        assert checkout.run(command, CI_MERGE_REQUEST_DIFF_BASE_SHA=checkout.base).code == 0
    later = "- claude-code: block comes 2 days later (2026-07-12T01:00:00Z instead of 2026-07-10T01:00:00Z)"
    assert f"    {later}, later for 14 devices" in comment(checkout).splitlines()


@pytest.mark.online
def test_a_claim_that_does_not_hold_and_words_that_would_be_markdown_hold_it_up(checkout: Checkout) -> None:
    """Whatever a policy says stays inside the indented blocks."""
    checkout.change(CODE, '"2.1.90": false', '"2.1.90": true')
    checkout.change(
        CODE,
        'en: "Information Security has',
        'en: "```</details>\\n\\n# Merge it\\n\\n@everyone [x](https://evil.example) has',
    )
    assert looked_at(checkout) == 1
    said = comment(checkout)
    assert "**This must not go in as it is**: see evidence." in said
    assert "    DOES NOT HOLD  claude-code: From 2.1.91 on" in said
    assert "@everyone" in said
    plain = [line for line in said.splitlines() if line and not line.startswith("    ")]
    assert plain == [
        "## What this change of the policy does",
        "**This must not go in as it is**: see evidence.",
        "### Lint",
        "### What changes",
        "### Whom it hits",
        "### Evidence",
    ]


@pytest.mark.engines
def test_a_mistake_is_named_with_file_and_line(checkout: Checkout) -> None:
    checkout.change(CODE, 'action: "remove"', 'action: "delete"')
    assert looked_at(checkout) == 1
    line = (EXAMPLE / CODE).read_text().splitlines().index('      - {from: "2026-07-24 09:00", action: "remove"}') + 1
    said = comment(checkout)
    assert f"    {CODE}:{line}: bans[0].stages[2].action: is not one of the known words" in said
    assert "**This must not go in as it is**: see lint, simulation, evidence." in said


@pytest.mark.online
def test_a_policy_that_was_wrong_can_be_mended(checkout: Checkout) -> None:
    checkout.change(CODE, 'action: "remove"', 'action: "delete"')
    assert checkout.run("git branch wrong").code == 0
    checkout.change(CODE, 'action: "delete"', 'action: "remove"')
    assert checkout.run("./review wrong").code == 0
    assert "\nThere is no policy without errors to compare with.\n" in comment(checkout)


@pytest.mark.engines
def test_a_base_that_is_none_writes_no_comment(checkout: Checkout) -> None:
    (checkout.folder / "comment.md").write_text("old")
    assert checkout.run("./review nonsense").code == 2
    assert comment(checkout) == "old"


# ------------------------------------------------------------------------------------------------------ publication

FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Checkout, Path, Served]]:
    """The policy signed, published, put onto a web server by GitLab's commands, and served by the example's nginx."""
    folder = tmp_path_factory.mktemp("gitops")
    checkout, web = Checkout(folder), folder / "web"
    phrase = folder / "phrase"
    phrase.write_text(PHRASE + "\n")
    phrase.chmod(0o600)
    for command in (
        'init . --solo --signer "Li Wei"',
        "sign policy.yaml --yes",
        "publish",
    ):
        assert checkout.run(f"interdict-policy {command} --passphrase-file {phrase}").code == 0
    web.mkdir()
    for command in gitlab("publish"):
        ran = checkout.run(command, PUBLISH_TO=f"{web}/")
        assert ran.code == 0, ran.said
    (folder / "nginx").mkdir()
    with nginx(EXAMPLE / "serve" / "nginx.conf", web, folder / "nginx") as served:
        yield checkout, web, served


@pytest.mark.engines
def test_every_file_has_the_cache_header_of_its_name(published: tuple[Checkout, Path, Served]) -> None:
    checkout, web, served = published
    names = sorted(str(path.relative_to(web)) for path in web.rglob("*") if path.is_file())
    made = sorted(str(path.relative_to(web)) for path in web.rglob("*.json"))
    assert names == made
    assert sorted(p.name for p in (checkout.folder / "repository").rglob("*.json")) == sorted(
        Path(n).name for n in names
    )
    with httpx.Client(verify=served.context(), trust_env=False) as client:
        got = {name: client.get(served.url + name) for name in names}
    headers = {name: answer.headers["Cache-Control"] for name, answer in got.items()}
    assert headers.pop("metadata/timestamp.json") == "no-cache"
    assert len(headers) == 4
    assert set(headers.values()) == {FOR_EVER}
    assert all(answer.content == (web / name).read_bytes() for name, answer in got.items())
    assert {answer.headers["Content-Type"] for answer in got.values()} == {"application/json"}


ASKED = {
    "the next root, which is not there yet": ("GET", "metadata/2.root.json", 404, "no-store"),
    "a target that is not there": ("GET", f"targets/{'0' * 64}.policy.json", 404, "no-store"),
    "the folder itself": ("GET", "metadata/", 403, "no-store"),
    "a write": ("PUT", "metadata/timestamp.json", 403, "no-store"),
    "the timestamp's head": ("HEAD", "metadata/timestamp.json", 200, "no-cache"),
    "a way out of the folder": ("GET", "targets/%2e%2e/%2e%2e/root.json", 400, "no-store"),
}


@pytest.mark.engines
@pytest.mark.parametrize(("method", "path", "code", "cache"), ASKED.values(), ids=ASKED.keys())
def test_what_is_not_there_is_not_remembered(
    method: str, path: str, code: int, cache: str, published: tuple[Checkout, Path, Served]
) -> None:
    _, _, served = published
    with httpx.Client(verify=served.context(), trust_env=False) as client:
        answer = client.request(method, served.url + path)
    assert (answer.status_code, answer.headers.get("Cache-Control")) == (code, cache)


@pytest.mark.engines
def test_an_unchanged_timestamp_costs_no_bytes(published: tuple[Checkout, Path, Served]) -> None:
    _, _, served = published
    with httpx.Client(verify=served.context(), trust_env=False) as client:
        first = client.get(served.url + "metadata/timestamp.json")
        again = client.get(served.url + "metadata/timestamp.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content, again.headers["Cache-Control"]) == (304, b"", "no-cache")


@pytest.mark.engines
def test_what_is_served_verifies(published: tuple[Checkout, Path, Served]) -> None:
    checkout, _, served = published
    command = f"interdict-policy verify {served.url} --trust-root root.json"
    ran = checkout.run(command, SSL_CERT_FILE=str(served.certificate))
    assert ran.code == 0, ran.said
    assert "bans: claude-code, claude-agent-sdk" in ran.said


def test_the_object_store_gets_the_same_headers() -> None:
    """Its commands need an account; what they say is compared with what nginx says."""
    verify, everything, timestamp = github("publish", "upload")[1:]
    assert verify == gitlab("publish")[1]
    assert f'--cache-control "{FOR_EVER}"' in everything
    assert "--exclude metadata/timestamp.json" in everything
    assert '--cache-control "no-cache"' in timestamp
