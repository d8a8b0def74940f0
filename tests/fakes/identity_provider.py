"""A real identity provider: the certified `oidc-provider` of npm, on loopback, with accounts that a test changes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any, Final
from urllib.parse import urljoin

import httpx
from joserfc.jwk import RSAKey

from tests.fakes.zoo import cache_folder, npm_local

PACKAGE: Final = "oidc-provider@8.8.1"
SECRET: Final = "a-client-secret-of-these-tests-0123456789"
PASSWORD: Final = "any will do there"
PATIENCE: Final = 30
_SCRIPT: Final = Path(__file__).with_suffix(".mjs")


class IdentityProvider:
    """The provider, once it listens."""

    def __init__(self) -> None:
        self._modules = _modules()
        self._key = 0
        self._callback = self._after = ""
        self._accounts: Mapping[str, Mapping[str, Any]] = {}
        self.in_token = False
        """Whether it puts groups into the ID token; otherwise it tells them when asked."""
        self._process = self._started(0)
        self.port = int(self._line())

    @property
    def issuer(self) -> str:
        """Its address, and its name."""
        return f"http://127.0.0.1:{self.port}"

    def for_console(self, address: str) -> None:
        """Whose sign-ins it takes."""
        self._callback, self._after = f"{address}/login/oidc/callback", f"{address}/login"
        self._configure()

    def accounts(self, **accounts: Mapping[str, Any]) -> None:
        """Who has an account from now on, each with what it says about them."""
        self._accounts = accounts
        self._say({"accounts": accounts})

    def new_keys(self) -> None:
        """Begins again with another signing key under another id, as at a rotation."""
        self.stop()
        self._key += 1
        self.start()

    def start(self) -> None:
        """Listens again where it was."""
        self._process = self._started(self.port)
        assert int(self._line()) == self.port
        self._configure()
        self._say({"accounts": self._accounts})

    def stop(self) -> None:
        """Is gone: connections are refused."""
        assert self._process.stdin is not None
        self._process.send_signal(SIGCONT)
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._streams_closed()

    def freeze(self) -> None:
        """Takes connections and says nothing."""
        self._process.send_signal(SIGSTOP)

    def thaw(self) -> None:
        """Goes on."""
        self._process.send_signal(SIGCONT)

    def _started(self, port: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["node", str(_SCRIPT), str(self._modules), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def _configure(self) -> None:
        key = RSAKey.generate_key(2048, {"kid": f"key-{self._key}", "use": "sig", "alg": "RS256"}, private=True)
        self._say(
            {
                "callback": self._callback,
                "after": self._after,
                "keys": [key.as_dict(private=True)],
                "secret": SECRET,
                "in_token": self.in_token,
            }
        )

    def _say(self, said: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(said) + "\n")
        self._process.stdin.flush()
        assert self._line() == "done"

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the identity provider ended"
        return line

    def _streams_closed(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    """Starts one, and ends it."""
    provider = IdentityProvider()
    try:
        yield provider
    finally:
        if provider._process.poll() is None:
            provider.stop()


def signed_in_there(browser: httpx.Client, address: str, name: str) -> str:
    """Goes through the provider's own pages as somebody; returns where it sends the browser back to, not yet asked."""
    here = address
    for _ in range(12):
        answer = browser.get(here)
        while answer.status_code in (302, 303):
            here = urljoin(str(answer.url), answer.headers["location"])
            if "/login/oidc/callback" in here:
                return here
            answer = browser.get(here)
        assert answer.status_code == 200, answer.text
        form = {"prompt": "login", "login": name, "password": PASSWORD}
        if 'name="prompt" value="consent"' in answer.text:
            form = {"prompt": "consent"}
        found = re.search(r'action="([^"]+)"', answer.text)
        assert found, answer.text
        sent = browser.post(urljoin(str(answer.url), found[1]), data=form)
        assert sent.status_code in (302, 303), sent.text
        here = urljoin(str(sent.url), sent.headers["location"])
    raise AssertionError(f"the provider led nowhere: {here}")


def _modules() -> Path:
    folder = cache_folder() / "identity" / PACKAGE.replace("@", "-")
    modules = folder / "node_modules"
    if not (modules / "oidc-provider" / "package.json").exists():
        npm_local(folder, PACKAGE)
    return modules
