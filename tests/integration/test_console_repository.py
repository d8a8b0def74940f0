"""`serve --repository`: the signed policy as static files beside the console, for the small case."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.fakes.serving_console import COMMAND, ROOT, ServingConsole

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
FOREVER, ASKED, NEVER = "public, max-age=31536000, immutable", "no-cache", "no-store"


def test_devices_get_the_policy_with_the_headers_that_caches_need(tmp_path: Path) -> None:
    (tmp_path / "repository" / "metadata").mkdir(parents=True)
    for name in ("timestamp.json", "3.root.json"):
        (tmp_path / "repository" / "metadata" / name).write_text(f'"{name}"')
    (tmp_path / "key").write_text("not to be seen")
    (tmp_path / "repository" / "out").symlink_to(tmp_path / "key")
    console = ServingConsole(tmp_path / "data", "", "--repository", str(tmp_path / "repository"))
    with console, httpx.Client(base_url=console.address, trust_env=False) as client:

        def got(name: str) -> tuple[int, str]:
            answer = client.get(f"/repository/{name}")
            return answer.status_code, answer.headers["cache-control"]

        assert got("metadata/3.root.json") == (200, FOREVER)
        assert got("metadata/timestamp.json") == (200, ASKED)
        assert got("metadata/4.root.json") == (404, NEVER)
        assert got("..%2fkey") == got("out") == (404, NEVER)
        first = client.get("/repository/metadata/timestamp.json")
        again = client.get("/repository/metadata/timestamp.json", headers={"If-None-Match": first.headers["etag"]})
        assert (first.text, again.status_code) == ('"timestamp.json"', 304)


def test_a_folder_that_is_no_published_policy_is_refused_at_the_start(tmp_path: Path) -> None:
    command = [*COMMAND, "serve", "--trial", "--data", str(tmp_path / "data"), "--repository", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is no published policy" in done.stderr
