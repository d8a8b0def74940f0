"""Orders: who may have written them, and what cannot be followed."""

from __future__ import annotations

import json
import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.gate.orders import OrdersRefused, lies_below, parse_orders
from agent.gate.orders_file import read_orders, refusal
from tests.fakes.gate import orders

REGULAR, FOLDER = stat.S_IFREG | 0o600, stat.S_IFDIR | 0o700


def status(mode: int, uid: int = 0, size: int = 10) -> os.stat_result:
    """What stat says of such a file."""
    return os.stat_result((mode, 1, 1, 1, uid, 0, size, 0, 0, 0))


@pytest.mark.parametrize(
    ("file", "folder", "why"),
    [
        (status(REGULAR), status(FOLDER), ""),
        (status(stat.S_IFREG | 0o644), status(stat.S_IFDIR | 0o755), ""),
        (status(REGULAR), status(stat.S_IFDIR | 0o1777), ""),
        (status(REGULAR, 990), status(FOLDER, 990), ""),
        (status(REGULAR, 1000), status(FOLDER), "it does not belong to root"),
        (status(REGULAR), status(FOLDER, 1000), "it does not belong to root"),
        (status(stat.S_IFREG | 0o620), status(FOLDER), "others could have written it"),
        (status(stat.S_IFREG | 0o602), status(FOLDER), "others could have written it"),
        (status(REGULAR), status(stat.S_IFDIR | 0o777), "others could have written it"),
        (status(stat.S_IFIFO | 0o600), status(FOLDER), "not a regular file"),
        (status(REGULAR, size=1 << 40), status(FOLDER), "larger than 67108864 bytes"),
    ],
)
def test_who_may_have_written_orders(file: os.stat_result, folder: os.stat_result, why: str) -> None:
    assert refusal(file, folder, trusted=990) == why


def test_orders_of_the_daemon_are_read() -> None:
    made = parse_orders(json.dumps(orders(7, spare=["/home/li/kept/"], entries=["/x/cli.js"])).encode())
    assert (made.serial, made.spare, made.entries) == (7, ("/home/li/kept",), ("/x/cli.js",))
    assert made.enforce == {("claude-code", "claude-code", -1)}
    assert made.rules is not None and made.rules.device.id == "device-1"


@pytest.mark.parametrize(
    ("written", "homes"),
    [(["/srv/people/li/", "/"], ("/srv/people/li",)), (None, ())],
    ids=["named; the root of the machine is nobody's home", "of a daemon that does not tell"],
)
def test_homes_that_no_local_account_has_come_with_the_orders(
    written: list[str] | None, homes: tuple[str, ...]
) -> None:
    more = {} if written is None else {"homes": written}
    assert parse_orders(json.dumps(orders(1) | more).encode()).homes == homes


def test_exceptions_groups_and_pauses_come_with_the_device() -> None:
    device = {
        "id": "d",
        "groups": ["a"],
        "region": "CN",
        "exceptions": [{"id": "e", "ban": "claude-code", "device": "d", "until": 5}],
        "pauses": [{"ban": "claude-code", "until": 6}],
    }
    rules = parse_orders(json.dumps(orders(1, device=device)).encode()).rules
    assert rules is not None
    assert (rules.device.groups, rules.device.region, rules.next_change(rules.book.bans[0].stages[0].start)) != ()
    assert rules.device.groups == {"a"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"schema": 2}, "schema"),
        ({"serial": "1"}, "serial"),
        ({"serial": True}, "serial"),
        ({"floor": None}, "floor"),
        ({"enforce": [["a", "b"]]}, "enforce"),
        ({"enforce": [["a", "b", "1000"]]}, "enforce"),
        ({"spare": ["relative"]}, "spare"),
        ({"entries": "x"}, "entries"),
        ({"protected": ["/x\0y"]}, "protected"),
        ({"device": []}, "device"),
        ({"compiled": {"format": 99}}, "format"),
        ({"compiled": {}}, "format"),
    ],
)
def test_orders_that_cannot_be_followed_name_the_field(changes: dict[str, object], why: str) -> None:
    with pytest.raises(OrdersRefused, match=why):
        parse_orders(json.dumps(orders(1) | changes).encode())


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_any_bytes_are_orders_or_refused(data: bytes) -> None:
    with pytest.raises(OrdersRefused):
        parse_orders(data)


@given(
    st.sampled_from(["compiled", "device", "enforce", "spare", "serial"]),
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ),
)
def test_any_value_in_a_field_is_followed_or_refused(field: str, value: object) -> None:
    try:
        parse_orders(json.dumps(orders(1) | {field: value}).encode())
    except OrdersRefused:
        return


def test_a_missing_file_and_a_link_are_refused(tmp_path: os.PathLike[str]) -> None:
    with pytest.raises(OrdersRefused, match="No such file"):
        read_orders(os.path.join(tmp_path, "none"))
    os.symlink("/etc/passwd", os.path.join(tmp_path, "link"))
    with pytest.raises(OrdersRefused):
        read_orders(os.path.join(tmp_path, "link"))


@pytest.mark.parametrize(
    ("path", "below"),
    [("/a/b", True), ("/a/b/c", True), ("/a/bc", False), ("/a", False), ("", False)],
)
def test_what_lies_below_a_folder(path: str, below: bool) -> None:
    assert lies_below(path, ("/a/b",)) is below
