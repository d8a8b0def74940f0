"""Whose homes there are: from the account list, from the folders of homes, from what is given."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.host.files import Tree
from agent.host.users import Account, User, find_users, is_person, parse_passwd
from policy_schema.rules.observation import Unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="accounts are those of POSIX")

PASSWD = """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
# a comment
+@netgroup::::::
broken:x:one:two::/home/broken:/bin/sh
short:x:1:1
postgres:x:101:104::/var/lib/postgresql:/bin/bash
git:x:102:105::/srv/git:/usr/bin/false
li:x:1000:1000:Li:/home/li:/bin/zsh
wang:x:1001:1001::/home/wang:/usr/sbin/nologin
gone:x:1002:1002::/home/gone:/bin/bash
nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin
"""


def test_lines_that_are_no_accounts_are_left_out() -> None:
    names = [account.name for account in parse_passwd(PASSWD)]
    assert names == ["root", "daemon", "postgres", "git", "li", "wang", "gone", "nobody"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("root", True),
        ("daemon", False),
        ("postgres", True),
        ("git", False),
        ("li", True),
        ("wang", True),
        ("nobody", False),
    ],
)
def test_who_is_looked_at(name: str, expected: bool) -> None:
    (account,) = [account for account in parse_passwd(PASSWD) if account.name == name]
    assert is_person(account) is expected


@given(st.text(max_size=200))
def test_any_text_is_an_account_list(text: str) -> None:
    assert all(isinstance(account, Account) and account.uid >= 0 for account in parse_passwd(text))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A machine with the accounts above, of which some have a home."""
    for path in ("etc", "root", "var/lib/postgresql", "usr/sbin", "srv/git", "home/li", "home/wang", "home/lost+found"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "etc" / "passwd").write_text(PASSWD)
    return tmp_path


def test_everybody_with_a_home_is_found_by_name_number_and_canonical_home(tree: Path) -> None:
    (tree / "export").mkdir()
    (tree / "home" / "li").rename(tree / "export" / "li")
    (tree / "home" / "li").symlink_to("/export/li")
    with Tree(str(tree), foreign={}) as opened:
        found = find_users(opened)
    assert found.users == (
        User("li", 1000, 1000, "/export/li"),
        User("wang", 1001, 1001, "/home/wang"),
        User("root", 0, 0, "/root"),
        User("postgres", 101, 104, "/var/lib/postgresql"),
    )
    assert found.unknown == ()


def test_a_home_of_somebody_who_is_in_no_list_is_found_and_called_after_its_owner(tree: Path) -> None:
    (tree / "home" / "ldap-user").mkdir()
    with Tree(str(tree), foreign={}) as opened:
        found = find_users(opened)
        names = {user.home: user.name for user in found.users}
    owner = found.owners(os.getuid())
    assert names["/home/ldap-user"] == owner
    assert found.owners(4242) == "4242"


def test_only_the_given_homes_count_and_a_missing_one_is_unknown(tree: Path) -> None:
    with Tree(str(tree), foreign={}) as opened:
        found = find_users(opened, ["/home/wang", "/home/nowhere"])
    assert [user.home for user in found.users] == ["/home/wang"]
    assert found.unknown == (Unknown("/home/nowhere", "no such folder"),)


def test_a_home_on_a_network_is_unknown_and_not_entered(tree: Path) -> None:
    with Tree(str(tree), foreign={"/home/li": "a network or FUSE filesystem (nfs4) is not read"}) as opened:
        found = find_users(opened)
    assert "/home/li" not in {user.home for user in found.users}
    assert found.unknown[0] == Unknown("/home/li", "a network or FUSE filesystem (nfs4) is not read")


def test_without_root_other_people_s_homes_on_this_machine_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 987_654)
    with Tree() as opened:
        found = find_users(opened)
    assert {user.uid for user in found.users} <= {987_654}
    assert found.unknown
    assert {place.reason for place in found.unknown} == {"permission denied"}


@pytest.mark.parametrize("content", [None, "pipe", b"\xff" * 100], ids=["none", "a pipe", "no text"])
def test_an_account_list_that_is(content: bytes | str | None, tree: Path) -> None:
    (tree / "etc" / "passwd").unlink()
    if content == "pipe":
        os.mkfifo(tree / "etc" / "passwd")
    elif isinstance(content, bytes):
        (tree / "etc" / "passwd").write_bytes(content)
    with Tree(str(tree), foreign={}) as opened:
        found = find_users(opened)
    assert {"/home/li", "/home/wang"} <= {user.home for user in found.users}
    assert found.unknown == ((Unknown("/etc/passwd", "not a regular file"),) if content == "pipe" else ())
