"""One content signature (an entry of `faces.content`) and its cheap test. `content.py` looks for it in files."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final, NamedTuple

from policy_schema.rules.binary import Kind, kind_of

MAX_TAIL: Final = 32 << 20
MAX_TEXT: Final = 40 << 20
MAX_LITERALS: Final = 64
MAX_LITERAL: Final = 1024


class Signature(NamedTuple):
    """One entry of `faces.content`. Sizes in bytes. Build it with `compile_signature`."""

    id: str
    kinds: frozenset[Kind]
    min_size: int
    max_size: int
    """0 when there is no limit."""
    section: str
    trailer: bytes
    tail: int
    version: bytes
    """What stands before the version, such as `// Version: `; empty when the content tells none."""
    all: tuple[bytes, ...]
    some: tuple[bytes, ...]
    least: int
    """How many of `some` must be there."""

    def may_match(self, head: bytes, size: int) -> bool:
        """The cheap test: kind by the first HEAD_SIZE bytes, and size."""
        kind = kind_of(head)
        if kind not in self.kinds or size < self.min_size or (self.max_size and size > self.max_size):
            return False
        return kind is not Kind.TEXT or size <= MAX_TEXT

    def is_shown_by(self, seen: Container[bytes]) -> bool:
        """Tells whether these texts are all that the signature asks for."""
        return all(text in seen for text in self.all) and sum(text in seen for text in self.some) >= self.least


def compile_signature(id: str, fields: Mapping[str, object]) -> Signature:
    """Compiles one entry of `faces.content` in its closed form. A field may be missing, null or empty alike.

    Raises:
        ValueError: a field is wrong; the message names it.
    """
    some = fields.get("some") or {}
    if not isinstance(some, Mapping):
        raise ValueError(f"{id}: some: write {{least: 2, of: [...]}}")
    made = Signature(
        id=id,
        kinds=frozenset(_kind(id, name) for name in _texts(id, fields, "magic")),
        min_size=_number(id, fields, "min_size"),
        max_size=_number(id, fields, "max_size"),
        section=_text(id, fields, "section"),
        trailer=_text(id, fields, "trailer").encode(),
        tail=_number(id, fields, "tail") or MAX_TAIL,
        version=_text(id, fields, "version").encode(),
        all=tuple(text.encode() for text in _texts(id, fields, "all")),
        some=tuple(text.encode() for text in _texts(id, some, "of")),
        least=_number(id, some, "least"),
    )
    _check(made)
    return made


def _check(made: Signature) -> None:
    texts = (*made.all, *made.some)
    if not made.kinds:
        raise ValueError(f"{made.id}: magic: name at least one of {', '.join(Kind)}")
    if not texts:
        raise ValueError(f"{made.id}: all: at least one text is needed, in `all` or in `some`")
    if len(texts) > MAX_LITERALS:
        raise ValueError(f"{made.id}: all, some: {len(texts)} texts are too many; {MAX_LITERALS} are allowed")
    for text in (*texts, made.trailer, made.version):
        if len(text) > MAX_LITERAL or b"\0" in text:
            raise ValueError(f"{made.id}: a text is longer than {MAX_LITERAL} bytes or has a zero byte in it")
    if b"" in texts:
        raise ValueError(f"{made.id}: an empty text matches every file")
    if (made.some or made.least) and not 1 <= made.least <= len(made.some):
        raise ValueError(f"{made.id}: some: least must be between 1 and the number of texts in `of`")
    if made.max_size and made.max_size < made.min_size:
        raise ValueError(f"{made.id}: max_size is smaller than min_size: no file would match")
    if made.tail > MAX_TAIL:
        raise ValueError(f"{made.id}: tail: at most {MAX_TAIL} bytes are looked at")


def _kind(id: str, name: str) -> Kind:
    try:
        return Kind(name)
    except ValueError:
        raise ValueError(f"{id}: magic: {name!r} is none of {', '.join(Kind)}") from None


def _text(id: str, fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name) or ""
    if not isinstance(value, str):
        raise ValueError(f"{id}: {name}: a text is expected")
    return value


def _texts(id: str, fields: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = fields.get(name) or ()
    if not isinstance(value, (list, tuple)) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{id}: {name}: a list of texts is expected")
    return tuple(value)


def _number(id: str, fields: Mapping[str, object], name: str) -> int:
    value = fields.get(name) or 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{id}: {name}: a number of bytes is expected")
    return value
