"""Addresses of servers without what may be secret in them: users, passwords, queries, made-up parts. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import NamedTuple
from urllib.parse import urlsplit

from agent.moving.secrets import holds, looks_secret, reference

_PART = re.compile(r"[A-Za-z]{1,24}(?:[-_.][A-Za-z]{1,24}){0,6}|[vV]?\d{1,4}(?:\.\d{1,3})?|")
_LABEL = re.compile(r"[A-Za-z]{1,24}(?:-[A-Za-z]{1,24}){0,4}\d{0,3}|\d{1,3}")
_QUERY_NAME = re.compile(r"[A-Za-z][A-Za-z_.-]{0,40}")
_SCHEMES = ("http", "https", "ws", "wss")


class Address(NamedTuple):
    """An address as it may be shown; `missing` names what stands in it for something left out."""

    text: str
    missing: tuple[str, ...] = ()


def shown_address(text: str, stem: str, hidden: Collection[str]) -> Address:
    """The address with `${STEM_URL_1}` for each part that is not plainly harmless.

    Raises:
        ValueError: it is no address of the web.
    """
    if name := reference(text):
        return Address(f"${{{name}}}", (name,))
    parts = urlsplit(text)
    if parts.scheme not in _SCHEMES or not parts.hostname or len(text) > 2000 or not text.isprintable():
        raise ValueError("its address is not one of the web")
    missing: list[str] = []

    def out() -> str:
        missing.append(f"{stem}_URL_{len(missing) + 1}")
        return f"${{{missing[-1]}}}"

    def judged(part: str, form: re.Pattern[str]) -> str:
        good = form.fullmatch(part) and not looks_secret(part) and not holds(part, hidden)
        return part if good else out()

    before = out() + "@" if "@" in parts.netloc else ""
    host = ".".join(judged(label, _LABEL) for label in parts.hostname.split("."))
    port = f":{parts.port}" if parts.port else ""
    path = "/".join(judged(part, _PART) for part in parts.path.split("/"))
    query = "&".join(_query(pair, out) for pair in parts.query.split("&")) if parts.query else ""
    made = f"{parts.scheme}://{before}{host}{port}{path}{'?' if query else ''}{query}"
    return Address(made, tuple(missing))


def _query(pair: str, out: Callable[[], str]) -> str:
    name, equals, _ = pair.partition("=")
    known = equals and _QUERY_NAME.fullmatch(name) and not looks_secret(name)
    return f"{name}={out()}" if known else out()
