"""HTTP for the courier and the console: bounded in bytes and time, to one host, with the company's own certificates.

Loaded in the courier, and in the console once it follows an address. `httpx` would load its command line (click,
rich) where those are installed; that costs more than the rest of it, so it is told beforehand that there is none.
"""

from __future__ import annotations

import importlib
import socket
import ssl
import sys
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin, urlsplit

import truststore

from policy_schema.network.troubles import Trouble
from policy_schema.trust.refusal import Refusal, Refused

if TYPE_CHECKING:
    import httpx
else:
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    httpx = importlib.import_module("httpx")
    importlib.import_module("httpcore")  # httpx loads it late: after the rights are gone

HOPS = 3
"""Redirects that are followed, on the same host only: a static host may add a slash or a version."""

NO_SUCH_FILE = frozenset({403, 404, 410})
"""What static file servers and object stores answer for a file that is not there."""


class Access(NamedTuple):
    """How servers are reached. Times in seconds."""

    proxy: str = ""
    ca_file: str = ""
    pause: float = 10.0
    """The longest silence between two pieces."""
    deadline: float = 60.0
    """The longest time for everything together."""


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Fetcher:
    """One connection pool with a deadline. Use it as a context manager."""

    def __init__(self, access: Access, base: str) -> None:
        self._access = access
        self._ends = time.monotonic() + access.deadline
        self._origin = _origin(base)
        self._base = base if base.endswith("/") else base + "/"
        self._client = httpx.Client(
            verify=_certificates(access.ca_file) if self._origin[0] == "https" else False,
            proxy=access.proxy or None,
            trust_env=False,
            follow_redirects=False,
            timeout=access.pause,
            headers={"User-Agent": "interdict", "Accept-Encoding": "identity"},
        )

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def get(self, path: str, limit: int) -> bytes | None:
        """The bytes of a static file below the base; None when there is none.

        Raises:
            Refused: no answer, another answer than a file, or more than `limit` bytes.
        """
        answer = self.send("GET", urljoin(self._base, path), {}, b"", limit)
        if answer.status in NO_SUCH_FILE:
            return None
        if answer.status != 200:
            raise Refused(Refusal.UNREACHABLE, f"it answered {answer.status} for {path}")
        return answer.body

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes, limit: int) -> Answer:
        """One request with its whole answer.

        Raises:
            Refused: no answer, an answer that does not end, or one that is too big.
        """
        for _ in range(HOPS + 1):
            answer = self._once(method, url, headers, body, limit)
            target = answer.headers.get("location")
            if method != "GET" or answer.status not in (301, 302, 303, 307, 308) or not target:
                return answer
            url = urljoin(url, target)
            if _origin(url) != self._origin:
                raise Refused(Refusal.UNREACHABLE, "it sends us to another host, which is never followed")
        raise Refused(Refusal.UNREACHABLE, "it sends us round in circles")

    def certificate(self) -> bytes:
        """The certificate that the server, or who stands before it, shows (DER); believed by nobody, for a diagnosis.

        Raises:
            Refused: no answer, or no TLS.
        """
        try:
            with (
                httpx.Client(
                    verify=False,
                    proxy=self._access.proxy or None,
                    trust_env=False,
                    timeout=self._access.pause,
                ) as client,
                client.stream("HEAD", self._base) as response,
            ):
                tls = response.extensions["network_stream"].get_extra_info("ssl_object")
                shown: bytes | None = tls.getpeercert(True) if tls is not None else None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError, ValueError) as error:
            raise Refused(Refusal.UNREACHABLE, _why(error)) from error
        return shown or b""

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: bytes, limit: int) -> Answer:
        try:
            with self._client.stream(method, url, headers=dict(headers), content=body or None) as response:
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise Refused(Refusal.NOT_A_REPOSITORY, "it answers compressed, which was not asked for")
                content = self._read(response, limit, urlsplit(url).path)
                plain = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, plain, content)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ssl.SSLError, OSError, ValueError) as error:
            raise Refused(Refusal.UNREACHABLE, _why(error)) from error

    def _read(self, response: httpx.Response, limit: int, path: str) -> bytes:
        pieces: list[bytes] = []
        size = 0
        for piece in response.iter_raw():
            size += len(piece)
            if size > limit:
                raise Refused(Refusal.TOO_BIG, f"{path}: more than {limit} bytes")
            if time.monotonic() > self._ends:
                raise Refused(Refusal.UNREACHABLE, f"{path} did not end within {self._access.deadline:g} s")
            pieces.append(piece)
        return b"".join(pieces)


def _certificates(ca_file: str) -> ssl.SSLContext:
    """The system's certificate store, in which a company keeps its own, and one more file if the settings name it."""
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise Refused(Refusal.UNREACHABLE, f"{Trouble.CA_FILE}: {ca_file}: {error}") from error
    return context


def _origin(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError as error:
        raise Refused(Refusal.UNREACHABLE, f"{url!r} is not an address") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refused(Refusal.UNREACHABLE, f"{url!r} is not an address that begins with https://")
    return parts.scheme, parts.hostname, port


def _why(error: Exception) -> str:
    text = str(error).strip().splitlines()
    said = text[0][:200] if text else type(error).__name__
    return f"{_trouble(error, said)} ({said})"


def _trouble(error: Exception, said: str) -> Trouble:
    """Which of the ways it went wrong. The library tells some of them by its texts only."""
    causes = list(_causes(error))
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in causes) or "CERTIFICATE_VERIFY" in said:
        return Trouble.CERTIFICATE
    if isinstance(error, httpx.ProxyError):
        return Trouble.PROXY
    if any(isinstance(one, ssl.SSLError) for one in causes):
        return Trouble.TLS
    if any(isinstance(one, socket.gaierror) for one in causes):
        return Trouble.NAME
    if isinstance(error, httpx.TimeoutException):
        return Trouble.SLOW
    return Trouble.NOBODY if isinstance(error, httpx.ConnectError) else Trouble.OTHER


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
