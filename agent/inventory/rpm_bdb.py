"""rpm's database as a hash of Berkeley DB, `Packages` (RHEL and its kin before 9, Amazon Linux 2). Pure; any bytes in,
records or a ValueError out.

Rules: Berkeley DB's dbinc/db_page.h and hash access method, and rpm's own reader (lib/backend/bdb_ro.c). Numbers have
the byte order of the machine that made the file. Page 0 says how long a page is and where each bucket's first page is;
pages of a bucket are chained. Items grow from a page's end: key, value, key, value; a long value is a chain of
overflow pages. The key is the package's number; number 0 is rpm's counter.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from agent.inventory.rpm_records import Damage, ReadAt, Record, bounded

_META: Final = 512
_PAGE_HEAD: Final = 26
_MAGIC: Final = 0x061561
_VERSIONS: Final = (8, 9, 10)
_PAGE_SIZES: Final = tuple(1 << bit for bit in range(9, 17))
_SPARES: Final = 32
_META_PAGE, _OVERFLOW_PAGE, _HASH_PAGES = 8, 7, (13, 2)
"""13 are hash pages whose items are sorted, 2 those of versions before 4.6."""
_ITEM_HERE, _ITEM_ELSEWHERE = 1, 3
_VISITS: Final = 4
"""No page of a sound file is needed more often: a header's are read for its head, and again for the whole."""


class _Meta(NamedTuple):
    order: str
    """As the module `struct` writes it."""
    page_size: int
    last_page: int
    buckets: int
    spares: tuple[int, ...]
    """By the number of bits of a bucket's number: what is added to it to get its first page."""


class _Page(NamedTuple):
    data: bytes
    next: int
    items: int
    """Of items; of an overflow page nothing."""
    used: int
    """Of an overflow page: bytes of the value in it."""
    kind: int


def records(read: ReadAt, size: int) -> Iterator[Record | Damage]:
    """Every installed package, bucket by bucket.

    Raises:
        ValueError: the file is not of this form.
    """
    meta = _meta(read(0, _META), size)
    yield from bounded(_records(_Pages(read, size, meta), meta), size)


def _meta(data: bytes, size: int) -> _Meta:
    if len(data) < _META:
        raise ValueError("it is no Berkeley DB: it is too short")
    order = next((order for order in "<>" if struct.unpack_from(order + "I", data, 12)[0] == _MAGIC), "")
    if not order:
        raise ValueError("it is no hash of Berkeley DB")
    version, page_size, encrypted, kind, flags, last, parts = struct.unpack_from(order + "IIBBB5xII", data, 16)
    if version not in _VERSIONS or kind != _META_PAGE:
        raise ValueError(f"version {version} of Berkeley DB's hash is not known")
    if encrypted or flags or parts:
        raise ValueError("it is encrypted, has checksums or parts: rpm makes none such")
    if page_size not in _PAGE_SIZES:
        raise ValueError(f"pages of {page_size} bytes")
    (highest,) = struct.unpack_from(order + "I", data, 72)
    if highest >= min(last + 1, size // page_size):
        raise ValueError(f"{highest + 1} buckets in a file of {size} bytes")
    return _Meta(order, page_size, last, highest + 1, struct.unpack_from(f"{order}{_SPARES}I", data, 96))


class _Pages:
    """The pages of a file; so many may be asked for, and no more: chains can be circles."""

    def __init__(self, read: ReadAt, size: int, meta: _Meta) -> None:
        self._read = read
        self._meta = meta
        self._left = _VISITS * (size // meta.page_size + 1)

    def page(self, number: int) -> _Page:
        """One page. Raises ValueError if it is not there, or another one is in its place."""
        meta = self._meta
        if self._left <= 0:
            raise ValueError("its pages lead in circles")
        self._left -= 1
        if not 0 < number <= meta.last_page:
            raise ValueError("it leads to a page that it does not have")
        data = self._read(number * meta.page_size, meta.page_size)
        if len(data) < meta.page_size:
            raise ValueError("it ends too early")
        own, following, count, used, kind = struct.unpack_from(meta.order + "I4xIHHxB", data, 8)
        if not any(data):
            return _Page(data, 0, 0, 0, _HASH_PAGES[0])  # a bucket that nothing was put into yet is not written
        if own != number:
            raise ValueError("a page that is not the one it should be")
        return _Page(data, following, count, used, kind)

    def value(self, first: int, length: int, limit: int) -> bytes:
        """The beginning of a long value, from its chain of pages. Raises ValueError."""
        wanted, number, found = min(length, limit), first, bytearray()
        while len(found) < wanted:
            page = self.page(number)
            room = min(self._meta.page_size - _PAGE_HEAD, length - len(found))
            if page.kind != _OVERFLOW_PAGE or not 0 < page.used <= room:
                raise ValueError("a page of its header is none")
            found += page.data[_PAGE_HEAD : _PAGE_HEAD + page.used]
            number = page.next
        return bytes(found[:wanted])


def _records(pages: _Pages, meta: _Meta) -> Iterator[Record | Damage]:
    seen: set[int] = set()
    for bucket in range(meta.buckets):
        number = bucket + meta.spares[bucket.bit_length()]
        while number:
            if number in seen:
                yield Damage("its pages lead in circles")
                break
            seen.add(number)
            try:
                page = pages.page(number)
                if page.kind not in _HASH_PAGES:
                    raise ValueError("a page of a bucket is none")
                items = _items(page, meta)
            except ValueError as error:
                yield Damage(str(error))
                break
            yield from _packages(pages, meta, items)
            number = page.next


def _items(page: _Page, meta: _Meta) -> list[bytes]:
    """The items of a page, keys and values in turn. Raises ValueError."""
    first = _PAGE_HEAD + 2 * page.items
    if page.items % 2 or first > meta.page_size:
        raise ValueError(f"a page with {page.items} items")
    offsets = struct.unpack_from(f"{meta.order}{page.items}H", page.data, _PAGE_HEAD)
    ends = (meta.page_size, *offsets)
    if any(not first <= offset < end for offset, end in zip(offsets, ends, strict=False)):
        raise ValueError("items that do not fit their page")
    return [page.data[offset:end] for offset, end in zip(offsets, ends, strict=False)]


def _packages(pages: _Pages, meta: _Meta, items: list[bytes]) -> Iterator[Record | Damage]:
    for key, value in zip(items[::2], items[1::2], strict=True):
        if key[0] != _ITEM_HERE or len(key) != 5:
            yield Damage("a key that is no package's number")
            continue
        (number,) = struct.unpack_from(meta.order + "I", key, 1)
        if number:
            yield _record(pages, meta, number, value)


def _record(pages: _Pages, meta: _Meta, number: int, value: bytes) -> Record | Damage:
    if value[0] == _ITEM_HERE:
        return Record(number, len(value) - 1, partial(_beginning, value[1:]))
    if value[0] == _ITEM_ELSEWHERE and len(value) == 12:
        first, length = struct.unpack_from(meta.order + "II", value, 4)
        return Record(number, length, partial(pages.value, first, length))
    return Damage(f"package number {number}: its value is of no known kind")


def _beginning(data: bytes, limit: int) -> bytes:
    return data[:limit]
