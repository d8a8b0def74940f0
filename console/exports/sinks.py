"""Where events can go: a file that is rotated, syslog (RFC 5424), or a web server."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import httpx

from console.errors import BadCommand
from console.exports.handover import Sink
from console.schedules.undelivered import Undelivered
from console.schedules.webhook import FINE, check_target
from policy_schema.rules.instant import format_instant

PATIENCE: Final = 30
PRIORITY: Final = 13 * 8 + 6
"""Log audit, informational."""
PORTS: Final = {"syslog+udp": 514, "syslog+tcp": 601, "syslog+tls": 6514}
LONGEST_DATAGRAM: Final = 60_000
AT_ONCE: Final = 500


class File:
    """Appends lines. A full file gets a number, and the oldest goes; a line is never cut in two.

    It is on the disk before anything is said to be handed over. A half line of a crash is ended first, so that the next
    one stands alone.
    """

    def __init__(self, path: Path, *, most_bytes: int = 100 << 20, keep: int = 10) -> None:
        self._path = path
        self._most = most_bytes
        self._keep = keep

    def send(self, lines: Sequence[bytes]) -> None:
        """Raises:
        Undelivered: the file cannot be written.
        """
        try:
            self._rotate()
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            with os.fdopen(os.open(self._path, flags, 0o640), "r+b", buffering=0) as opened:
                if opened.seek(0, os.SEEK_END):
                    opened.seek(-1, os.SEEK_END)
                    if opened.read(1) != b"\n":
                        opened.write(b"\n")
                _write_all(opened.fileno(), b"".join(line + b"\n" for line in lines))
                os.fsync(opened.fileno())
        except OSError as error:
            raise Undelivered(f"{self._path} cannot be written: {error.strerror}") from error

    def _rotate(self) -> None:
        if not self._path.exists() or self._path.stat().st_size < self._most:
            return
        for number in range(self._keep - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class Syslog:
    """A message an event: one datagram each, or counted octets over TCP and TLS (RFC 6587, RFC 5425).

    Neither answers: what is lost on the way between two machines is not known here. TLS to a relay on this machine, or
    HTTP, is safer.
    """

    def __init__(self, scheme: str, host: str, port: int, *, now: int, authority: Path | None = None) -> None:
        self._scheme, self._host, self._port = scheme, host, port
        self._authority = authority
        self._head = f"<{PRIORITY}>1 {format_instant(now)} {socket.gethostname() or '-'} interdict-console - OCSF - "

    def send(self, lines: Sequence[bytes]) -> None:
        """Raises:
        Undelivered: nobody is there, or it hung up.
        """
        messages = [self._head.encode("ascii", "replace") + line for line in lines]
        try:
            if self._scheme == "syslog+udp":
                self._datagrams(messages)
            else:
                self._stream(messages)
        except OSError as error:
            raise Undelivered(f"{self._host} port {self._port}: {error}") from error

    def _datagrams(self, messages: Sequence[bytes]) -> None:
        family, kind, protocol, _, address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as opened:
            for message in messages:
                opened.sendto(message[:LONGEST_DATAGRAM], address)

    def _stream(self, messages: Sequence[bytes]) -> None:
        with socket.create_connection((self._host, self._port), timeout=PATIENCE) as opened:
            if self._scheme == "syslog+tls":
                trust = ssl.create_default_context(cafile=None if self._authority is None else str(self._authority))
                with trust.wrap_socket(opened, server_hostname=self._host) as sealed:
                    sealed.sendall(_counted(messages))
            else:
                opened.sendall(_counted(messages))


class Http:
    """POST of NDJSON; taken when it is answered with 2xx. No redirect is followed."""

    def __init__(self, url: str, *, authorization: str = "", authority: Path | None = None) -> None:
        self._url = url
        self._headers = {"Content-Type": "application/x-ndjson"}
        if authorization:
            self._headers["Authorization"] = authorization
        self._authority = authority

    def send(self, lines: Sequence[bytes]) -> None:
        """Raises:
        Undelivered: it was not taken.
        """
        trust = ssl.create_default_context(cafile=None if self._authority is None else str(self._authority))
        host = urlsplit(self._url).hostname
        try:
            with httpx.Client(timeout=PATIENCE, follow_redirects=False, trust_env=False, verify=trust) as client:
                for start in range(0, len(lines), AT_ONCE):
                    body = b"".join(line + b"\n" for line in lines[start : start + AT_ONCE])
                    status = client.post(self._url, content=body, headers=self._headers).status_code
                    if status not in FINE:
                        raise Undelivered(f"{host} answered {status}")
        except (httpx.HTTPError, OSError) as error:
            raise Undelivered(f"{host}: {str(error) or type(error).__name__}") from error


def sink_of(target: str, *, now: int, authorization: str = "", authority: Path | None = None) -> Sink:
    """The sink of an address.

    Raises:
        BadCommand: there is none of this kind.
    """
    try:
        parts = urlsplit(target)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadCommand(f"{target!r} is no address", _HOW) from error
    if parts.scheme == "file" and not host and parts.path:
        return File(Path(unquote(parts.path)))
    if parts.scheme in PORTS and host:
        return Syslog(parts.scheme, host, port or PORTS[parts.scheme], now=now, authority=authority)
    if parts.scheme in ("http", "https"):
        if problem := check_target(target):
            raise BadCommand(f"{target!r} {problem}", _HOW)
        return Http(target, authorization=authorization, authority=authority)
    raise BadCommand(f"{target!r} is no place for events", _HOW)


_HOW: Final = "Write file:///PATH, syslog+tls://HOST, syslog+tcp://HOST, syslog+udp://HOST or https://…."


def _counted(messages: Sequence[bytes]) -> bytes:
    return b"".join(b"%d %b" % (len(message), message) for message in messages)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
