"""The example repository as a forge runs it: its workflow files, their very commands, a server that takes notes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import NamedTuple
from urllib.parse import parse_qs

from ruamel.yaml import YAML

EXAMPLE = Path(__file__).parents[2] / "examples" / "gitops"
AUTHOR = ("-c", "user.name=Li Wei", "-c", "user.email=li@example.com", "-c", "commit.gpgsign=false")


class Ran(NamedTuple):
    """What one command of a pipeline did."""

    code: int
    said: str


class Checkout:
    """A clone of the example with a branch `change` of its `main`."""

    def __init__(self, folder: Path) -> None:
        origin, self.folder = folder / "origin", folder / "clone"
        shutil.copytree(EXAMPLE, origin)
        _git(origin, "init", "-q", "-b", "main")
        _git(origin, "add", "--all")
        _git(origin, "commit", "-q", "-m", "the policy")
        _git(folder, "clone", "-q", str(origin), str(self.folder))
        _git(self.folder, "checkout", "-q", "-b", "change")

    def change(self, name: str, old: str, new: str) -> None:
        """Commits a change of one file."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        _git(self.folder, "commit", "-q", "-a", "-m", "a change")

    @property
    def base(self) -> str:
        """The commit that the branch began at."""
        return _git(self.folder, "merge-base", "origin/main", "HEAD").strip()

    def run(self, command: str, **environment: str) -> Ran:
        """A command as a forge runs it: by bash that stops at the first error, our programs first."""
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        ran = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", command],
            cwd=self.folder,
            env={**os.environ, "PATH": programs, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout)


def github(workflow: str, job: str) -> list[str]:
    """The commands of a job of a GitHub workflow, in order."""
    steps = _yaml(EXAMPLE / ".github" / "workflows" / f"{workflow}.yml")["jobs"][job]["steps"]
    return [step["run"] for step in steps if "run" in step]


def gitlab(job: str) -> list[str]:
    """The commands of a job of GitLab's file; its `before_script` only brings programs that are here already."""
    return list(_yaml(EXAMPLE / ".gitlab-ci.yml")[job]["script"])


class Notes:
    """A server that keeps what is posted to it: (path, headers, body)."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, str], str]] = []
        taken = self.taken

        class Handler(BaseHTTPRequestHandler):
            """Answers 201 to everything."""

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                taken.append((self.path, dict(self.headers), body))
                self.send_response(201)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def forms(self) -> list[dict[str, list[str]]]:
        """The bodies that are forms."""
        return [parse_qs(body) for _, _, body in self.taken]

    def __enter__(self) -> Notes:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _git(folder: Path, *arguments: str) -> str:
    ran = subprocess.run(["git", *AUTHOR, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def _yaml(path: Path) -> dict[str, dict[str, dict[str, list[dict[str, str]]]]]:
    loaded: dict[str, dict[str, dict[str, list[dict[str, str]]]]] = YAML(typ="safe", pure=True).load(path.read_text())
    return loaded
