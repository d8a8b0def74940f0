"""Hands a report to a web server of the organisation: POST with a signature over time and body, no redirects.

`Interdict-Signature: t=SECONDS,v1=HEX`, HMAC-SHA-256 over `SECONDS.` and the body, with the secret of the file. An
address comes from an admin, never from the fleet; what it answers is not followed and not shown, so that nobody can
make the console look around in the network. https only, but on this machine.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from console.schedules.undelivered import Undelivered
from console.settings import is_loopback

PATIENCE: Final = 30
FINE: Final = range(200, 300)


def check_target(url: str) -> str:
    """Why an address cannot be used; empty when it can."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is no address"
    if parts.username or parts.password:
        return "has a password in it: put a secret into a file"
    if not host or parts.scheme not in ("http", "https"):
        return "is no address of a web server"
    if parts.scheme == "http" and not is_loopback(host):
        return "is not https"
    return ""


def signature(secret: bytes, now: int, body: bytes) -> str:
    """The value of the header. The receiver computes it again and compares; the time stops copies."""
    return f"t={now},v1={hmac.new(secret, b'%d.' % now + body, hashlib.sha256).hexdigest()}"


def post(url: str, secret_file: Path, body: bytes, media: str, now: int, identity: str) -> None:
    """Hands the body over.

    Raises:
        Undelivered: no answer, or none that says it was taken.
    """
    if problem := check_target(url):
        raise Undelivered(f"{url} {problem}")
    try:
        secret = secret_file.read_bytes().strip()
    except OSError as error:
        raise Undelivered(f"{secret_file} cannot be read: {error.strerror}") from error
    if len(secret) < 16:
        raise Undelivered(f"{secret_file} has fewer than 16 characters")
    headers = {
        "Content-Type": media,
        "Interdict-Signature": signature(secret, now, body),
        "Idempotency-Key": identity,
    }
    host = urlsplit(url).hostname
    try:
        with (
            httpx.Client(timeout=PATIENCE, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", url, content=body, headers=headers) as answer,
        ):
            status = answer.status_code
    except (httpx.HTTPError, OSError) as error:
        raise Undelivered(f"{host}: {str(error) or type(error).__name__}") from error
    if status not in FINE:
        raise Undelivered(f"{host} answered {status}")
