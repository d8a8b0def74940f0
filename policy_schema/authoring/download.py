"""Fetches a published repository for `verify`: bounded, no redirects, the system's certificates."""

from __future__ import annotations

import ssl
from urllib.parse import urljoin

import httpx
import truststore

from policy_schema.trust.collect import Have, collect
from policy_schema.trust.exceptions import NAMES
from policy_schema.trust.layout import POLICY
from policy_schema.trust.refusal import Refusal, Refused

TIMEOUT = 20.0
NO_SUCH_FILE = frozenset({403, 404, 410})


def download(url: str, *, first: int) -> dict[str, bytes]:
    """The files of the newest state, with all roots from number `first` on, and all exceptions and pauses.

    Raises:
        Refused: nothing answers, or what answers is no repository.
    """
    have = Have(root=first - 1, wanted=(POLICY, *sorted(NAMES)))
    base = url if url.endswith("/") else url + "/"
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with httpx.Client(verify=context, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"}) as client:
        return collect(lambda path, limit: _get(client, urljoin(base, path), limit), have)


def _get(client: httpx.Client, url: str, limit: int) -> bytes | None:
    pieces: list[bytes] = []
    size = 0
    try:
        with client.stream("GET", url) as response:
            if response.status_code in NO_SUCH_FILE:
                return None
            if response.status_code != 200:
                raise Refused(Refusal.UNREACHABLE, f"it answered {response.status_code} for {url}")
            for piece in response.iter_raw():
                size += len(piece)
                if size > limit:
                    raise Refused(Refusal.TOO_BIG, f"{url}: more than {limit} bytes")
                pieces.append(piece)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
        raise Refused(Refusal.UNREACHABLE, f"{type(error).__name__}: {error}") from error
    return b"".join(pieces)
